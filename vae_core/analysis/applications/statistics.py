"""Intervals of the figures: of a mean, and by bootstrap.

>>> mean_interval(np.array([1.0, 3.0])).mean
2.0
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

RESAMPLES = 1000


class Interval(NamedTuple):
    """A mean or another figure, with the ends of its 95 % interval."""

    mean: float
    low: float
    high: float


def mean_interval(values: np.ndarray) -> Interval:
    """The mean of n values, with the 95 % interval of Student's t; of a single value the interval is the value.

    Args:
        values: (n,), n of 1 or more, finite.

    Raises:
        ValueError: No value.
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or len(values) == 0:
        raise ValueError(f"a mean needs one value or more, got shape {values.shape}.")
    mean = float(values.mean())
    if len(values) == 1:
        return Interval(mean, mean, mean)
    from scipy.special import stdtrit

    half = float(stdtrit(len(values) - 1, 0.975) * values.std(ddof=1) / np.sqrt(len(values)))
    return Interval(mean, mean - half, mean + half)


def bootstrap_interval(
    figure: Callable[..., float], *samples: np.ndarray, seed: int = 0, resamples: int = RESAMPLES
) -> Interval:
    """A figure of one or more independent samples, with its 95 % percentile interval (Efron & Tibshirani 1993, chapter 13).

    Args:
        figure: From the samples to a number.
        *samples: Arrays whose rows are drawn with replacement, each by itself.
        seed: Of the draws.
        resamples: How many.
    """
    rng = np.random.default_rng(seed)
    draws = [
        figure(*(sample[rng.integers(0, len(sample), len(sample))] for sample in samples)) for _ in range(resamples)
    ]
    low, high = np.quantile(draws, (0.025, 0.975))
    return Interval(float(figure(*samples)), float(low), float(high))
