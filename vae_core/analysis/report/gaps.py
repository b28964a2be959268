"""Where the nats between the ELBO and log p(x) go, for models of one or two units (Cremer et al. 2018, arXiv:1801.03558).

    log p(x) - ELBO  =  (log p(x) - ELBO of the best diagonal Gaussian)  +  (that ELBO - ELBO of the encoder)
                         approximation gap: what no Gaussian can say        amortisation gap: what the encoder fails to find

The first integral is a grid's (`grid_posterior`, `refinement`). The best Gaussian is found for each image by itself, with
expectations by Gauss-Hermite quadrature of the decoder itself, so that each ELBO is of a Gaussian that exists.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.polynomial.hermite_e import hermegauss

from vae_core.analysis.checks import ProgressCallback, checked_images, checked_posterior
from vae_core.analysis.latent_points import slice_length
from vae_core.analysis.likelihood import kl_per_unit, reconstruction_loss
from vae_core.analysis.report.grid_posterior import EXTENT, PAIRS, SIDE, grid_for, grid_posterior, widened
from vae_core.analysis.report.refinement import refined
from vae_core.network.latents import EncoderDecoder

# Nodes of the quadrature along each unit: in the search, and for the figures.
SEARCH_NODES, NODES = 6, 10
STEPS = 12
# Of a posterior's variance, while it is searched for.
LEAST_VARIANCE, MOST_VARIANCE = 1e-6, 4.0
Report = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Gaps:
    """Nats of n images, all (n,) float64.

    Attributes:
        log_p: Exact log p(x).
        grid_log_p: The same by the grid alone, before its cells were divided.
        best: ELBO of the best diagonal Gaussian that was found.
        encoder: ELBO of the encoder's Gaussian.
        best_mean: Mean of the best Gaussian, (n, latent_dim).
        best_log_var: Natural logarithms of its variances, (n, latent_dim).
        modes: Highest point of each true posterior, (n, latent_dim).
        z_mean: The encoder's means, (n, latent_dim).
    """

    log_p: np.ndarray
    grid_log_p: np.ndarray
    best: np.ndarray
    encoder: np.ndarray
    best_mean: np.ndarray
    best_log_var: np.ndarray
    modes: np.ndarray
    z_mean: np.ndarray

    @property
    def approximation(self) -> np.ndarray:
        """What a diagonal Gaussian cannot express, (n,) nats."""
        return self.log_p - self.best

    @property
    def amortisation(self) -> np.ndarray:
        """What the encoder fails to find, (n,) nats, 0 or more."""
        return self.best - self.encoder


def measure_gaps(
    engine: EncoderDecoder,
    images: np.ndarray,
    side: int = SIDE,
    extent: float = EXTENT,
    progress: ProgressCallback | None = None,
) -> Gaps:
    """Split the distance between the ELBO and log p(x) of each image.

    Args:
        engine: A model of one or two units.
        images: (n, h, w, c) in [0, 1].
        side: Points of the grid along each unit, before its cells are divided.
        extent: Half its width, in standard deviations of the prior; widened for images whose posterior touches the edge.
        progress: Called with the steps done and their total.

    Returns:
        The nats of each image.

    Raises:
        ValueError: More than two units, images of another shape or range, or a network that computes NaN.
    """
    images, grid = checked_images(images), grid_for(engine, side, extent)
    n, units = len(images), engine.latent_dim
    z_mean, z_log_var = engine.encode(images)
    log_p, by_grid = np.zeros(n), np.zeros(n)
    centre, variance, modes = (np.zeros((n, units)) for _ in range(3))
    block = max(1, PAIRS // len(grid.points()))
    total = 100 * (2 + STEPS)

    def share(stage: float) -> ProgressCallback:
        return lambda done, of: progress(round(100 * (stage + done / max(of, 1))), total) if progress else None

    for start in range(0, n, block):
        rows = np.arange(start, min(start + block, n))
        first = grid_posterior(engine, images[rows], grid, share(start / n))
        by_grid[rows] = first.log_p
        for part, posterior in widened(engine, images[rows], first):
            places = refined(engine, images[rows[part]], posterior, share((start + len(rows)) / n))
            log_p[rows[part]], modes[rows[part]] = places.log_p, places.modes
            centre[rows[part]], variance[rows[part]] = places.centre, places.variance
    mean, log_var = best_gaussians(engine, images, centre, np.log(variance + LEAST_VARIANCE), share(2))
    encoder = quadrature_elbo(engine, images, z_mean, z_log_var)
    best = quadrature_elbo(engine, images, mean, log_var)
    # The encoder's own Gaussian is one of those to choose among.
    worse = best < encoder
    best[worse], mean[worse], log_var[worse] = encoder[worse], z_mean[worse], z_log_var[worse]
    return Gaps(log_p, by_grid, best, encoder, mean, log_var, modes, z_mean)


def quadrature_elbo(
    engine: EncoderDecoder, images: np.ndarray, z_mean: np.ndarray, z_log_var: np.ndarray, nodes: int = NODES
) -> np.ndarray:
    """ELBO of a diagonal Gaussian for each image, its expectation by Gauss-Hermite quadrature and not by samples.

    Args:
        engine: A model of one or two units.
        images: (n, h, w, c) in [0, 1].
        z_mean: Means, (n, latent_dim).
        z_log_var: Natural logarithms of the variances, (n, latent_dim).
        nodes: Of the quadrature along each unit: exact for polynomials of degree 2 nodes - 1.

    Returns:
        Nats, (n,) float64, at beta = 1.
    """
    values, _, weights = _at_nodes(engine, images, z_mean, z_log_var, nodes)
    return values @ weights - kl_per_unit(z_mean, z_log_var).sum(axis=1)


def best_gaussians(
    engine: EncoderDecoder,
    images: np.ndarray,
    z_mean: np.ndarray,
    z_log_var: np.ndarray,
    progress: ProgressCallback | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The diagonal Gaussian of the highest ELBO for each image, from a first guess.

    Newton's steps on the ELBO (Khan & Lin 2017, arXiv:1703.04265): with f = log p(x | z), the variance goes to
    1 / (1 - E[f'']) and the mean by variance * (E[f'] - mean). Both expectations are integrals of f itself against Hermite
    polynomials (Stein's identity), so no gradient of the decoder is needed. A step that loses is taken back and halved.

    Args:
        engine: A model of one or two units.
        images: (n, h, w, c) in [0, 1].
        z_mean: First means, (n, latent_dim).
        z_log_var: First logarithms of the variances, (n, latent_dim).
        progress: Called with the steps done and their total.

    Returns:
        Means and logarithms of the variances, (n, latent_dim) float64.
    """
    mean, variance = z_mean.astype(np.float64), np.exp(z_log_var.astype(np.float64))
    pace = np.ones((len(mean), 1))
    best = np.full(len(mean), -np.inf)
    kept = mean.copy(), variance.copy()
    goal = mean.copy(), variance.copy()
    for step in range(STEPS):
        values, epsilon, weights = _at_nodes(engine, images, mean, np.log(variance), SEARCH_NODES)
        elbo = values @ weights - kl_per_unit(mean, np.log(variance)).sum(axis=1)
        won = elbo > best
        best[won], kept[0][won], kept[1][won] = elbo[won], mean[won], variance[won]
        pace = np.where(won[:, None], np.minimum(1, 1.5 * pace), pace / 3)
        # About the mean, so that digits are not lost: a constant has no slope.
        centred = values - (values @ weights)[:, None]
        slope = (centred * weights) @ epsilon / np.sqrt(variance)  # E[f'], (n, d)
        curvature = (centred * weights) @ (np.square(epsilon) - 1) / variance  # E[f''], (n, d)
        newton = np.clip(1 / np.maximum(1 - curvature, 1 / MOST_VARIANCE), LEAST_VARIANCE, MOST_VARIANCE)
        goal[0][won] = (mean + newton * (slope - mean))[won]
        goal[1][won] = newton[won]
        mean = kept[0] + pace * (goal[0] - kept[0])
        variance = np.exp(np.log(kept[1]) + pace * (np.log(goal[1]) - np.log(kept[1])))
        if progress:
            progress((step + 1) * STEPS, STEPS)
    return kept[0], np.log(kept[1])


def _at_nodes(
    engine: EncoderDecoder, images: np.ndarray, z_mean: np.ndarray, z_log_var: np.ndarray, nodes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log p(x | z) at the nodes of each Gaussian (n, m), the nodes (m, d) in its deviations, and their weights (m,)."""
    z_mean, z_log_var = checked_posterior(z_mean, z_log_var)
    line, share = hermegauss(nodes)
    share = share / share.sum()
    units = z_mean.shape[1]
    epsilon = np.stack([axis.ravel() for axis in np.meshgrid(*(line,) * units, indexing="ij")], axis=1)  # (m, d)
    weights = np.prod(np.meshgrid(*(share,) * units, indexing="ij"), axis=0).ravel()  # (m,)
    z = (z_mean[:, None] + np.exp(z_log_var / 2)[:, None] * epsilon).astype(np.float32)  # (n, m, d)
    values = np.empty(z.shape[:2])
    step = max(1, slice_length(engine) // len(epsilon))
    for start in range(0, len(images), step):
        rows = slice(start, start + step)
        repeated = np.repeat(images[rows], len(epsilon), axis=0)
        losses = reconstruction_loss(engine, repeated, z[rows].reshape(-1, units))
        values[rows] = -losses.reshape(-1, len(epsilon))
    return values, epsilon, weights
