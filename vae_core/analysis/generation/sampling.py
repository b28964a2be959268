"""Pictures of things that are not there: points drawn from the prior or a fitted density, decoded in one batch.

>>> draw_points(3, latent_dim=2, seed=0).shape
(3, 2)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vae_core.analysis.generation.density import Density
from vae_core.analysis.latent_geometry import nearest
from vae_core.analysis.latent_points import sample_prior
from vae_core.network.latents import EncoderDecoder

MOST = 10_000
NEIGHBOURS = 15


@dataclass(frozen=True)
class Samples:
    """Points of latent space and what the decoder makes of them.

    Attributes:
        z: (n, latent_dim) float32.
        images: (n, h, w, c) float32 in [0, 1].
    """

    z: np.ndarray
    images: np.ndarray


def draw(
    engine: EncoderDecoder,
    n: int,
    seed: int = 0,
    temperature: float = 1.0,
    density: Density | None = None,
    label: int | None = None,
) -> Samples:
    """Draw samples: points of `draw_points`, decoded in one batched call.

    Args:
        engine: The model.
        n: How many, 0..10,000.
        seed: Of the draws.
        temperature: As for `draw_points`.
        density: As for `draw_points`.
        label: As for `draw_points`.

    Returns:
        The points and the decoder's mean images.

    Raises:
        ValueError: An argument out of range, or a density of other units than the model's.
    """
    z = draw_points(n, engine.latent_dim, seed, temperature, density, label)
    return Samples(z, engine.decode(z))


def draw_points(
    n: int,
    latent_dim: int,
    seed: int = 0,
    temperature: float = 1.0,
    density: Density | None = None,
    label: int | None = None,
) -> np.ndarray:
    """Draw points from the prior N(0, I), or from a density fitted to the train codes.

    Args:
        n: How many, 0..10,000.
        latent_dim: Number of units.
        seed: Of the draws.
        temperature: Standard deviation of the prior, 0 or more: below 1 safer and more alike, above 1 wilder. Of a fitted
            density, the same factor for each of its Gaussians.
        density: To draw from; None for the prior.
        label: Class to draw, which needs a density; None for all.

    Returns:
        (n, latent_dim) float32.

    Raises:
        ValueError: An argument out of range, a class without a density, or a density of other units.
    """
    if not 0 <= n <= MOST:
        raise ValueError(f"n must be 0..{MOST:,} samples, got {n:,}.")
    if density is None:
        if label is not None:
            raise ValueError(
                "samples of a class need the density fitted to the train codes: the prior knows no classes."
            )
        if not (np.isfinite(temperature) and temperature >= 0):
            raise ValueError(f"temperature must be 0 or more, got {temperature}. 1 is the prior's own.")
        return np.float32(temperature) * sample_prior(n, latent_dim, seed)
    if density.latent_dim != latent_dim:
        raise ValueError(f"the density is of {density.latent_dim} units, the model has {latent_dim}. Fit it anew.")
    return density.sample(n, seed, temperature, label)


def neighbour_votes(
    codes: np.ndarray, labels: np.ndarray, z: np.ndarray, k: int = NEIGHBOURS
) -> tuple[np.ndarray, np.ndarray]:
    """Class that most of the k nearest codes have (Euclidean, equal votes; the lowest index of several).

    Args:
        codes: (n, latent_dim), n of 1 or more.
        labels: Class index of each, (n,).
        z: (m, latent_dim).
        k: How many vote; all codes where there are fewer.

    Returns:
        Class of each z, (m,) int64, and the share of the votes it has, (m,) float64.

    Raises:
        ValueError: No code, or shapes that do not match.
    """
    k = min(k, len(codes))
    votes = np.asarray(labels, np.int64)[nearest(codes, z, k)[0]]  # (m, k)
    counts = np.stack([np.bincount(row, minlength=int(np.max(labels)) + 1) for row in votes])  # (m, classes)
    winner = counts.argmax(axis=1)
    return winner, counts[np.arange(len(counts)), winner] / k
