"""A colour bar with its numbers."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages.ui.formatting import number
from pages.ui.images import LARGE
from vae_core.analysis import heatmaps


def colour_bar(colormap: str, low: float, high: float) -> None:
    """The colours from low to high with the raw values at their ends."""
    stops = ", ".join(f"rgb{tuple(map(int, rgb))}" for rgb in heatmaps.colour(np.linspace(0, 1, 17), colormap))
    st.html(
        f'<div role="img" aria-label="Colours from {number(low)} to {number(high)}" style="max-width: {LARGE}px">'
        f'<div style="height: 12px; border-radius: 3px; background: linear-gradient(to right, {stops})"></div>'
        '<div style="display: flex; justify-content: space-between; font-size: 0.85rem; font-variant-numeric: tabular-nums">'
        f"<span>{number(low)}</span><span>{number((low + high) / 2)}</span><span>{number(high)}</span></div></div>"
    )
