"""A slider that wipes between two pictures, in the browser alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import streamlit as st

from pages.ui.components._assets import script, style
from pages.ui.images import data_uri

FOLDER = Path(__file__).parent

_wipe = st.components.v2.component("vae_explorer_wipe", css=style(FOLDER / "wipe.css"), js=script(FOLDER / "wipe.js"))


def wipe(left: np.ndarray, right: np.ndarray, names: tuple[str, str], key: str) -> None:
    """Show two pictures of one shape, (h, w) or (h, w, 3) uint8, on top of each other, as wide as they are or as there is room.

    names: what they are, left and right. Raises `ValueError` if the shapes differ.
    """
    if left.shape != right.shape:
        raise ValueError(f"pictures to wipe between must have one shape, got {left.shape} and {right.shape}.")
    # tuples, not dicts: Streamlit imports pandas to see whether one is a table
    sides = {"left": (data_uri(left), names[0]), "right": (data_uri(right), names[1])}
    _wipe(key=key, data={**sides, "width": left.shape[1]})
