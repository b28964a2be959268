"""Scaling of maps of numbers to [0, 1], each by its own limits or several by common ones.

>>> import numpy as np
>>> scaled = normalise(np.array([[0.0, 1.0], [2.0, 4.0]]))
>>> scaled.values.tolist(), float(scaled.low), float(scaled.high)
([[0.0, 0.25], [0.5, 1.0]], 0.0, 4.0)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from vae_core.analysis.checks import checked_channels, finite_map

SCOPES = ("channel", "layer", "all")
Limits = tuple[float, float]


class Scaled(NamedTuple):
    """A map scaled to [0, 1], and the raw values that became 0 and 1.

    Attributes:
        values: float32 in [0, 1], (h, w) or (h, w, channels).
        low: What became 0: () of a map (h, w), (channels,) of a map (h, w, channels).
        high: What became 1, shaped like `low`.
    """

    values: np.ndarray
    low: np.ndarray
    high: np.ndarray


def limits_of(maps: np.ndarray | Iterable[np.ndarray], clip: float = 0.0, signed: bool = False) -> Limits:
    """Raw limits over one array or several together, for `normalise(..., limits=...)`.

    Args:
        maps: Arrays of any shape.
        clip: Share of the strongest values that may saturate, 0 to 0.5; 0.01 keeps a few bright points from darkening
            the rest.
        signed: Whether to return (-m, m), m the largest absolute value.

    Returns:
        (low, high).

    Raises:
        ValueError: No value at all, one that is NaN or infinite, or a clip out of range.
    """
    arrays = [maps] if isinstance(maps, np.ndarray) else list(maps)
    values = np.concatenate([finite_map(array).ravel() for array in arrays]) if arrays else np.zeros(0)
    if values.size == 0:
        raise ValueError("limits need one value or more, got none.")
    if not 0 <= clip < 0.5:
        raise ValueError(f"clip must be a share in 0..0.5 of the values, such as 0.01, got {clip}.")
    strengths = np.abs(values) if signed else values
    top = float(np.quantile(strengths, 1 - clip) if clip else strengths.max())
    return (-top, top) if signed else (float(values.min()), top)


def normalise(
    values: np.ndarray, scope: str = "channel", limits: Limits | None = None, clip: float = 0.0, signed: bool = False
) -> Scaled:
    """Scale a map to [0, 1].

    A constant map is 0 everywhere, and an all-zero signed map 0.5, the middle of a diverging colour map.

    Args:
        values: (h, w) or (h, w, channels).
        scope: "channel", each channel by its own limits; "layer", all channels by their common ones; "all", by `limits`
            taken over all layers by `limits_of`, which lets layers be compared.
        limits: (low, high) given outright, for any scope; values beyond them saturate.
        clip: As in `limits_of`.
        signed: As in `limits_of`.

    Returns:
        The scaled map with its limits.

    Raises:
        ValueError: Another shape or scope, limits that are missing or reversed, or a value that is NaN or infinite.
    """
    raw = finite_map(values)
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
    """Scale the maps that one layer gives for several pictures by common limits, so that the pictures compare.

    Args:
        maps: One (h, w, channels) for each picture.
        scope: As in `normalise`; with "channel" each channel has its own limits, taken over all the pictures.
        limits: As in `normalise`.
        signed: As in `normalise`.

    Returns:
        The scaled maps, in their order.

    Raises:
        ValueError: Shapes that differ, and what `normalise` raises.
    """
    shapes = {np.shape(array) for array in maps}
    if len(shapes) != 1:
        raise ValueError(f"maps to scale together must be of one shape, got {sorted(shapes)}.")
    height = np.shape(maps[0])[0]
    stacked = np.concatenate([checked_channels(array) for array in maps])  # (pictures * h, w, channels)
    values, low, high = normalise(stacked, scope, limits, signed=signed)
    return [Scaled(values[i * height : (i + 1) * height], low, high) for i in range(len(maps))]
