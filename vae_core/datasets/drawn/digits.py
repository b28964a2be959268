"""Drawn digits: white strokes on black in the layout of MNIST, for pictures that no model of clothes has seen.

Each digit is a line through some points, moved a little at random; no pixel of a real set is in here.

>>> draw_digits(3).shape
(3, 28, 28, 1)
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vae_core.datasets.drawn.brushes import SIDE

# Strokes through points (x, y) in the unit square, y down.
_RING = tuple(
    (0.5 + 0.3 * x, 0.5 + 0.45 * y)
    for x, y in ((0, -1), (0.8, -0.6), (1, 0), (0.8, 0.6), (0, 1), (-0.8, 0.6), (-1, 0), (-0.8, -0.6), (0, -1))
)
_STROKES: tuple[tuple[tuple[tuple[float, float], ...], ...], ...] = (
    (_RING,),
    (((0.35, 0.25), (0.52, 0.05), (0.52, 0.95)),),
    (((0.2, 0.25), (0.35, 0.06), (0.65, 0.06), (0.8, 0.3), (0.2, 0.94), (0.82, 0.94)),),
    (((0.2, 0.1), (0.6, 0.05), (0.78, 0.27), (0.45, 0.47), (0.8, 0.7), (0.6, 0.94), (0.2, 0.9)),),
    (((0.62, 0.95), (0.62, 0.05), (0.15, 0.65), (0.85, 0.65)),),
    (((0.78, 0.06), (0.28, 0.06), (0.24, 0.45), (0.6, 0.4), (0.8, 0.66), (0.6, 0.94), (0.2, 0.9)),),
    (((0.7, 0.06), (0.35, 0.3), (0.22, 0.7), (0.45, 0.95), (0.75, 0.8), (0.7, 0.55), (0.25, 0.62)),),
    (((0.18, 0.07), (0.82, 0.07), (0.42, 0.95)),),
    (
        (
            (0.5, 0.48),
            (0.25, 0.28),
            (0.5, 0.05),
            (0.75, 0.28),
            (0.5, 0.48),
            (0.2, 0.74),
            (0.5, 0.95),
            (0.8, 0.74),
            (0.5, 0.48),
        ),
    ),
    (((0.78, 0.3), (0.55, 0.5), (0.27, 0.35), (0.4, 0.07), (0.7, 0.08), (0.78, 0.3), (0.65, 0.95)),),
)


def draw_digits(n: int, seed: int = 0) -> NDArray[np.uint8]:
    """Draw n digits, 0 to 9 in turn.

    Args:
        n: How many, 0 or more.
        seed: 0 or more.

    Returns:
        Pixels uint8 (n, 28, 28, 1).
    """
    rng = np.random.default_rng([seed, 10])
    centres = np.stack(np.meshgrid(np.arange(SIDE) + 0.5, np.arange(SIDE) + 0.5), axis=-1)  # (28, 28, 2), x and y
    pixels = np.zeros((n, SIDE, SIDE, 1), np.uint8)
    for i in range(n):
        shift, size = rng.uniform(-1.5, 1.5, 2), rng.uniform(17, 21)
        slant, width = rng.uniform(-0.15, 0.25), rng.uniform(1.0, 1.7)
        distance = np.full((SIDE, SIDE), np.inf)
        for stroke in _STROKES[i % 10]:
            points = np.array(stroke) + rng.normal(0, 0.025, (len(stroke), 2)) - 0.5
            points[:, 0] -= slant * points[:, 1]
            points = points * size * (0.8, 1.0) + SIDE / 2 + shift
            for start, stop in pairwise(points):
                distance = np.minimum(distance, _to_segment(centres, start, stop))
        pixels[i, :, :, 0] = np.round(255 * np.clip(width + 0.5 - distance, 0, 1))
    return pixels


def _to_segment(centres: np.ndarray, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
    """Distance of each point (h, w, 2) to the segment."""
    along = stop - start
    share = np.clip(((centres - start) @ along) / max(1e-9, float(along @ along)), 0, 1)
    return np.sqrt(np.square(centres - start - share[..., None] * along).sum(axis=-1))
