"""Ways through latent space: from picture to picture, and a step between two pictures taken from others.

>>> path_through(np.array([[0, 0], [2, 0], [2, 2]]), frames=5).tolist()
[[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [2.0, 1.0], [2.0, 2.0]]
>>> carry_over(np.array([1, 0]), np.array([[5, 5]]), strengths=np.array([0, 1, 2])).tolist()
[[[5.0, 5.0], [6.0, 5.0], [7.0, 5.0]]]
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from vae_core.analysis.checks import checked_codes, checked_point
from vae_core.analysis.latent_points import interpolate

FEWEST_FRAMES, MOST_FRAMES = 8, 64


def path_through(stops: np.ndarray, frames: int, path: str = "linear") -> np.ndarray:
    """A walk through several points, each of them exactly one of its frames, with as many frames from each to the next.

    Args:
        stops: (k, latent_dim), k of 2 or more.
        frames: Frames of the whole walk at most, the stops counted, k or more.
        path: "linear", or "slerp": spherical and norm-preserving, as `latent_points.interpolate` has it.

    Returns:
        (n, latent_dim) float32, n the largest number up to `frames` that gives every leg as many.

    Raises:
        ValueError: Fewer than two stops, fewer frames than stops, another path, or a stop that is not finite.
    """
    stops = checked_codes(stops, "stops")
    if len(stops) < 2:
        raise ValueError(f"a walk needs two stops or more, got {len(stops)}. Choose another picture to go to.")
    if frames < len(stops):
        raise ValueError(f"frames must be {len(stops)} or more, one for each stop, got {frames}.")
    steps = (frames - 1) // (len(stops) - 1) + 1
    legs = [interpolate(a, b, steps, path) for a, b in pairwise(stops)]
    return np.concatenate([legs[0], *(leg[1:] for leg in legs[1:])])


def carry_over(step: np.ndarray, starts: np.ndarray, strengths: np.ndarray) -> np.ndarray:
    """A step of latent space taken from several points, at several strengths: A − B + C is the step A − B from C at 1.

    Args:
        step: The difference of two points, (latent_dim,).
        starts: Where it is taken from, (m, latent_dim).
        strengths: Factors of the step, (s,): 0 stays, 1 takes the whole step.

    Returns:
        (m, s, latent_dim) float32.

    Raises:
        ValueError: Shapes that do not match, or a value that is not finite.
    """
    starts = checked_codes(starts, "starts")
    step = checked_point(step, starts.shape[1], "step")
    strengths = checked_point(strengths, None, "strengths")
    return (starts[:, None] + strengths[None, :, None] * step).astype(np.float32)
