"""Attribution maps as coloured pictures: signed ones diverge about 0, others begin at 0.

>>> import numpy as np
>>> picture = coloured(np.array([[-1.0, 0.0], [0.5, 2.0]]), signed=True, clip=0)
>>> picture.low, picture.high
(-2.0, 2.0)
"""

from __future__ import annotations

import numpy as np

from vae_core.analysis import heatmaps, mosaics
from vae_core.analysis.heatmaps import Heatmap
from vae_core.analysis.normalisation import limits_of

SIGNED, UNSIGNED = "RdBu_r", "inferno"
# Share of the values that saturate: one bright pixel would darken the rest.
CLIP = 0.005
# Share of the colours on either side of 0 that is too pale to lie over a picture.
PALE = 0.5


def limit_of(values: np.ndarray, clip: float = CLIP) -> float:
    """Raw value of the strongest colour: the largest absolute value, but for a small share that saturates."""
    return limits_of(values, clip, signed=True)[1] or limits_of(values, signed=True)[1]


def coloured(values: np.ndarray, signed: bool, limit: float | None = None, clip: float = CLIP) -> Heatmap:
    """Picture of a map.

    Args:
        values: (h, w).
        signed: Whether it has a sign: colours run from -limit to limit, else from 0 to limit.
        limit: Raw value of the strongest colour, to compare maps; None for `limit_of(values, clip)`.
        clip: Share of the strongest values that may saturate.

    Returns:
        The picture (h, w, 3) uint8 with its limits.
    """
    limit = limit_of(values, clip) if limit is None else limit
    if signed:
        return heatmaps.signed_heatmap(values, limit, SIGNED)
    return heatmaps.heatmap(values, UNSIGNED, limits=(0.0, limit))


def over_picture(
    picture: np.ndarray, values: np.ndarray, signed: bool, share: float = 0.9, limit: float | None = None
) -> Heatmap:
    """A map over its picture, which shows through where the map is weak.

    Args:
        picture: (H, W), (H, W, 1) or (H, W, 3), float in [0, 1] or uint8, of any size.
        values: (h, w); shown in its own pixels, enlarged to those of the picture.
        signed: As in `coloured`.
        share: The map's share where it is strongest, 0 to 1.
        limit: As in `coloured`.

    Returns:
        The picture (H, W, 3) uint8 with the limits of its colours.
    """
    size = picture.shape[0], picture.shape[1]
    limit = limit_of(values) if limit is None else limit
    strength = np.clip(np.abs(values) / limit, 0, 1) if limit > 0 else np.zeros_like(values)
    # what is weak is told by its cover alone: the pale middle of the colours would look like bright pixels
    vivid = np.sign(values) * limit * (PALE + (1 - PALE) * strength) if signed else values
    drawn = coloured(vivid, signed, limit)
    cover = share * np.sqrt(mosaics.resize(strength, size))
    return Heatmap(mosaics.overlay(picture, mosaics.resize(drawn.rgb, size), cover), drawn.low, drawn.high)
