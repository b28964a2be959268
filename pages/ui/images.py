"""Arrays as pictures to show, and the colours of the classes. No streamlit here."""

from __future__ import annotations

import base64
import zlib
from io import BytesIO

import numpy as np
from PIL import Image

# Ten colours at least 29 CIELAB units apart for full colour vision and each dichromacy (Machado, Oliveira & Fernandes
# 2009), and at 3.2 : 1 or better on black, where the garments lie. A test measures both.
CLASS_COLOURS = (
    "#40f8e0",
    "#3f40fc",
    "#8441be",
    "#f58bfa",
    "#993f75",
    "#f3de07",
    "#baf184",
    "#fe240d",
    "#ad332e",
    "#47ae7c",
)
SIDE = 20  # garments a side, decoded below the codes
LARGE = 336  # pixels a side of an enlarged picture, twelve times 28


def class_colour(label: int) -> str:
    """The colour of a class wherever it is shown; an eleventh class begins again."""
    return CLASS_COLOURS[label % len(CLASS_COLOURS)]


def extent_of(codes: np.ndarray) -> float:
    """Half the side of a square about 0 that holds 99 % of the codes (n, 2), 3 at least and 6 at most, in halves."""
    reach = float(np.quantile(np.abs(codes).max(axis=1), 0.99, method="higher"))
    return float(np.clip(np.ceil(reach * 2) / 2, 3, 6))


def enlarge(image: np.ndarray, pixels: int = 252) -> np.ndarray:
    """A small picture, float in [0, 1] or uint8, as uint8 with crisp pixels, about `pixels` wide: (h, w[, c]) -> (H, W[, 3])."""
    if image.dtype != np.uint8:
        image = np.round(255 * image).astype(np.uint8)
    times = max(1, pixels // image.shape[1])
    image = image[..., 0] if image.ndim == 3 and image.shape[2] == 1 else image
    return image.repeat(times, axis=0).repeat(times, axis=1)


def data_uri(image: np.ndarray) -> str:
    """uint8 (h, w) or (h, w, 3) as a PNG in a data URI. Packed by runs of equal bytes: enlarged pixels are that, and it is quick."""
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, "PNG", compress_level=1, compress_type=zlib.Z_RLE)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
