"""Arrays to pictures: normalise, colour, resize, overlay, mosaic. Every picture is uint8 RGB, (h, w, 3).

Sequential colour maps are for values without a sign, diverging ones, symmetric about 0, for those with one.
Each function that scales gives back the limits it used, so that they can be printed beside the picture.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

SEQUENTIAL, DIVERGING = "viridis", "RdBu_r"
SCOPES = ("channel", "layer", "all")
Limits = tuple[float, float]


class Scaled(NamedTuple):
    """values in [0, 1] float32, of the map's shape; the raw low and high that became 0 and 1.

    low and high are (channels,) for a map (h, w, channels), and of shape () for a map (h, w).
    """

    values: np.ndarray
    low: np.ndarray
    high: np.ndarray


class Heatmap(NamedTuple):
    """A coloured map (h, w, 3) uint8 with the raw values at the two ends of its colours."""

    rgb: np.ndarray
    low: float
    high: float


def limits_of(maps: np.ndarray | Iterable[np.ndarray], clip: float = 0.0, signed: bool = False) -> Limits:
    """The raw (low, high) over one array or several together, for `normalise(..., limits=...)`.

    clip: the share of the strongest values that may saturate, 0 to 0.5; 0.01 keeps a few bright points from darkening
    the rest. signed: (-m, m), m the largest absolute value.
    """
    arrays = [maps] if isinstance(maps, np.ndarray) else list(maps)
    values = np.concatenate([_finite(array).ravel() for array in arrays]) if arrays else np.zeros(0)
    if values.size == 0:
        raise ValueError("limits need one value or more, got none.")
    if not 0 <= clip < 0.5:
        raise ValueError(f"clip must be a share in 0..0.5 of the values, such as 0.01, got {clip}.")
    if signed:
        top = float(np.quantile(np.abs(values), 1 - clip))
        return -top, top
    return float(values.min()), float(np.quantile(values, 1 - clip))


def normalise(
    values: np.ndarray, scope: str = "channel", limits: Limits | None = None, clip: float = 0.0, signed: bool = False
) -> Scaled:
    """Scale a map (h, w) or (h, w, channels) to [0, 1].

    scope: "channel", each channel by its own limits; "layer", all channels by their common ones; "all", by `limits`
    taken over all layers by `limits_of`, which lets layers be compared.
    limits: (low, high) given outright, for any scope; values beyond them saturate. clip, signed: as in `limits_of`.
    A constant map is 0 everywhere, and an all-zero signed map 0.5, the middle of a diverging colour map.
    """
    raw = _finite(values)
    if raw.ndim not in (2, 3) or raw.size == 0:
        raise ValueError(f"a map must have shape (h, w) or (h, w, channels), got {raw.shape}.")
    if scope not in SCOPES:
        raise ValueError(f"scope must be one of {', '.join(SCOPES)}, got {scope!r}.")
    channels = raw.shape[2:]  # () or (c,)
    if limits is not None:
        if not (np.isfinite(limits).all() and limits[0] <= limits[1]):
            raise ValueError(f"limits must be (low, high) with low at most high, got {limits}.")
        pairs = [limits]
    elif scope == "all":
        raise ValueError('scope "all" needs limits=limits_of(maps), taken over all the layers to be shown.')
    elif scope == "channel" and channels:
        pairs = [limits_of(raw[..., channel], clip, signed) for channel in range(channels[0])]
    else:
        pairs = [limits_of(raw, clip, signed)]
    ends = np.array(pairs, np.float64) if channels else np.array(pairs[0], np.float64)  # (1 or c, 2) or (2,)
    low, high = (np.broadcast_to(ends[..., end], channels) for end in (0, 1))
    width = high - low
    flat = 0.5 if signed else 0.0
    scaled = np.where(width > 0, (np.clip(raw, low, high) - low) / np.where(width > 0, width, 1), flat)
    return Scaled(scaled.astype(np.float32), low, high)


def normalise_together(
    maps: Sequence[np.ndarray], scope: str = "channel", limits: Limits | None = None, signed: bool = False
) -> list[Scaled]:
    """The maps (h, w, channels) that one layer gives to several pictures, on common limits, so that the pictures compare.

    Otherwise as `normalise`: with scope "channel" each channel has its own limits, taken over all the pictures.
    """
    shapes = {np.shape(array) for array in maps}
    if len(shapes) != 1:
        raise ValueError(f"maps to scale together must be of one shape, got {sorted(shapes)}.")
    height = np.shape(maps[0])[0]
    values, low, high = normalise(np.concatenate([_channels(array) for array in maps]), scope, limits, signed=signed)
    return [Scaled(values[i * height : (i + 1) * height], low, high) for i in range(len(maps))]


def colour(values: np.ndarray, colormap: str = SEQUENTIAL) -> np.ndarray:
    """Values in [0, 1] of any shape (...) -> uint8 RGB (..., 3), by one of matplotlib's colour maps."""
    values = _finite(values)
    if values.size and not (values.min() >= 0 and values.max() <= 1):
        raise ValueError(
            f"values to colour must lie in [0, 1], got {values.min()} to {values.max()}. Use normalise first."
        )
    return _colours(colormap)(values, bytes=True)[..., :3]


def heatmap(values: np.ndarray, colormap: str = SEQUENTIAL, limits: Limits | None = None, clip: float = 0.0) -> Heatmap:
    """A map (h, w) without a sign, coloured between its least and largest value or between `limits`."""
    scaled = normalise(_plane(values), limits=limits, clip=clip)
    return Heatmap(colour(scaled.values, colormap), float(scaled.low), float(scaled.high))


def signed_heatmap(
    values: np.ndarray, limit: float | None = None, colormap: str = DIVERGING, clip: float = 0.0
) -> Heatmap:
    """A map (h, w) with a sign, coloured from -limit to limit (its largest absolute value by default); 0 is the middle."""
    if limit is not None and not (math.isfinite(limit) and limit >= 0):
        raise ValueError(f"limit must be a finite number, 0 or more, got {limit}.")
    scaled = normalise(_plane(values), limits=None if limit is None else (-limit, limit), clip=clip, signed=True)
    return Heatmap(colour(scaled.values, colormap), float(scaled.low), float(scaled.high))


def signed_error(image: np.ndarray, reconstruction: np.ndarray, limit: float = 1.0) -> np.ndarray:
    """reconstruction - image between -limit and limit: red where it is too bright, blue where too dark.

    Both (h, w, c) in [0, 1], channels averaged -> (h, w, 3) uint8. The limits are fixed, so that pictures compare.
    """
    image, reconstruction = _both(image, reconstruction)
    return signed_heatmap((reconstruction - image).mean(axis=2), limit).rgb


def ssim_colours(image: np.ndarray, reconstruction: np.ndarray, colormap: str = "magma") -> np.ndarray:
    """The SSIM map between fixed limits, 0 (dark: unlike) and 1 (bright: alike): (h, w, c) twice -> (h, w, 3) uint8.

    SSIM below 0, where light and dark are swapped, is as dark as 0.
    """
    from vae_core.analysis.evaluation import ssim_map

    image, reconstruction = _both(image, reconstruction)
    return heatmap(ssim_map(image[None], reconstruction[None])[0], colormap, limits=(0.0, 1.0)).rgb


def channel_grid(
    feature_map: np.ndarray,
    scope: str = "channel",
    limits: Limits | None = None,
    colormap: str = SEQUENTIAL,
    columns: int | None = None,
    scale: int = 1,
) -> np.ndarray:
    """All channels of a feature map (h, w, channels), normalised and coloured, as one mosaic (H, W, 3) uint8."""
    values = normalise(_channels(feature_map), scope, limits).values
    return mosaic(colour(np.moveaxis(values, 2, 0), colormap), columns, scale=scale)


def resize(values: np.ndarray, size: tuple[int, int], method: str = "nearest") -> np.ndarray:
    """A map (h, w) or picture (h, w, c) at size (height, width), dtype kept.

    method: "nearest" shows the native pixels; "bilinear" is smooth, and looks more precise than the map is.
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

    layers = np.moveaxis(values.reshape(*values.shape[:2], -1).astype(np.float32), 2, 0)
    wide = [Image.fromarray(layer).resize(size[::-1], Image.Resampling.BILINEAR) for layer in layers]
    smooth = np.stack([np.asarray(layer) for layer in wide], axis=2).reshape(*size, *values.shape[2:])
    if np.issubdtype(values.dtype, np.integer):
        smooth = np.round(smooth)
    return smooth.astype(values.dtype)


def overlay(picture: np.ndarray, heatmap_rgb: np.ndarray, alpha: float | np.ndarray = 0.5) -> np.ndarray:
    """A picture under a coloured map of the same height and width: -> (h, w, 3) uint8.

    picture: (h, w), (h, w, 1) or (h, w, 3), float in [0, 1] or uint8. alpha: the map's share, 0 (picture only) to 1
    (map only), one number or an array (h, w).
    """
    below = _rgb(np.asarray(picture)[None])[0].astype(np.float64)
    above = np.asarray(heatmap_rgb)
    if above.dtype != np.uint8 or above.shape != below.shape:
        raise ValueError(
            f"the heatmap must be uint8 RGB of the picture's size {below.shape}, got {above.dtype} {above.shape}. "
            "Use resize and colour first."
        )
    share = np.asarray(alpha, np.float64)
    if share.shape not in ((), below.shape[:2]) or not ((share >= 0) & (share <= 1)).all():
        raise ValueError(f"alpha must be a number in 0..1 or an array {below.shape[:2]} of such, got {alpha}.")
    share = share[..., None] if share.ndim else share
    return np.round((1 - share) * below + share * above).astype(np.uint8)


def overlay_channels(
    picture: np.ndarray,
    feature_map: np.ndarray,
    alpha: float = 0.5,
    colormap: str = SEQUENTIAL,
    scope: str = "channel",
    limits: Limits | None = None,
) -> np.ndarray:
    """Every channel of a feature map over the picture that it answers: -> (channels, h, w, 3) uint8.

    picture: (h, w, 1 or 3). feature_map: (height, width, channels) of any size; its native pixels stay visible.
    """
    values = normalise(_channels(feature_map), scope, limits).values
    size = np.shape(picture)[0], np.shape(picture)[1]
    layers = [resize(colour(values[..., channel], colormap), size) for channel in range(values.shape[2])]
    return np.stack([overlay(picture, layer, alpha) for layer in layers])


def mosaic(images: np.ndarray, columns: int | None = None, gap: int = 1, scale: int = 1, fill: int = 0) -> np.ndarray:
    """Pictures side by side, row by row: (n, h, w), (n, h, w, 1) or (n, h, w, 3), float in [0, 1] or uint8 -> (H, W, 3).

    columns: as near to a square as it goes by default. gap: pixels of grey `fill` (0 to 255) between the pictures.
    scale: every pixel becomes a square of that side, never blurred.
    """
    tiles = _rgb(np.asarray(images))
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


def colour_bar(colormap: str = SEQUENTIAL, height: int = 128, width: int = 12, horizontal: bool = False) -> np.ndarray:
    """The colours from high (top) to low, or with `horizontal` from low (left) to high: (height, width, 3) uint8."""
    if height < 1 or width < 1:
        raise ValueError(f"height and width must be 1 or more, got {height} and {width}.")
    ramp = np.linspace(0, 1, width)[None] if horizontal else np.linspace(1, 0, height)[:, None]
    return colour(np.broadcast_to(ramp, (height, width)), colormap)


@lru_cache(maxsize=16)
def _colours(name: str) -> Any:
    """A colour map that matplotlib has worked out: it hands out a new copy each time, and works it out again in its first use."""
    colours = _colormap(name)
    colours([0.0])
    return colours


def _colormap(name: str) -> Any:
    import matplotlib  # here, since it takes a fifth of a second

    if name not in matplotlib.colormaps:
        raise ValueError(f"no colour map {name!r}; try viridis, magma, cividis or gray, or RdBu_r for signed values.")
    return matplotlib.colormaps[name]


def _finite(values: np.ndarray) -> np.ndarray:
    array = np.asarray(values, np.float64)
    # Beyond float32 the width of a range could overflow; no network gives such values.
    if array.size and not np.abs(array).max() <= np.finfo(np.float32).max:
        raise ValueError(
            "the map holds NaN or infinite values; it cannot be drawn. Was the training broken off by a NaN loss?"
        )
    return array


def _plane(values: np.ndarray) -> np.ndarray:
    if np.ndim(values) != 2:
        raise ValueError(
            f"a heatmap is drawn of one map (h, w), got shape {np.shape(values)}. Take one channel: x[..., 0]."
        )
    return values


def _channels(feature_map: np.ndarray) -> np.ndarray:
    if np.ndim(feature_map) != 3:
        raise ValueError(f"a feature map must have shape (h, w, channels), got {np.shape(feature_map)}.")
    return feature_map


def _both(image: np.ndarray, reconstruction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    image, reconstruction = _finite(image), _finite(reconstruction)
    if image.ndim != 3 or image.shape != reconstruction.shape:
        raise ValueError(
            f"image and reconstruction must both be (h, w, c), got {image.shape} and {reconstruction.shape}."
        )
    return image, reconstruction


def _rgb(images: np.ndarray) -> np.ndarray:
    """(n, h, w[, 1 or 3]) uint8, or float in [0, 1] -> (n, h, w, 3) uint8."""
    shape = images.shape
    images = images[..., None] if images.ndim == 3 else images
    if images.ndim != 4 or images.shape[3] not in (1, 3):
        raise ValueError(f"pictures must be (h, w), (h, w, 1) or (h, w, 3) each, got shape {shape[1:]}.")
    if images.dtype != np.uint8:
        images = _finite(images)
        if images.size and not (images.min() >= 0 and images.max() <= 1):
            raise ValueError(
                f"pictures must be uint8 or lie in [0, 1], got {images.min()} to {images.max()}. Use normalise first."
            )
        images = np.round(images * 255).astype(np.uint8)
    return np.broadcast_to(images, (*images.shape[:3], 3))
