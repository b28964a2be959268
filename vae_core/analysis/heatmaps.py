"""Maps of numbers as coloured pictures: of a value, an error, a feature map. Every picture is (h, w, 3) uint8.

Sequential colour maps are for values without a sign, diverging ones, symmetric about 0, for those with one.
A `Heatmap` has the limits of its colours, so that they can be printed beside the picture.

>>> import numpy as np
>>> picture = heatmap(np.array([[0.0, 1.0], [2.0, 4.0]]))
>>> picture.rgb.shape, picture.low, picture.high
((2, 2, 3), 0.0, 4.0)
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from vae_core.analysis.checks import checked_channels, finite_map
from vae_core.analysis.image_quality import ssim_map
from vae_core.analysis.mosaics import mosaic, overlay, resize
from vae_core.analysis.normalisation import Limits, normalise

SEQUENTIAL, DIVERGING = "viridis", "RdBu_r"


class Heatmap(NamedTuple):
    """A coloured map and the raw values at the two ends of its colours.

    Attributes:
        rgb: (h, w, 3) uint8.
        low: Raw value of the first colour.
        high: Raw value of the last colour.
    """

    rgb: np.ndarray
    low: float
    high: float


def colour(values: np.ndarray, colormap: str = SEQUENTIAL) -> np.ndarray:
    """Colour numbers by one of matplotlib's colour maps.

    Args:
        values: In [0, 1], of any shape (...).
        colormap: Its name in matplotlib.

    Returns:
        (..., 3) uint8.

    Raises:
        ValueError: Values outside [0, 1] or NaN, or an unknown colour map.
    """
    values = finite_map(values)
    if values.size and not (values.min() >= 0 and values.max() <= 1):
        raise ValueError(
            f"values to colour must lie in [0, 1], got {values.min()} to {values.max()}. Use normalise first."
        )
    return _colours(colormap)(values, bytes=True)[..., :3]


def heatmap(values: np.ndarray, colormap: str = SEQUENTIAL, limits: Limits | None = None, clip: float = 0.0) -> Heatmap:
    """Picture of a map without a sign, coloured between its least and largest value.

    Args:
        values: (h, w).
        colormap: Its name in matplotlib.
        limits: (low, high) to colour between instead.
        clip: Share of the strongest values that may saturate, 0 to 0.5.

    Returns:
        The picture with its limits.

    Raises:
        ValueError: Another shape, and what `normalise` and `colour` raise.
    """
    scaled = normalise(_checked_plane(values), limits=limits, clip=clip)
    return Heatmap(colour(scaled.values, colormap), float(scaled.low), float(scaled.high))


def signed_heatmap(
    values: np.ndarray, limit: float | None = None, colormap: str = DIVERGING, clip: float = 0.0
) -> Heatmap:
    """Picture of a map with a sign, coloured from -limit to limit; 0 has the middle colour.

    Args:
        values: (h, w).
        limit: 0 or more; None for the largest absolute value.
        colormap: Its name in matplotlib.
        clip: Share of the strongest values that may saturate, 0 to 0.5.

    Returns:
        The picture with its limits.

    Raises:
        ValueError: Another shape, a limit out of range, and what `normalise` and `colour` raise.
    """
    if limit is not None and not (math.isfinite(limit) and limit >= 0):
        raise ValueError(f"limit must be a finite number, 0 or more, got {limit}.")
    limits = None if limit is None else (-limit, limit)
    scaled = normalise(_checked_plane(values), limits=limits, clip=clip, signed=True)
    return Heatmap(colour(scaled.values, colormap), float(scaled.low), float(scaled.high))


def signed_error(image: np.ndarray, reconstruction: np.ndarray, limit: float = 1.0) -> np.ndarray:
    """Picture of reconstruction - image, channels averaged: red where it is too bright, blue where too dark.

    The limits are fixed, so that pictures compare.

    Args:
        image: (h, w, c) in [0, 1].
        reconstruction: Of the same shape and range.
        limit: Error of the strongest colours, 0 or more.

    Returns:
        (h, w, 3) uint8.

    Raises:
        ValueError: Shapes that differ, or a value that is NaN or infinite.
    """
    image, reconstruction = _checked_both(image, reconstruction)
    return signed_heatmap((reconstruction - image).mean(axis=2), limit).rgb


def ssim_colours(image: np.ndarray, reconstruction: np.ndarray, colormap: str = "magma") -> np.ndarray:
    """Picture of the SSIM map between fixed limits, 0 (dark: unlike) and 1 (bright: alike).

    SSIM below 0, where light and dark are swapped, is as dark as 0.

    Args:
        image: (h, w, c) in [0, 1].
        reconstruction: Of the same shape and range.
        colormap: Its name in matplotlib.

    Returns:
        (h, w, 3) uint8.

    Raises:
        ValueError: Shapes that differ, or values outside [0, 1].
    """
    image, reconstruction = _checked_both(image, reconstruction)
    return heatmap(ssim_map(image[None], reconstruction[None])[0], colormap, limits=(0.0, 1.0)).rgb


def channel_grid(
    feature_map: np.ndarray,
    scope: str = "channel",
    limits: Limits | None = None,
    colormap: str = SEQUENTIAL,
    columns: int | None = None,
    scale: int = 1,
) -> np.ndarray:
    """All channels of a feature map, normalised and coloured, as one mosaic.

    Args:
        feature_map: (h, w, channels).
        scope: As in `normalise`.
        limits: As in `normalise`.
        colormap: Its name in matplotlib.
        columns: As in `mosaic`.
        scale: As in `mosaic`.

    Returns:
        (height, width, 3) uint8.

    Raises:
        ValueError: Another shape, and what `normalise`, `colour` and `mosaic` raise.
    """
    values = normalise(checked_channels(feature_map), scope, limits).values
    return mosaic(colour(np.moveaxis(values, 2, 0), colormap), columns, scale=scale)


def overlay_channels(
    picture: np.ndarray,
    feature_map: np.ndarray,
    alpha: float = 0.5,
    colormap: str = SEQUENTIAL,
    scope: str = "channel",
    limits: Limits | None = None,
) -> np.ndarray:
    """Every channel of a feature map over the picture that it was computed from.

    Args:
        picture: (h, w, 1) or (h, w, 3), float in [0, 1] or uint8.
        feature_map: (height, width, channels) of any size; its native pixels stay visible.
        alpha: The map's share, 0 to 1.
        colormap: Its name in matplotlib.
        scope: As in `normalise`.
        limits: As in `normalise`.

    Returns:
        (channels, h, w, 3) uint8.

    Raises:
        ValueError: Another shape, and what `normalise`, `colour` and `overlay` raise.
    """
    values = normalise(checked_channels(feature_map), scope, limits).values
    size = np.shape(picture)[0], np.shape(picture)[1]
    layers = [resize(colour(values[..., channel], colormap), size) for channel in range(values.shape[2])]
    return np.stack([overlay(picture, layer, alpha) for layer in layers])


def colour_bar(colormap: str = SEQUENTIAL, height: int = 128, width: int = 12, horizontal: bool = False) -> np.ndarray:
    """All colours of a colour map in a bar.

    Args:
        colormap: Its name in matplotlib.
        height: In pixels, 1 or more.
        width: In pixels, 1 or more.
        horizontal: Whether it runs from low (left) to high; else from high (top) to low.

    Returns:
        (height, width, 3) uint8.

    Raises:
        ValueError: A size below 1, or an unknown colour map.
    """
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
    # Imported here, since it takes a fifth of a second.
    from vae_core.analysis.backendless import matplotlib

    if name not in matplotlib.colormaps:
        raise ValueError(f"no colour map {name!r}; try viridis, magma, cividis or gray, or RdBu_r for signed values.")
    return matplotlib.colormaps[name]


def _checked_plane(values: np.ndarray) -> np.ndarray:
    if np.ndim(values) != 2:
        raise ValueError(
            f"a heatmap is drawn of one map (h, w), got shape {np.shape(values)}. Take one channel: x[..., 0]."
        )
    return values


def _checked_both(image: np.ndarray, reconstruction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    image, reconstruction = finite_map(image), finite_map(reconstruction)
    if image.ndim != 3 or image.shape != reconstruction.shape:
        raise ValueError(
            f"image and reconstruction must both be (h, w, c), got {image.shape} and {reconstruction.shape}."
        )
    return image, reconstruction
