"""What the usual picture formats make of small pictures: bytes, and the pictures that come back.

>>> encoded = encode_image(np.zeros((28, 28, 1), np.uint8), "png")
>>> len(encoded) < 200
True
"""

from __future__ import annotations

import io
import math
import zlib
from functools import partial

import numpy as np
from PIL import Image

LOSSLESS = ("png", "webp lossless", "zlib")
LOSSY = ("jpeg", "webp")


def encode_image(pixels: np.ndarray, format: str, quality: int = 75) -> bytes:
    """One picture as a file.

    Args:
        pixels: (h, w, 1 or 3) uint8.
        format: One of `LOSSLESS` or `LOSSY`; "zlib" packs the pixels without any header.
        quality: Of JPEG and WebP, 1..100.

    Raises:
        ValueError: Another format.
    """
    if format == "zlib":
        return zlib.compress(np.ascontiguousarray(pixels).tobytes(), 9)
    buffer, image = io.BytesIO(), Image.fromarray(pixels.squeeze(axis=2) if pixels.shape[2] == 1 else pixels)
    savers = {
        "png": partial(image.save, format="PNG", optimize=True),
        "webp lossless": partial(image.save, format="WEBP", lossless=True, quality=100),
        "jpeg": partial(image.save, format="JPEG", quality=quality, optimize=True),
        "webp": partial(image.save, format="WEBP", quality=quality, method=6),
    }
    if format not in savers:
        raise ValueError(f"format must be one of {', '.join((*LOSSLESS, *LOSSY))}, got {format!r}.")
    savers[format](buffer)
    return buffer.getvalue()


def decode_image(data: bytes, shape: tuple[int, int, int]) -> np.ndarray:
    """The pixels of a file that `encode_image` has written, in any format but "zlib": uint8 of `shape` (h, w, 1 or 3)."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("L" if shape[2] == 1 else "RGB")).reshape(shape)


def files(pixels: np.ndarray, format: str, quality: int) -> tuple[float, np.ndarray]:
    """Each picture as a file of its own.

    Args:
        pixels: (n, h, w, 1 or 3) uint8, n of 1 or more.
        format: One of `LOSSY`, or of `LOSSLESS`.
        quality: 1..100.

    Returns:
        Bits a picture, mean, and what comes back: uint8 like `pixels`.
    """
    encoded = [encode_image(picture, format, quality) for picture in pixels]
    bits = 8 * sum(map(len, encoded)) / len(pixels)
    if format in LOSSLESS:
        return bits, pixels
    return bits, np.stack([decode_image(data, pixels.shape[1:]) for data in encoded])


def sheet(pixels: np.ndarray, format: str, quality: int) -> tuple[float, np.ndarray]:
    """All pictures in one file, side by side, so that its header is shared by all of them; arguments as for `files`.

    Each is padded to whole blocks of 8 pixels by repeating its edge.
    """
    n, height, width, channels = pixels.shape
    tall, wide = -(-height // 8) * 8, -(-width // 8) * 8
    columns = math.ceil(math.sqrt(n))
    rows = -(-n // columns)
    padded = np.pad(pixels, ((0, rows * columns - n), (0, tall - height), (0, wide - width), (0, 0)), mode="edge")
    tiles = padded.reshape(rows, columns, tall, wide, channels)
    whole = tiles.transpose(0, 2, 1, 3, 4).reshape(rows * tall, columns * wide, channels)
    data = encode_image(whole, format, quality)
    back = whole if format in LOSSLESS else decode_image(data, (rows * tall, columns * wide, channels))
    tiles = back.reshape(rows, tall, columns, wide, channels).transpose(0, 2, 1, 3, 4)
    return 8 * len(data) / n, tiles.reshape(-1, tall, wide, channels)[:n, :height, :width]
