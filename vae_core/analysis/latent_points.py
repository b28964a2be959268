"""Points of latent space: draw them, walk between them, lay them on a grid, ask where the codes are.

Every z is float32 (n, latent_dim); every `seed` is a whole number or a `numpy.random.Generator`.
`EncoderDecoder` is what the rest of the package asks of a trained model; `vae_core.network.engine.Engine` is one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vae_core.network.latents import EncoderDecoder, LabelledImages, Latents, Seed
from vae_core.storage.tables import delimited

VALUES = 4_000_000  # float32 pixels held at a time, 16 MB: memory does not grow with the data set
SUPPORT_WORK = 4_100_000_000  # multiply-adds: just enough for all draws where 10,000 codes of 16 units are compared
PAIR_WORK = 170  # what the exponential of one pair of draw and code costs, in multiply-adds
PAIRS = 250_000  # float64 distances held at a time: 2 MB, which stay in the cache of a core


def encode_dataset(
    engine: EncoderDecoder,
    dataset: LabelledImages,
    split: str,
    n: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Latents:
    """Encode the first n images of a split (all by default), a slice at a time; `progress(done, total)` in images."""
    pixels = dataset.pixels(split)[:n]
    if pixels.shape[1:] != tuple(engine.image_shape):
        raise ValueError(
            f"the {split} images have shape {pixels.shape[1:]}, the model takes {tuple(engine.image_shape)}. "
            "Choose a model trained on pictures of this shape."
        )
    z_mean = np.zeros((len(pixels), engine.latent_dim), np.float32)
    z_log_var = np.zeros_like(z_mean)
    step = slice_length(engine)
    for start in range(0, len(pixels), step):
        images = pixels[start : start + step].astype(np.float32) / 255
        stop = start + len(images)
        z_mean[start:stop], z_log_var[start:stop] = engine.encode(images)
        if progress:
            progress(stop, len(pixels))
    return Latents(z_mean, z_log_var, np.asarray(dataset.labels(split))[: len(pixels)])


def slice_length(engine: EncoderDecoder) -> int:
    """How many images to hold at a time."""
    return max(1, VALUES // int(np.prod(engine.image_shape)))


def sample_posterior(z_mean: np.ndarray, z_log_var: np.ndarray, seed: Seed = 0) -> np.ndarray:
    """One z per row by the reparameterization trick: (n, d) twice -> (n, d) float32 (Kingma & Welling 2014, section 2.4)."""
    z_mean, z_log_var = _posterior(z_mean, z_log_var)
    epsilon = np.random.default_rng(seed).standard_normal(z_mean.shape, np.float32)
    return z_mean + np.exp(z_log_var / 2) * epsilon


def sample_prior(n: int, latent_dim: int, seed: Seed = 0) -> np.ndarray:
    """n draws from N(0, 1): (n, latent_dim) float32."""
    if n < 0 or latent_dim < 1:
        raise ValueError(f"n must be 0 or more and latent_dim 1 or more, got n={n} and latent_dim={latent_dim}.")
    return np.random.default_rng(seed).standard_normal((n, latent_dim), np.float32)


def grid(
    latent_dim: int,
    side: int,
    units: tuple[int, int] = (0, 1),
    spacing: str = "linear",
    extent: float = 3.0,
    base: np.ndarray | None = None,
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """A square sheet of points, row by row as a picture is read: the first row is the top, the highest second unit.

    spacing: "linear" runs from -extent to extent; "normal-quantile" puts the points where each stands for the same
    share of the prior, through the inverse Gaussian CDF (Kingma & Welling 2014, appendix A), and ignores `extent`.
    base: (latent_dim,) for the units that the sheet does not move, zeros by default.
    Returns z (side * side, latent_dim) float32 and the axes: (side,) left to right, (side,) top to bottom.
    """
    if side < 2:
        raise ValueError(f"side must be 2 or more, got {side}.")
    for unit in units:
        _check_unit(unit, latent_dim)
    if len(units) != 2 or units[0] == units[1]:
        raise ValueError(f"units must be two different latent units, got {units}.")
    if spacing == "linear":
        if not (np.isfinite(extent) and extent > 0):
            raise ValueError(f"extent must be a positive number of standard deviations, got {extent}.")
        steps = np.linspace(-extent, extent, side)
    elif spacing == "normal-quantile":
        from scipy.special import ndtri

        steps = ndtri((np.arange(side) + 0.5) / side)
    else:
        raise ValueError(f'spacing must be "linear" or "normal-quantile", got {spacing!r}.')
    across = steps.astype(np.float32)
    down = across[::-1].copy()
    start = np.zeros(latent_dim, np.float32) if base is None else _point(base, latent_dim, "base")
    z = np.tile(start, (side * side, 1))
    z[:, units[0]] = np.tile(across, side)
    z[:, units[1]] = np.repeat(down, side)
    return z, (across, down)


def interpolate(z_a: np.ndarray, z_b: np.ndarray, steps: int, path: str = "linear") -> np.ndarray:
    """A walk from z_a to z_b, each (d,): (steps, d) float32 whose first and last row are exactly the two ends.

    path: "linear", or "slerp": the direction turns at an even pace (Shoemake 1985) and the length goes evenly
    from one end's to the other's. Where a direction is missing (a zero vector) or the turn is undefined (same or
    opposite directions) slerp is linear.
    """
    z_a = _point(z_a, None, "z_a")
    z_b = _point(z_b, len(z_a), "z_b")
    if steps < 2:
        raise ValueError(f"steps must be 2 or more, since both ends are frames, got {steps}.")
    if path not in ("linear", "slerp"):
        raise ValueError(f'path must be "linear" or "slerp", got {path!r}.')
    a, b = z_a.astype(np.float64), z_b.astype(np.float64)
    share = np.linspace(0, 1, steps)[:, None]
    walk = (1 - share) * a + share * b
    lengths = np.linalg.norm(a), np.linalg.norm(b)
    if path == "slerp" and min(lengths) > 0:
        angle = np.arccos(np.clip(a / lengths[0] @ (b / lengths[1]), -1, 1))
        if np.sin(angle) > 1e-6:
            turn = np.sin((1 - share) * angle) * a / lengths[0] + np.sin(share * angle) * b / lengths[1]
            walk = turn / np.sin(angle) * ((1 - share) * lengths[0] + share * lengths[1])
    walk = walk.astype(np.float32)
    walk[0], walk[-1] = z_a, z_b
    return walk


def traversal_values(steps: int = 11, extent: float = 3.0, z_mean: float = 0.0, z_log_var: float = 0.0) -> np.ndarray:
    """Values of one unit from -extent to extent standard deviations about its mean: (steps,) float32.

    The defaults span the prior; give one unit's z_mean and z_log_var to span its posterior, centred where it is.
    """
    if steps < 2 or not np.isfinite([extent, z_mean, z_log_var]).all() or extent <= 0:
        raise ValueError(
            f"a traversal needs 2 steps or more and a positive extent, all finite: got steps={steps}, extent={extent}, "
            f"z_mean={z_mean}, z_log_var={z_log_var}."
        )
    return (z_mean + np.exp(z_log_var / 2) * np.linspace(-extent, extent, steps)).astype(np.float32)


def traverse(z: np.ndarray, unit: int, values: np.ndarray | None = None) -> np.ndarray:
    """Copies of z (d,) in which one unit takes each of `values` (`traversal_values()` by default): (len(values), d)."""
    z = _point(z, None, "z")
    _check_unit(unit, len(z))
    values = traversal_values() if values is None else _point(values, None, "values")
    rows = np.tile(z, (len(values), 1))
    rows[:, unit] = values
    return rows


def arithmetic(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """a - b + c, the step from b to a taken from c; each (d,) or (n, d) -> float32 of the same shape."""
    a, b, c = (np.asarray(z, np.float32) for z in (a, b, c))
    if not a.shape == b.shape == c.shape:
        raise ValueError(f"a, b and c must have one shape, got {a.shape}, {b.shape} and {c.shape}.")
    return a - b + c


@dataclass(frozen=True)
class Plane:
    """A plane in latent space: origin (d,), axes (2, d) orthonormal, share (2,) of the codes' variance along each."""

    origin: np.ndarray
    axes: np.ndarray
    share: np.ndarray

    def project(self, codes: np.ndarray) -> np.ndarray:
        """codes (n, d) -> coordinates in the plane (n, 2) float32."""
        return ((_codes(codes, "codes") - self.origin) @ self.axes.T).astype(np.float32)

    def lift(self, points: np.ndarray) -> np.ndarray:
        """Coordinates in the plane (n, 2) -> z (n, d) float32."""
        return (np.asarray(points) @ self.axes + self.origin).astype(np.float32)


def pca_plane(codes: np.ndarray) -> Plane:
    """The plane along which codes (n, d), d >= 2, vary most (principal component analysis); signs are fixed."""
    codes = _codes(codes, "codes").astype(np.float64)
    if codes.shape[1] < 2 or len(codes) < 2:
        raise ValueError(f"a plane needs two codes or more of two units or more, got codes of shape {codes.shape}.")
    origin = codes.mean(axis=0)
    centred = codes - origin
    variances, vectors = np.linalg.eigh(centred.T @ centred / len(codes))  # (d,) ascending, (d, d) in columns
    axes = vectors[:, [-1, -2]].T
    # An eigenvector's sign is arbitrary: its largest entry is made positive, so that a map does not flip between runs.
    axes = axes * np.sign(axes[[0, 1], np.abs(axes).argmax(axis=1)])[:, None]
    total = variances.sum()
    share = np.maximum(variances[[-1, -2]], 0) / total if total > 0 else np.zeros(2)
    return Plane(origin.astype(np.float32), axes.astype(np.float32), share)


def nearest(codes: np.ndarray, z: np.ndarray, k: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """The k codes nearest to each z: codes (n, d), z (m, d) -> indices (m, k) int64, distances (m, k), nearest first."""
    codes = _codes(codes, "codes").astype(np.float64)
    z = _codes(z, "z", codes.shape[1]).astype(np.float64)
    if not 1 <= k <= len(codes):
        raise ValueError(f"k must be 1..{len(codes)}, the number of codes, got {k}.")
    indices = np.zeros((len(z), k), np.int64)
    distances = np.zeros((len(z), k))
    step = max(1, PAIRS // len(codes))
    for start in range(0, len(z), step):
        some = z[start : start + step]
        rough = (codes**2).sum(
            axis=1
        ) - 2 * some @ codes.T  # squared distance less |z|^2, which does not change the order
        chosen = np.argpartition(rough, k - 1, axis=1)[:, :k]
        # Differences taken anew: the product above loses digits, and a code must be at distance 0 of itself.
        exact = np.sqrt(((codes[chosen] - some[:, None]) ** 2).sum(axis=2))
        order = np.lexsort((chosen, exact), axis=1)
        indices[start : start + step] = np.take_along_axis(chosen, order, axis=1)
        distances[start : start + step] = np.take_along_axis(exact, order, axis=1)
    return indices, distances


def aggregate_density(z_mean: np.ndarray, z_log_var: np.ndarray, z: np.ndarray) -> np.ndarray:
    """log q(z), q(z) = 1/n sum_i N(z; z_mean_i, exp(z_log_var_i)): (n, d) twice and (m, d) -> (m,) float64, in nats.

    The density of the aggregate posterior: where it is low the decoder has never been asked to draw anything.
    """
    z_mean, z_log_var = _posterior(z_mean, z_log_var)
    if len(z_mean) == 0:
        raise ValueError("the aggregate posterior needs one code or more, got none.")
    z = _codes(z, "z", z_mean.shape[1]).astype(np.float64)
    mean, log_var = z_mean.astype(np.float64), z_log_var.astype(np.float64)
    precision = np.exp(-log_var)  # (n, d)
    # Each Gaussian's exponent, multiplied out so that all pairs are one matrix product: (m, 2d + 1) x (2d + 1, n).
    constant = -0.5 * (log_var + mean**2 * precision + np.log(2 * np.pi)).sum(axis=1) - np.log(len(mean))
    gaussians = np.concatenate([-0.5 * precision, mean * precision, constant[:, None]], axis=1).T
    result = np.zeros(len(z))
    step = max(1, PAIRS // len(mean))
    for start in range(0, len(z), step):
        some = z[start : start + step]
        logs = np.concatenate([some**2, some, np.ones((len(some), 1))], axis=1) @ gaussians
        peak = logs.max(axis=1)
        logs -= peak[:, None]
        shares = logs.astype(np.float32)
        np.exp(shares, out=shares)  # in [0, 1]: half the time of float64, 7 digits
        result[start : start + step] = peak + np.log(shares.sum(axis=1, dtype=np.float64))
    return result


def support_draws(n: int, d: int) -> int:
    """How many draws `support_threshold` looks at: 2,000; of many codes or units fewer, so that it takes half a second at most.

    Args:
        n: number of codes.
        d: latent units of each.
    """
    return max(100, min(2000, SUPPORT_WORK // (max(1, n) * (PAIR_WORK + 2 * d))))


def support_threshold(z_mean: np.ndarray, z_log_var: np.ndarray, share: float = 0.01, seed: Seed = 0) -> float:
    """The log density that a `share` of the aggregate posterior's own draws falls below; less than this is unsupported."""
    z_mean, z_log_var = _posterior(z_mean, z_log_var)
    n = support_draws(*z_mean.shape)
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, len(z_mean), n)
    draws = sample_posterior(z_mean[rows], z_log_var[rows], rng)
    return float(np.quantile(aggregate_density(z_mean, z_log_var, draws), share))


def class_centroids(codes: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean code of each class: codes (n, d), labels (n,) -> the classes there are (k,), ascending, and (k, d) float32."""
    codes, labels = _codes(codes, "codes"), np.asarray(labels)
    if labels.shape != (len(codes),):
        raise ValueError(f"labels must have shape ({len(codes)},), one per code, got {labels.shape}.")
    classes = np.unique(labels)
    means = [codes[labels == label].mean(axis=0, dtype=np.float64) for label in classes]
    return classes, np.array(means, np.float32).reshape(len(classes), codes.shape[1])


def codes_tsv(codes: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> str:
    """Codes (n, d) as a table without header: class, then the d values, by tabs; classes: a name per label.

    The Embedding Projector (projector.tensorflow.org, "Load", two units or more) takes a first cell that is no number as
    the row's label; so a name that is one becomes "class 7".
    """
    codes, labels = _codes(codes, "codes"), np.asarray(labels)
    if labels.shape != (len(codes),) or (len(labels) and not 0 <= labels.min() <= labels.max() < len(classes)):
        raise ValueError(
            f"labels must have shape ({len(codes)},) and lie in 0..{len(classes) - 1}, one per code and a name for each; got "
            f"shape {labels.shape}, {labels.min(initial=0)} to {labels.max(initial=0)}."
        )
    names = [_no_number(name.strip()) for name in classes]
    rows = zip(labels, codes, strict=True)
    return delimited(((names[label], *(f"{value:.6g}" for value in z)) for label, z in rows), "\t")


def _no_number(name: str) -> str:
    try:
        float(name or "0")
    except ValueError:
        return name
    return f"class {name}".strip()


@dataclass(frozen=True)
class Sampler:
    """A Gaussian mixture over codes: weights (k,), means (k, d), covariances (k, d, d)."""

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray

    def sample(self, n: int, seed: Seed = 0) -> np.ndarray:
        """n draws: (n, d) float32."""
        rng = np.random.default_rng(seed)
        which = rng.choice(len(self.weights), size=n, p=self.weights)
        epsilon = rng.standard_normal((n, self.means.shape[1]))
        roots = np.linalg.cholesky(self.covariances)
        return (self.means[which] + np.einsum("nij,nj->ni", roots[which], epsilon)).astype(np.float32)


def fit_sampler(codes: np.ndarray, components: int = 10, seed: int = 0) -> Sampler:
    """A sampler of where the codes (n, d) really are, which the prior misses in part: a Gaussian mixture (scikit-learn)."""
    from sklearn.mixture import GaussianMixture

    codes = _codes(codes, "codes")
    if not 1 <= components <= len(codes):
        raise ValueError(f"components must be 1..{len(codes)}, the number of codes, got {components}.")
    mixture: Any = GaussianMixture(components, reg_covar=1e-4, max_iter=500, tol=1e-3, random_state=seed)
    mixture.fit(codes.astype(np.float64))
    return Sampler(mixture.weights_ / mixture.weights_.sum(), mixture.means_, mixture.covariances_)


def _codes(values: np.ndarray, name: str, latent_dim: int | None = None) -> np.ndarray:
    codes = np.asarray(values, np.float32)
    if codes.ndim != 2 or (latent_dim is not None and codes.shape[1] != latent_dim):
        raise ValueError(
            f"{name} must have shape (n, {latent_dim or 'latent_dim'}), got {codes.shape}. One alone needs a first axis: z[None]."
        )
    if not np.isfinite(codes).all():
        raise ValueError(f"{name} holds NaN or infinite values. Was the model's training broken off by a NaN loss?")
    return codes


def _posterior(z_mean: np.ndarray, z_log_var: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    z_mean, z_log_var = _codes(z_mean, "z_mean"), _codes(z_log_var, "z_log_var")
    if z_mean.shape != z_log_var.shape:
        raise ValueError(f"z_mean and z_log_var must have one shape, got {z_mean.shape} and {z_log_var.shape}.")
    return z_mean, z_log_var


def _point(values: np.ndarray, latent_dim: int | None, name: str) -> np.ndarray:
    point = np.asarray(values, np.float32)
    if point.ndim != 1 or len(point) == 0 or (latent_dim is not None and len(point) != latent_dim):
        raise ValueError(f"{name} must have shape ({latent_dim or 'latent_dim'},), got {point.shape}.")
    if not np.isfinite(point).all():
        raise ValueError(f"{name} holds NaN or infinite values: {point}.")
    return point


def _check_unit(unit: int, latent_dim: int) -> None:
    if not 0 <= unit < latent_dim:
        raise ValueError(f"latent unit must be 0..{latent_dim - 1} for latent_dim {latent_dim}, got {unit}.")
