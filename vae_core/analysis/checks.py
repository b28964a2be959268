"""Checks of the arrays that the analysis takes: shape, range, no NaN; each message says how to mend the array.

>>> import numpy as np
>>> checked_codes(np.zeros((3, 2)), "z_mean", latent_dim=2).dtype
dtype('float32')
>>> checked_codes(np.zeros(2), "z_mean", latent_dim=2)
Traceback (most recent call last):
ValueError: z_mean must have shape (n, 2), got (2,). One alone needs a first axis: z[None].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

# Told of work as it is done: how many of how many.
ProgressCallback = Callable[[int, int], None]


def unit_range(pixels: np.ndarray) -> np.ndarray:
    """Pixels 0..255 of any shape as float32 in [0, 1]."""
    return pixels.astype(np.float32) / 255


def checked_codes(values: np.ndarray, name: str, latent_dim: int | None = None) -> np.ndarray:
    """Finite codes as float32.

    Args:
        values: (n, latent_dim), of any numeric type.
        name: What the message calls them.
        latent_dim: Required number of columns; None accepts any.

    Returns:
        The codes, (n, latent_dim) float32.

    Raises:
        ValueError: Another shape, or a value that is NaN or infinite.
    """
    codes = np.asarray(values, np.float32)
    if codes.ndim != 2 or (latent_dim is not None and codes.shape[1] != latent_dim):
        raise ValueError(
            f"{name} must have shape (n, {latent_dim or 'latent_dim'}), got {codes.shape}. One alone needs a first axis: z[None]."
        )
    if not np.isfinite(codes).all():
        raise ValueError(f"{name} holds NaN or infinite values. Was the model's training broken off by a NaN loss?")
    return codes


def checked_posterior(z_mean: np.ndarray, z_log_var: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Finite posterior parameters of one shape, as float32.

    Args:
        z_mean: Posterior means, (n, latent_dim).
        z_log_var: Natural logarithms of the posterior variances, (n, latent_dim).

    Returns:
        Both as (n, latent_dim) float32.

    Raises:
        ValueError: Shapes that differ or are not two-dimensional, or a value that is NaN or infinite.
    """
    z_mean, z_log_var = checked_codes(z_mean, "z_mean"), checked_codes(z_log_var, "z_log_var")
    if z_mean.shape != z_log_var.shape:
        raise ValueError(f"z_mean and z_log_var must have one shape, got {z_mean.shape} and {z_log_var.shape}.")
    return z_mean, z_log_var


def checked_point(values: np.ndarray, latent_dim: int | None, name: str) -> np.ndarray:
    """One finite point of latent space as (latent_dim,) float32.

    Args:
        values: (latent_dim,), of any numeric type.
        latent_dim: Required length; None accepts any of 1 or more.
        name: What the message calls it.

    Returns:
        The point, (latent_dim,) float32.

    Raises:
        ValueError: Another shape, or a value that is NaN or infinite.
    """
    point = np.asarray(values, np.float32)
    if point.ndim != 1 or len(point) == 0 or (latent_dim is not None and len(point) != latent_dim):
        raise ValueError(f"{name} must have shape ({latent_dim or 'latent_dim'},), got {point.shape}.")
    if not np.isfinite(point).all():
        raise ValueError(f"{name} holds NaN or infinite values: {point}.")
    return point


def check_unit(unit: int, latent_dim: int) -> None:
    """Raise `ValueError` unless `unit` is in 0..latent_dim - 1."""
    if not 0 <= unit < latent_dim:
        raise ValueError(f"latent unit must be 0..{latent_dim - 1} for latent_dim {latent_dim}, got {unit}.")


def finite_values(values: Any, name: str) -> np.ndarray:
    """Finite numbers of any shape as float64; `ValueError` for a NaN or an infinite one."""
    array = np.asarray(values, np.float64)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds NaN or infinite values. Was the model's training broken off by a NaN loss?")
    return array


def finite_map(values: np.ndarray) -> np.ndarray:
    """Values of a map as float64; `ValueError` for one that is NaN, infinite or beyond what float32 holds."""
    array = np.asarray(values, np.float64)
    # Beyond float32 the width of a range could overflow; no network gives such values.
    if array.size and not np.abs(array).max() <= np.finfo(np.float32).max:
        raise ValueError(
            "the map holds NaN or infinite values; it cannot be drawn. Was the training broken off by a NaN loss?"
        )
    return array


def checked_channels(feature_map: np.ndarray) -> np.ndarray:
    """A feature map as an array; `ValueError` unless it is (h, w, channels) and not empty."""
    maps = np.asarray(feature_map)
    if maps.ndim != 3 or maps.size == 0:
        raise ValueError(f"a feature map must have shape (h, w, channels), got {maps.shape}.")
    return maps


def checked_images(images: np.ndarray, name: str = "images") -> np.ndarray:
    """Images in [0, 1] as float32.

    Args:
        images: (n, h, w, c), in [0, 1].
        name: What the message calls them.

    Returns:
        The images, (n, h, w, c) float32.

    Raises:
        ValueError: Another shape, or values outside [0, 1] or NaN.
    """
    images = np.asarray(images, np.float32)
    if images.ndim != 4:
        raise ValueError(
            f"{name} must have shape (n, h, w, c), got {images.shape}. One alone needs a first axis: x[None]."
        )
    # Written so that NaN fails it too.
    if images.size and not (images.min() >= 0 and images.max() <= 1):
        value_range = f"{images.min()} to {images.max()}"
        raise ValueError(f"{name} must lie in [0, 1] and hold no NaN, got {value_range}. Divide uint8 pixels by 255.")
    return images


def checked_pair(images: np.ndarray, reconstructions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Images and their reconstructions, both (n, h, w, c) float32 in [0, 1]; `ValueError` unless they are that."""
    images, reconstructions = checked_images(images), checked_images(reconstructions, "reconstructions")
    _check_same_shape(images, reconstructions, "reconstructions")
    return images, reconstructions


def checked_logits(images: np.ndarray, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Images in [0, 1] and finite logits, both (n, h, w, c) float32; `ValueError` unless they are that."""
    images, logits = checked_images(images), np.asarray(logits, np.float32)
    _check_same_shape(images, logits, "logits")
    if not np.isfinite(logits).all():
        raise ValueError("logits hold NaN or infinite values. Was the model's training broken off by a NaN loss?")
    return images, logits


def _check_same_shape(images: np.ndarray, others: np.ndarray, name: str) -> None:
    if images.shape != others.shape:
        raise ValueError(f"images and {name} must have one shape, got {images.shape} and {others.shape}.")
