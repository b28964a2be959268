"""How codes lie in latent space: planes through them, neighbours, density, class centres, a table of them.

>>> import numpy as np
>>> codes = np.array([[0, 0], [1, 0], [5, 5]], np.float32)
>>> indices, distances = nearest(codes, z=np.array([[1, 0.5]]), k=2)
>>> indices.tolist(), distances.round(2).tolist()
([[1, 0]], [[0.5, 1.12]])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vae_core.analysis.checks import checked_codes, checked_posterior
from vae_core.analysis.latent_points import sample_posterior
from vae_core.network.latents import Seed
from vae_core.storage.tables import delimited

# float64 distances held at a time: 2 MB, which stay in the cache of a core.
PAIRS = 250_000
# Multiply-adds of `support_threshold`: just enough for all draws where 10,000 codes of 16 units are compared.
SUPPORT_WORK = 2_050_000_000
# What the exponential of one pair of draw and code costs, in multiply-adds.
PAIR_WORK = 170


@dataclass(frozen=True)
class Plane:
    """A plane in latent space.

    Attributes:
        origin: (latent_dim,) float32.
        axes: Two orthonormal directions, (2, latent_dim) float32.
        share: Share of the codes' variance along each axis, (2,), in [0, 1].
    """

    origin: np.ndarray
    axes: np.ndarray
    share: np.ndarray

    def project(self, codes: np.ndarray) -> np.ndarray:
        """Coordinates in the plane, (n, 2) float32, of codes (n, latent_dim)."""
        return ((checked_codes(codes, "codes") - self.origin) @ self.axes.T).astype(np.float32)

    def lift(self, points: np.ndarray) -> np.ndarray:
        """Points of latent space, (n, latent_dim) float32, at coordinates in the plane (n, 2)."""
        return (np.asarray(points) @ self.axes + self.origin).astype(np.float32)


def pca_plane(codes: np.ndarray) -> Plane:
    """The plane along which codes vary most (principal component analysis), with fixed signs.

    Args:
        codes: (n, latent_dim), both 2 or more.

    Returns:
        The plane through the codes' mean.

    Raises:
        ValueError: Fewer than two codes or units, or a value that is NaN or infinite.
    """
    codes = checked_codes(codes, "codes").astype(np.float64)
    if codes.shape[1] < 2 or len(codes) < 2:
        raise ValueError(f"a plane needs two codes or more of two units or more, got codes of shape {codes.shape}.")
    origin = codes.mean(axis=0)
    centred = codes - origin
    variances, vectors = np.linalg.eigh(centred.T @ centred / len(codes))  # (d,) ascending, (d, d) in columns
    axes = vectors[:, [-1, -2]].T  # (2, d)
    # An eigenvector's sign is arbitrary: its largest entry is made positive, so that a map does not flip between runs.
    axes = axes * np.sign(axes[[0, 1], np.abs(axes).argmax(axis=1)])[:, None]
    total = variances.sum()
    share = np.maximum(variances[[-1, -2]], 0) / total if total > 0 else np.zeros(2)
    return Plane(origin.astype(np.float32), axes.astype(np.float32), share)


def nearest(codes: np.ndarray, z: np.ndarray, k: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """The k codes nearest to each z by Euclidean distance, nearest first.

    Args:
        codes: Where to look, (n, latent_dim).
        z: Whose neighbours, (m, latent_dim).
        k: How many, 1..n.

    Returns:
        Indices into codes, (m, k) int64, and distances, (m, k) float64, exactly 0 for a code itself.

    Raises:
        ValueError: Shapes that do not match, k out of range, or a value that is NaN or infinite.
    """
    codes = checked_codes(codes, "codes").astype(np.float64)
    z = checked_codes(z, "z", codes.shape[1]).astype(np.float64)
    if not 1 <= k <= len(codes):
        raise ValueError(f"k must be 1..{len(codes)}, the number of codes, got {k}.")
    indices = np.zeros((len(z), k), np.int64)
    distances = np.zeros((len(z), k))
    step = max(1, PAIRS // len(codes))
    for start in range(0, len(z), step):
        rows = z[start : start + step]
        # The squared distance less |z|^2, which does not change the order.
        approximate = (codes**2).sum(axis=1) - 2 * rows @ codes.T  # (rows, n)
        chosen = np.argpartition(approximate, k - 1, axis=1)[:, :k]  # (rows, k)
        # Differences taken anew: the product above loses digits, and a code must be at distance 0 of itself.
        exact = np.sqrt(((codes[chosen] - rows[:, None]) ** 2).sum(axis=2))  # (rows, k)
        order = np.lexsort((chosen, exact), axis=1)
        indices[start : start + step] = np.take_along_axis(chosen, order, axis=1)
        distances[start : start + step] = np.take_along_axis(exact, order, axis=1)
    return indices, distances


def aggregate_density(z_mean: np.ndarray, z_log_var: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Log density of the aggregate posterior, q(z) = 1/n sum_i N(z; z_mean_i, exp(z_log_var_i)).

    Where it is low the decoder has never been asked to draw anything.

    Args:
        z_mean: Posterior means, (n, latent_dim), n of 1 or more.
        z_log_var: Natural logarithms of the posterior variances, (n, latent_dim).
        z: Where to evaluate it, (m, latent_dim).

    Returns:
        log q(z) in nats, (m,) float64.

    Raises:
        ValueError: Shapes that do not match, no code at all, or a value that is NaN or infinite.
    """
    z_mean, z_log_var = checked_posterior(z_mean, z_log_var)
    if len(z_mean) == 0:
        raise ValueError("the aggregate posterior needs one code or more, got none.")
    z = checked_codes(z, "z", z_mean.shape[1]).astype(np.float64)
    mean, log_var = z_mean.astype(np.float64), z_log_var.astype(np.float64)
    precision = np.exp(-log_var)  # (n, d)
    # Each Gaussian's exponent, multiplied out so that all pairs are one matrix product: (m, 2d + 1) x (2d + 1, n).
    constant = -0.5 * (log_var + mean**2 * precision + np.log(2 * np.pi)).sum(axis=1) - np.log(len(mean))  # (n,)
    gaussians = np.concatenate([-0.5 * precision, mean * precision, constant[:, None]], axis=1).T  # (2d + 1, n)
    result = np.zeros(len(z))
    step = max(1, PAIRS // len(mean))
    for start in range(0, len(z), step):
        rows = z[start : start + step]
        logs = np.concatenate([rows**2, rows, np.ones((len(rows), 1))], axis=1) @ gaussians  # (rows, n)
        peak = logs.max(axis=1)
        logs -= peak[:, None]
        # In [0, 1] float32 takes half the time of float64 and keeps 7 digits.
        shares = logs.astype(np.float32)
        np.exp(shares, out=shares)
        result[start : start + step] = peak + np.log(shares.sum(axis=1, dtype=np.float64))
    return result


def support_draws(codes: int, latent_dim: int) -> int:
    """Number of draws that `support_threshold` looks at, so that it takes half a second at most.

    Args:
        codes: Number of codes.
        latent_dim: Units of each.

    Returns:
        1,000; fewer of many codes or units, 100 at least.
    """
    return max(100, min(1000, SUPPORT_WORK // (max(1, codes) * (PAIR_WORK + 2 * latent_dim))))


def support_threshold(z_mean: np.ndarray, z_log_var: np.ndarray, share: float = 0.01, seed: Seed = 0) -> float:
    """Log density below which a z counts as unsupported: a small share of the aggregate posterior's own draws lies there.

    Args:
        z_mean: Posterior means, (codes, latent_dim).
        z_log_var: Natural logarithms of the posterior variances, (codes, latent_dim).
        share: Share of the draws that fall below, 0..1.
        seed: Of the draws.

    Returns:
        The threshold, in nats.

    Raises:
        ValueError: Shapes that differ, no code at all, or a value that is NaN or infinite.
    """
    z_mean, z_log_var = checked_posterior(z_mean, z_log_var)
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, len(z_mean), support_draws(*z_mean.shape))
    draws = sample_posterior(z_mean[rows], z_log_var[rows], rng)
    return float(np.quantile(aggregate_density(z_mean, z_log_var, draws), share))


def class_centroids(codes: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean code of each class.

    Args:
        codes: (n, latent_dim).
        labels: Class index of each, (n,).

    Returns:
        The k classes that occur, (k,) ascending, and their means, (k, latent_dim) float32.

    Raises:
        ValueError: Labels of another shape, or codes that are NaN or infinite.
    """
    codes, labels = checked_codes(codes, "codes"), np.asarray(labels)
    if labels.shape != (len(codes),):
        raise ValueError(f"labels must have shape ({len(codes)},), one per code, got {labels.shape}.")
    classes = np.unique(labels)
    means = [codes[labels == label].mean(axis=0, dtype=np.float64) for label in classes]
    return classes, np.array(means, np.float32).reshape(len(classes), codes.shape[1])


def codes_tsv(codes: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> str:
    """Table of codes without header, divided by tabs: the class, then the values.

    The Embedding Projector (projector.tensorflow.org, "Load", two units or more) takes a first cell that is no number as
    the row's label; so a name that is one becomes "class 7".

    Args:
        codes: (n, latent_dim).
        labels: Class index of each, (n,).
        classes: A name for each index.

    Returns:
        One line for each code.

    Raises:
        ValueError: Labels of another shape or without a name, or codes that are NaN or infinite.
    """
    codes, labels = checked_codes(codes, "codes"), np.asarray(labels)
    if labels.shape != (len(codes),) or (len(labels) and not 0 <= labels.min() <= labels.max() < len(classes)):
        raise ValueError(
            f"labels must have shape ({len(codes)},) and lie in 0..{len(classes) - 1}, one per code and a name for each; got "
            f"shape {labels.shape}, {labels.min(initial=0)} to {labels.max(initial=0)}."
        )
    names = [_not_numeric(name.strip()) for name in classes]
    rows = zip(labels, codes, strict=True)
    return delimited(((names[label], *(f"{value:.6g}" for value in z)) for label, z in rows), "\t")


def _not_numeric(name: str) -> str:
    try:
        float(name or "0")
    except ValueError:
        return name
    return f"class {name}".strip()
