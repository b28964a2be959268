"""Pictures resized, laid over each other, or side by side. Every result but `resize`'s is uint8 RGB.

>>> import numpy as np
>>> digits = np.zeros((6, 28, 28, 1), np.float32)
>>> mosaic(digits, columns=3, gap=2).shape
(58, 88, 3)
>>> resize(np.array([[0, 1], [2, 3]]), (2, 4)).tolist()
[[0, 0, 1, 1], [2, 2, 3, 3]]
"""

from __future__ import annotations

import math

import numpy as np

from vae_core.analysis.checks import finite_map


def resize(values: np.ndarray, size: tuple[int, int], method: str = "nearest") -> np.ndarray:
    """A map or picture at another size.

    Args:
        values: (h, w) or (h, w, c), not empty.
        size: (height, width) of the result, in pixels, 1 or more.
        method: "nearest" shows the native pixels; "bilinear" is smooth, and looks more precise than the map is.

    Returns:
        (height, width) or (height, width, c), of the same dtype.

    Raises:
        ValueError: Another shape, a size below 1, or another method.
    """
    values = np.asarray(values)
    if values.ndim not in (2, 3) or values.size == 0 or min(size) < 1:
        raise ValueError(f"resize takes (h, w) or (h, w, c) to a size of 1 or more, got {values.shape} to {size}.")
    if method == "nearest":
        rows, columns = (
            (np.arange(new) * 2 + 1) * old // (2 * new) for new, old in zip(size, values.shape, strict=False)
        )
        return values[rows][:, columns]
    if method != "bilinear":
        raise ValueError(f'method must be "nearest" or "bilinear", got {method!r}.')
    from PIL import Image

    layers = np.moveaxis(values.reshape(*values.shape[:2], -1).astype(np.float32), 2, 0)  # (c, h, w)
    resized = [Image.fromarray(layer).resize(size[::-1], Image.Resampling.BILINEAR) for layer in layers]
    smooth = np.stack([np.asarray(layer) for layer in resized], axis=2).reshape(*size, *values.shape[2:])
    if np.issubdtype(values.dtype, np.integer):
        smooth = np.round(smooth)
    return smooth.astype(values.dtype)


def overlay(picture: np.ndarray, heatmap_rgb: np.ndarray, alpha: float | np.ndarray = 0.5) -> np.ndarray:
    """A picture under a coloured map.

    Args:
        picture: (h, w), (h, w, 1) or (h, w, 3), float in [0, 1] or uint8.
        heatmap_rgb: (h, w, 3) uint8.
        alpha: The map's share, 0 (picture only) to 1 (map only): one number, or (h, w).

    Returns:
        (h, w, 3) uint8.

    Raises:
        ValueError: Sizes that differ, another dtype, or an alpha outside [0, 1].
    """
    below = _rgb(np.asarray(picture)[None])[0].astype(np.float32)  # (h, w, 3)
    above = np.asarray(heatmap_rgb)
    if above.dtype != np.uint8 or above.shape != below.shape:
        raise ValueError(
            f"the heatmap must be uint8 RGB of the picture's size {below.shape}, got {above.dtype} {above.shape}. "
            "Use resize and colour first."
        )
    share = np.asarray(alpha, np.float32)
    if share.shape not in ((), below.shape[:2]) or not ((share >= 0) & (share <= 1)).all():
        raise ValueError(f"alpha must be a number in 0..1 or an array {below.shape[:2]} of such, got {alpha}.")
    share = share[..., None] if share.ndim else share
    return np.round((1 - share) * below + share * above).astype(np.uint8)


def mosaic(images: np.ndarray, columns: int | None = None, gap: int = 1, scale: int = 1, fill: int = 0) -> np.ndarray:
    """Pictures side by side, row by row.

    Args:
        images: (n, h, w), (n, h, w, 1) or (n, h, w, 3), float in [0, 1] or uint8, n of 1 or more.
        columns: Pictures in a row, 1 or more; None for as near to a square as it goes.
        gap: Pixels between the pictures, 0 or more.
        scale: Every pixel becomes a square of that side, 1 or more, never blurred.
        fill: Grey of the gaps, 0..255.

    Returns:
        (height, width, 3) uint8.

    Raises:
        ValueError: No picture, pictures of another shape or range, or an argument out of range.
    """
    tiles = _rgb(np.asarray(images))  # (n, h, w, 3)
    n, height, width, _ = tiles.shape
    columns = math.ceil(math.sqrt(n)) if columns is None else columns
    if n == 0 or columns < 1 or gap < 0 or scale < 1 or not 0 <= fill <= 255:
        raise ValueError(
            "a mosaic needs one picture or more, columns and scale of 1 or more, gap of 0 or more and fill in 0..255: got "
            f"{n} pictures, columns={columns}, scale={scale}, gap={gap}, fill={fill}."
        )
    columns = min(columns, n)
    rows = -(-n // columns)
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), fill, np.uint8)
    for i, tile in enumerate(tiles):
        top, left = i // columns * (height + gap), i % columns * (width + gap)
        sheet[top : top + height, left : left + width] = tile
    return sheet.repeat(scale, axis=0).repeat(scale, axis=1)


def _rgb(images: np.ndarray) -> np.ndarray:
    """(n, h, w[, 1 or 3]) uint8, or float in [0, 1] -> (n, h, w, 3) uint8."""
    shape = images.shape
    images = images[..., None] if images.ndim == 3 else images
    if images.ndim != 4 or images.shape[3] not in (1, 3):
        raise ValueError(f"pictures must be (h, w), (h, w, 1) or (h, w, 3) each, got shape {shape[1:]}.")
    if images.dtype != np.uint8:
        images = finite_map(images)
        if images.size and not (images.min() >= 0 and images.max() <= 1):
            raise ValueError(
                f"pictures must be uint8 or lie in [0, 1], got {images.min()} to {images.max()}. Use normalise first."
            )
        images = np.round(images * 255).astype(np.uint8)
    return np.broadcast_to(images, (*images.shape[:3], 3))
