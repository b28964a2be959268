"""A picture on a page."""

from __future__ import annotations

from typing import Literal

import numpy as np
import streamlit as st

from pages.ui.images import data_uri


def picture(
    image: np.ndarray | str,
    alt: str,
    width: int | Literal["content", "stretch"] = "content",
    caption: str | None = None,
) -> None:
    """A picture, pixel for pixel; `width` in CSS pixels, or as the picture or the page has it.

    image: uint8 (h, w) or (h, w, 3), or what `data_uri` has made of it: packing takes a while where it is shown each second.

    Given an array, Streamlit sends JPEG, which smears the pixels and colours that are to be looked at, and behind an
    address that is gone as soon as the page has run again: a browser that asks a moment late is told there is none.
    """
    st.image(image if isinstance(image, str) else data_uri(image), alt=alt, width=width, caption=caption)
