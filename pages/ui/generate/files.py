"""What the page Generate hands out as files: PNG of a sheet, of a picture and of a strip, and an animated GIF."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image

from pages.ui.images import enlarge
from vae_core.analysis.mosaics import mosaic


def picture_png(image: np.ndarray) -> bytes:
    """A picture (h, w, c) in [0, 1], enlarged with crisp pixels."""
    return _png(enlarge(image))


def sheet_png(images: np.ndarray, columns: int) -> bytes:
    """Pictures (n, h, w, c) in [0, 1] side by side, each pixel two."""
    return _png(mosaic(images, columns=columns, scale=2))


def walk_gif(images: np.ndarray, milliseconds: int = 90) -> bytes:
    """Frames (n, h, w, c) in [0, 1] there and back for ever, each pixel six."""
    from vae_core.analysis.generation.animation import gif

    return gif(images, milliseconds)


def _png(image: np.ndarray) -> bytes:
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()
