"""A picture under a frame that can be dragged and resized, by pointer or by keys: what lies in it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import streamlit as st

from pages.ui.components._assets import script, style
from pages.ui.images import data_uri

FOLDER = Path(__file__).parent
LEAST = 0.05  # share of a side that a frame has at least
Box = tuple[float, float, float, float]  # left, top, right, bottom, as shares of the sides
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)

_frame = st.components.v2.component(
    "vae_explorer_crop_frame", css=style(FOLDER / "crop_frame.css"), js=script(FOLDER / "crop_frame.js")
)


def crop_frame(image: np.ndarray, box: Box, key: str, label: str) -> None:
    """Show the frame at `box`; `framed(key)` tells in the next run where it was let go.

    image: uint8 (h, w) or (h, w, 3). label: what the picture is, for a screen reader.
    """
    _frame(
        key=key,
        data={"picture": data_uri(image), "box": tuple(box), "label": label, "width": int(image.shape[1])},
        on_box_change=_ignore,
    )


def framed(key: str) -> Box | None:
    """Where the frame was just let go, known before it is drawn; None in any other run, and for what is no frame."""
    value = st.session_state.get(key)
    sides = value.get("box") if isinstance(value, Mapping) else None
    if not isinstance(sides, list | tuple) or len(sides) != 4:
        return None
    if not all(type(side) in (int, float) and 0 <= side <= 1 for side in sides):
        return None
    left, top, right, bottom = map(float, sides)
    return (left, top, right, bottom) if right - left > LEAST / 2 and bottom - top > LEAST / 2 else None


def _ignore() -> None:
    """Streamlit wants a callback for a value to be there; `framed` reads it instead."""
