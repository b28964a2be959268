"""How good samples are: Fréchet distance, precision and recall in the features of the classifier, and two baselines.

>>> rng = np.random.default_rng(0)
>>> a = rng.normal(size=(500, 4))
>>> round(frechet_distance(a, a + 1), 6)
4.0
>>> precision_recall(a, a)
(1.0, 1.0)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from vae_core.analysis.checks import ProgressCallback, finite_values, unit_range
from vae_core.analysis.generation.classifier import IMAGE_SHAPE, Classifier
from vae_core.analysis.generation.density import Density
from vae_core.analysis.generation.sampling import draw_points
from vae_core.network.latents import EncoderDecoder

SAMPLES = 10_000
# Nearest neighbours that make a set's surface (Kynkäänniemi et al. 2019, section 3).
NEIGHBOURS = 3
# Distances held at a time, 16 MB.
PAIRS = 2_000_000
FEATURE_SPACE = "in this program's classifier's features (64, not FID's)"


@dataclass(frozen=True)
class Quality:
    """What a set of samples is like beside the test images.

    Attributes:
        frechet: Fréchet distance of the features' Gaussians, 0 or more; 0 is best.
        precision: Share of samples that lie among the test images, 0..1.
        recall: Share of test images that lie among the samples, 0..1.
    """

    frechet: float
    precision: float
    recall: float


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Fréchet distance of two Gaussians with the sets' means and covariances (Heusel et al. 2017, arXiv:1706.08500, equation 6).

    |m_a - m_b|² + tr(C_a + C_b - 2 (C_a C_b)^½).

    Args:
        a: Features, (n, d), n of 2 or more.
        b: Features, (m, d), m of 2 or more.

    Returns:
        0 or more, in the features' units squared.

    Raises:
        ValueError: Shapes that do not match, fewer than two rows, or a value that is NaN or infinite.
    """
    a, b = _pair(a, b, least=2)
    c_a, c_b = np.cov(a, rowvar=False).reshape(a.shape[1], -1), np.cov(b, rowvar=False).reshape(b.shape[1], -1)
    # C_a C_b has the eigenvalues of the symmetric C_a^½ C_b C_a^½, whose root is found without complex numbers.
    values, vectors = np.linalg.eigh(c_a)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    product = np.linalg.eigvalsh(root @ c_b @ root)
    distance = ((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum() + np.trace(c_a) + np.trace(c_b)
    return float(max(distance - 2 * np.sqrt(np.maximum(product, 0)).sum(), 0.0))


def precision_recall(real: np.ndarray, generated: np.ndarray, k: int = NEIGHBOURS) -> tuple[float, float]:
    """Precision and recall of samples (Kynkäänniemi et al. 2019, arXiv:1904.06991, equations 1 and 2).

    A set's surface is a ball about each of its points, as far as the point's k-th nearest of the same set.

    Args:
        real: Features of real images, (n, d), n above k.
        generated: Features of samples, (m, d), m above k.
        k: Number of the neighbour that gives a ball its radius, 1 or more.

    Returns:
        Share of samples within the surface of the real images, and share of real images within that of the samples.

    Raises:
        ValueError: Shapes that do not match, too few rows, or a value that is NaN or infinite.
    """
    real, generated = _pair(real, generated, least=k + 1)
    real, generated = real.astype(np.float32), generated.astype(np.float32)
    return _covered(real, generated, k), _covered(generated, real, k)


def _covered(centres: np.ndarray, points: np.ndarray, k: int) -> float:
    """Share of the points within a ball about one of the centres."""
    # The (k + 1)-th smallest, since each centre is at distance 0 of itself.
    radii = np.concatenate([np.partition(block, k, axis=1)[:, k] for _, block in _squares(centres, centres)])
    inside = [(block <= radii * (1 + 1e-6) + 1e-9).any(axis=1) for _, block in _squares(points, centres)]
    return float(np.concatenate(inside).mean())


def _squares(rows: np.ndarray, columns: np.ndarray) -> Any:
    """Squared distances slice by slice: (start, (slice, m))."""
    own = (columns**2).sum(axis=1)
    step = max(1, PAIRS // len(columns))
    for start in range(0, len(rows), step):
        piece = rows[start : start + step]
        yield start, np.maximum((piece**2).sum(axis=1)[:, None] + own - 2 * piece @ columns.T, 0)


def _pair(a: np.ndarray, b: np.ndarray, least: int) -> tuple[np.ndarray, np.ndarray]:
    a, b = finite_values(a, "features"), finite_values(b, "features")
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < least:
        raise ValueError(f"features must be (n, d) and (m, d) of {least} rows or more, got {a.shape} and {b.shape}.")
    return a, b


# --- sets of samples --------------------------------------------------------------------------------------------------


def compare(real: np.ndarray, generated: np.ndarray) -> Quality:
    """Every figure of samples beside real images, both as features, (n, d) and (m, d)."""
    return Quality(frechet_distance(real, generated), *precision_recall(real, generated))


def sample_features(
    engine: EncoderDecoder, classifier: Classifier, n: int, seed: int, density: Density | None = None
) -> np.ndarray:
    """Features of n samples, a slice at a time.

    Args:
        engine: The model.
        classifier: Whose features.
        n: How many, 1..10,000.
        seed: Of the draws.
        density: To draw from; None for the prior N(0, I).

    Returns:
        (n, 64) float32.
    """
    z = draw_points(n, engine.latent_dim, seed, density=density)
    return np.concatenate([classifier.features(engine.decode(z[start : start + 500])) for start in range(0, n, 500)])


def pca_gaussian(pixels: np.ndarray, n: int, components: int = 16, seed: int = 0) -> np.ndarray:
    """Samples of the linear baseline: a Gaussian over principal components, without noise on the pixels.

    Args:
        pixels: Train images, (m, h, w, c) uint8.
        n: How many samples.
        components: Number of principal components.
        seed: Of the fit and the draws.

    Returns:
        (n, h, w, c) float32, clipped to [0, 1].
    """
    from sklearn.decomposition import PCA

    pca = PCA(components, svd_solver="randomized", random_state=seed).fit(unit_range(pixels).reshape(len(pixels), -1))
    scale = np.sqrt(pca.explained_variance_)
    codes = np.random.default_rng(seed).standard_normal((n, components)) * scale
    return np.clip(pca.inverse_transform(codes), 0, 1).astype(np.float32).reshape(n, *pixels.shape[1:])


def bernoulli_mixture(pixels: np.ndarray, n: int, components: int = 256, steps: int = 12, seed: int = 0) -> np.ndarray:
    """Samples of a mixture of products of Bernoulli distributions: the mean image of a component that is drawn.

    Fitted by expectation maximisation to grey pixels, as the decoder's likelihood takes them; it starts at as many images.

    Args:
        pixels: Train images, (m, h, w, c) uint8.
        n: How many samples.
        components: Number of components, 1..m.
        steps: Of expectation maximisation.
        seed: Of the start and the draws.

    Returns:
        (n, h, w, c) float32 in [0, 1].
    """
    rng = np.random.default_rng(seed)
    flat = pixels.reshape(len(pixels), -1)
    start = unit_range(flat[rng.permutation(len(flat))[:components]])
    means = 0.5 * start + 0.5 * float(flat.mean()) / 255  # (k, pixels)
    weights = np.full(components, 1 / components)
    for _ in range(steps):
        clipped = np.clip(means, 1e-3, 1 - 1e-3)
        slope = (np.log(clipped) - np.log(1 - clipped)).astype(np.float32)
        constant = (np.log(1 - clipped).sum(axis=1) + np.log(weights + 1e-12)).astype(np.float32)
        total, sums = np.zeros(components), np.zeros_like(means, np.float64)
        for begin in range(0, len(flat), 5000):
            x = unit_range(flat[begin : begin + 5000])
            logs = x @ slope.T + constant  # (slice, k)
            shares = np.exp(logs - logs.max(axis=1, keepdims=True))
            shares /= shares.sum(axis=1, keepdims=True)
            total += shares.sum(axis=0)
            sums += shares.T @ x
        means, weights = sums / np.maximum(total, 1e-9)[:, None], total / total.sum()
    chosen = rng.choice(components, n, p=weights)
    return means[chosen].astype(np.float32).reshape(n, *pixels.shape[1:])


# --- figures ----------------------------------------------------------------------------------------------------------


def figures(
    engine: EncoderDecoder,
    test: np.ndarray,
    density: Density | None,
    classifier: Classifier,
    n: int = SAMPLES,
    seed: int = 0,
    progress: ProgressCallback | None = None,
) -> dict[str, Any]:
    """Quality of a model's samples beside the test images, for the prior and for the fitted density.

    Args:
        engine: A model of pictures of 28×28×1.
        test: Test images, (m, 28, 28, 1) uint8.
        density: Fitted to the model's train codes; None leaves its figures out.
        classifier: Whose features.
        n: How many samples, and test images at most.
        seed: Of the draws.
        progress: Called with the parts done and their total.

    Returns:
        name -> {"value", "split", "n", "method"}, ready for `json.dump`.

    Raises:
        ValueError: Pictures of another shape.
    """
    if tuple(engine.image_shape) != IMAGE_SHAPE:
        raise ValueError(
            f"samples are measured by a classifier of 28×28×1 pictures; this model's are {engine.image_shape}."
        )
    real = classifier.features(test[:n])
    sources: dict[str, tuple[str, Density | None]] = {"prior": ("N(0, I)", None)}
    if density is not None:
        sources["density"] = (f"a Gaussian mixture fitted to {density.n:,} train codes", density)
    result: dict[str, Any] = {}
    for done, (name, (words, source)) in enumerate(sources.items()):
        quality = compare(real, sample_features(engine, classifier, n, seed, source))
        result |= as_figures(name, quality, f"{n:,} samples of z from {words}, seed {seed}", len(real))
        if progress:
            progress(done + 1, len(sources))
    return result


def references(
    train: np.ndarray, test: np.ndarray, classifier: Classifier, n: int = SAMPLES, seed: int = 0
) -> dict[str, Any]:
    """What the figures are read against: train images themselves, and the two baselines, fitted on train.

    Args:
        train: Train images, (m, 28, 28, 1) uint8.
        test: Test images, (k, 28, 28, 1) uint8.
        classifier: Whose features.
        n: How many samples, and images of each split at most.
        seed: Of the choice of train images, the fits and the draws.

    Returns:
        name -> {"value", "split", "n", "method"}.
    """
    real = classifier.features(test[:n])
    chosen = np.random.default_rng(seed).permutation(len(train))[:n]
    makers: Mapping[str, tuple[str, Callable[[], np.ndarray]]] = {
        "train": (f"{len(chosen):,} train images: the floor", lambda: train[chosen]),
        "pca_gaussian": (
            f"{n:,} samples of PCA-16 with a Gaussian, fitted on train",
            lambda: pca_gaussian(train, n, seed=seed),
        ),
        "bernoulli_mixture": (
            f"{n:,} mean images drawn from a 256-component Bernoulli mixture, 12 EM steps on train",
            lambda: bernoulli_mixture(train, n, seed=seed),
        ),
    }
    result: dict[str, Any] = {}
    for name, (words, make) in makers.items():
        result |= as_figures(name, compare(real, classifier.features(make())), f"{words}, seed {seed}", len(real))
    return result


def as_figures(name: str, quality: Quality, samples: str, n: int) -> dict[str, Any]:
    """The three figures of one set of samples by name, such as "frechet_prior"."""
    methods = {
        "frechet": f"Fréchet distance {FEATURE_SPACE}",
        "precision": f"share of samples within the test images' {NEIGHBOURS}-nearest balls, {FEATURE_SPACE}",
        "recall": f"share of test images within the samples' {NEIGHBOURS}-nearest balls, {FEATURE_SPACE}",
    }
    return {
        f"{figure}_{name}": {
            "value": round(float(getattr(quality, figure)), 6),
            "split": "test",
            "n": n,
            "method": f"{method}; {samples}",
        }
        for figure, method in methods.items()
    }
