"""Frames as an animated GIF.

>>> gif(np.zeros((3, 4, 4, 1), np.float32))[:6]
b'GIF89a'
"""

from __future__ import annotations

from io import BytesIO

import numpy as np

from vae_core.analysis.mosaics import mosaic


def gif(images: np.ndarray, milliseconds: int = 90, scale: int = 6, comment: str = "") -> bytes:
    """Frames there and back, for ever.

    Args:
        images: (n, h, w, c), float in [0, 1] or uint8, n of 1 or more.
        milliseconds: Time of a frame.
        scale: Every pixel becomes a square of that side.
        comment: Text in the file.

    Returns:
        Bytes of a GIF of n frames there and n - 2 back.
    """
    from PIL import Image

    order = [*range(len(images)), *range(len(images) - 2, 0, -1)]
    frames = [Image.fromarray(mosaic(images[i : i + 1], scale=scale)) for i in order]
    buffer = BytesIO()
    frames[0].save(
        buffer, "GIF", save_all=True, append_images=frames[1:], duration=milliseconds, loop=0, comment=comment
    )
    return buffer.getvalue()
