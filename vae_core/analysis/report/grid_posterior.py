"""log p(x) and the true posterior p(z | x) of a model of one or two latent units, by a grid over latent space.

In so few dimensions log p(x) = log of the integral of p(x | z) N(z; 0, I) is a sum over a grid. The decoder runs once for each
point of the grid, whatever the number of images: the likelihoods of all pairs of image and point are one matrix product.

>>> grid = LatentGrid(side=161, extent=4.2, latent_dim=2)
>>> grid.points().shape, round(grid.spacing, 4)
((25921, 2), 0.0525)
>>> round(float(np.logaddexp.reduce(grid.log_prior()) + grid.log_cell), 3)  # the prior's mass within the grid
-0.0
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from vae_core.analysis.checks import ProgressCallback, checked_images
from vae_core.analysis.latent_points import slice_length
from vae_core.network.latents import EncoderDecoder

SIDE, EXTENT = 161, 4.2
# Units of a model whose latent space a grid covers.
MOST_UNITS = 2
# Share of an image's posterior in the outermost ring of cells from which the grid is widened, and by what factor, how often.
EDGE_MASS, WIDER, WIDENINGS = 1e-4, 1.5, 2
# float32 values of pairs of image and point held at a time, 100 MB.
PAIRS = 26_000_000


@dataclass(frozen=True)
class LatentGrid:
    """A square lattice about the origin of latent space.

    Attributes:
        side: Points along each axis.
        extent: Half its width, in standard deviations of the prior.
        latent_dim: Number of units, 1 or 2.
    """

    side: int
    extent: float
    latent_dim: int

    @property
    def axis(self) -> np.ndarray:
        """Coordinates along each axis, (side,) float64, ascending."""
        return np.linspace(-self.extent, self.extent, self.side)

    @property
    def spacing(self) -> float:
        """Distance between neighbours."""
        return 2 * self.extent / (self.side - 1)

    @property
    def log_cell(self) -> float:
        """Natural logarithm of the area of a cell; of one unit, of its length."""
        return self.latent_dim * math.log(self.spacing)

    @property
    def shape(self) -> tuple[int, ...]:
        """Points along each unit."""
        return (self.side,) * self.latent_dim

    def points(self) -> np.ndarray:
        """Every point, (side ** latent_dim, latent_dim) float32, the last unit fastest."""
        axes = np.meshgrid(*(self.axis,) * self.latent_dim, indexing="ij")
        return np.stack([axis.ravel() for axis in axes], axis=1).astype(np.float32)

    def log_prior(self) -> np.ndarray:
        """Log N(z; 0, I) of every point, (points,) float64."""
        points = self.points().astype(np.float64)
        return -0.5 * (np.square(points).sum(axis=1) + self.latent_dim * math.log(2 * math.pi))

    def wider(self) -> LatentGrid:
        """The same spacing, further out."""
        steps = round(WIDER * (self.side - 1) / 2)
        return LatentGrid(2 * steps + 1, steps * self.spacing, self.latent_dim)


def grid_for(engine: EncoderDecoder, side: int = SIDE, extent: float = EXTENT) -> LatentGrid:
    """A grid over a model's latent space.

    Args:
        engine: The model.
        side: Points along each axis, 3 or more.
        extent: Half the width, above 0.

    Returns:
        The grid.

    Raises:
        ValueError: More than two latent units, or a grid of nothing.
    """
    if engine.latent_dim > MOST_UNITS:
        raise ValueError(
            f"log p(x) is worked out on a grid for one or two latent units; this model has {engine.latent_dim}. "
            "Take the IWAE bound instead."
        )
    if side < 3 or not (math.isfinite(extent) and extent > 0):
        raise ValueError(f"a grid needs a side of 3 or more and a positive extent, got {side} and {extent}.")
    return LatentGrid(side, extent, engine.latent_dim)


def log_likelihoods(
    engine: EncoderDecoder, images: np.ndarray, grid: LatentGrid, progress: ProgressCallback | None = None
) -> np.ndarray:
    """Logarithm of p(x | z) for each image at each point of a grid.

    Args:
        engine: The model.
        images: (n, h, w, c) in [0, 1].
        grid: Over its latent space.
        progress: Called with the points done and their total.

    Returns:
        Nats, (n, points) float32.

    Raises:
        ValueError: Images of another shape or range, or logits that are NaN or infinite.
    """
    flat = checked_images(images).reshape(len(images), -1)
    points = grid.points()
    result = np.empty((len(images), len(points)), np.float32)
    for rows, logits in decoded(engine, points):
        result[:, rows] = all_pairs(engine, flat, logits)
        if progress:
            progress(rows.stop, len(points))
    return result


def decoded(engine: EncoderDecoder, points: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Logits of the points, a slice at a time: (rows, pixels) float32."""
    step = slice_length(engine)
    for start in range(0, len(points), step):
        rows = slice(start, min(start + step, len(points)))
        logits = engine.decode_logits(points[rows]).reshape(rows.stop - rows.start, -1)
        if not np.isfinite(logits).all():
            raise ValueError("logits hold NaN or infinite values. Was the model's training broken off by a NaN loss?")
        yield rows, logits


def all_pairs(engine: EncoderDecoder, flat: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Logarithm of p(x | z) for all pairs: images (n, d) and logits (m, d) -> (n, m)."""
    if engine.likelihood == "gaussian":
        # Pixels about the middle grey, so that the squares that cancel are small.
        means, x = 0.5 * np.tanh(logits / 2), flat - np.float32(0.5)
        squares = np.square(x).sum(axis=1)[:, None] + np.square(means).sum(axis=1) - 2 * (x @ means.T)
        constant = flat.shape[1] * (engine.log_sigma + 0.5 * math.log(2 * math.pi))
        result = -0.5 * math.exp(-2 * engine.log_sigma) * squares - constant
    else:
        # x l - log(1 + exp(l)), the first part for all pairs at once
        softplus = np.maximum(logits, 0) + np.log1p(np.exp(-np.abs(logits)))
        result = flat @ logits.T - softplus.sum(axis=1, dtype=np.float64)
    return np.asarray(result, np.float32)


@dataclass(frozen=True)
class GridPosterior:
    """log p(x) of n images and their true posteriors on a grid.

    Attributes:
        grid: The points.
        log_likelihood: log p(x | z), (n, points) float32, nats.
        log_p: log p(x), (n,) float64, nats.
    """

    grid: LatentGrid
    log_likelihood: np.ndarray
    log_p: np.ndarray

    def density(self, i: int) -> np.ndarray:
        """p(z | x) of image i at each point, (side,) * latent_dim float64; its sum times the area of a cell is 1."""
        logs = self.log_likelihood[i] + self.grid.log_prior() - self.log_p[i]
        return np.exp(logs).reshape(self.grid.shape)

    def modes(self) -> np.ndarray:
        """The point with the highest posterior density of each image, (n, latent_dim) float32."""
        return self.grid.points()[_rowwise(self.log_likelihood, self.grid.log_prior(), "argmax")]

    def edge_mass(self) -> np.ndarray:
        """Share of each image's posterior in the outermost ring of the grid, (n,)."""
        ring = np.ones(self.grid.shape, bool)
        ring[(slice(1, -1),) * self.grid.latent_dim] = False
        at_edge = ring.ravel()
        logs = self.log_likelihood[:, at_edge] + self.grid.log_prior()[at_edge] - self.log_p[:, None]
        return np.exp(logs).sum(axis=1) * math.exp(self.grid.log_cell)


def grid_posterior(
    engine: EncoderDecoder, images: np.ndarray, grid: LatentGrid, progress: ProgressCallback | None = None
) -> GridPosterior:
    """Logarithm of p(x) of images, up to the grid's fineness and reach, with their posteriors.

    Args:
        engine: A model of one or two units.
        images: (n, h, w, c) in [0, 1]; n times the points of the grid are held in memory, 4 bytes each.
        grid: Over its latent space.
        progress: Called with the points done and their total.

    Returns:
        log p(x) as the grid has it, and log p(x | z) on it. A posterior narrower than its spacing needs `refined`.

    Raises:
        ValueError: Images of another shape or range, or logits that are NaN or infinite.
    """
    likelihoods = log_likelihoods(engine, images, grid, progress)
    sums = _rowwise(likelihoods, grid.log_prior(), "logsumexp")
    return GridPosterior(grid, likelihoods, sums + grid.log_cell)


def widened(
    engine: EncoderDecoder, images: np.ndarray, posterior: GridPosterior, progress: ProgressCallback | None = None
) -> Iterator[tuple[np.ndarray, GridPosterior]]:
    """Posteriors on grids that their mass does not leave: the given one, then wider ones for those that touch its edge.

    Args:
        engine: The model.
        images: (n, h, w, c) in [0, 1].
        posterior: Theirs, on the first grid.
        progress: Called with the points done and their total.

    Yields:
        Rows of the images, and their posterior. Each image comes once.
    """
    rows = np.arange(len(images))
    for widening in range(WIDENINGS + 1):
        touching = posterior.edge_mass() > EDGE_MASS if widening < WIDENINGS else np.zeros(len(rows), bool)
        kept = np.flatnonzero(~touching)
        if len(kept):
            yield (rows[kept], GridPosterior(posterior.grid, posterior.log_likelihood[kept], posterior.log_p[kept]))
        rows = rows[touching]
        if not len(rows):
            return
        posterior = grid_posterior(engine, images[rows], posterior.grid.wider(), progress)


def _rowwise(likelihoods: np.ndarray, log_prior: np.ndarray, what: str) -> np.ndarray:
    """Of log p(x | z) + log p(z) along the points: its logsumexp, or where it is highest; (n,), a few rows at a time."""
    parts = []
    step = max(1, PAIRS // (8 * len(log_prior)))
    for start in range(0, len(likelihoods), step):
        joint = likelihoods[start : start + step] + log_prior
        if what == "argmax":
            parts.append(joint.argmax(axis=1))
            continue
        peak = joint.max(axis=1)
        parts.append(peak + np.log(np.exp(joint - peak[:, None]).sum(axis=1)))
    return np.concatenate(parts) if parts else np.zeros(0, np.int64 if what == "argmax" else np.float64)
