"""What the uses share on the page: a row of pictures, a chart's look, a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from pages.ui.formatting import markdown_text, plain_text
from pages.ui.images import enlarge
from pages.ui.shared.picture import picture
from pages.ui.shared.verdict_card import show_verdict
from vae_core.analysis.verdicts import Level, Verdict

HEIGHT = 360  # pixels of a chart
WIDE = {"displayModeBar": False}


class Shown(NamedTuple):
    """A picture of a row: title, array (h, w, c) in [0, 1] or uint8, alt text, and a line of plain text below it."""

    title: str
    image: np.ndarray
    alt: str
    note: str = ""


def picture_row(pictures: Sequence[Shown], columns: int) -> None:
    """Pictures side by side, in rows of so many, on a phone too."""
    # Streamlit's columns have a least width, which cuts off the last of many.
    st.html('<style>[class*="st-key-use_pictures_"] [data-testid="stColumn"] { min-width: 0; flex: 1 1 0; }</style>')
    for first in range(0, len(pictures), columns):
        with st.container(key=f"use_pictures_{first}"):
            slots = st.columns(columns, wrap=False, gap="small")
        for slot, shown in zip(slots, pictures[first : first + columns], strict=False):
            with slot:
                st.markdown(f"**{markdown_text(shown.title)}**")
                picture(enlarge(shown.image, 168), alt=plain_text(shown.alt), width="stretch")
                if shown.note:
                    st.caption(markdown_text(shown.note))


def say(kind: str, sentence: str, why: str = "", level: Level = "good") -> None:
    """What the figures come to, as a sentence with a coloured edge; plain text."""
    show_verdict(Verdict(kind, level, sentence, why), "applications")


def plain_chart(figure: go.Figure, x: str, y: str, height: int = HEIGHT, legend: bool = True) -> go.Figure:
    """The same look for every chart of the page: no zoom, the legend below."""
    figure.update_layout(
        height=height,
        margin={"l": 56, "r": 16, "t": 16, "b": 48},
        showlegend=legend,
        legend={"orientation": "h", "y": -0.2, "yanchor": "top", "x": 0},
        dragmode=False,
        xaxis_title=x,
        yaxis_title=y,
    )
    figure.update_xaxes(fixedrange=True, zeroline=False)
    figure.update_yaxes(fixedrange=True, zeroline=False)
    return figure
