"""Anomalies: how unlike its training data a model finds a picture, by several scores, each held against known odd pictures.

>>> auroc(np.array([1.0, 2.0]), np.array([3.0, 4.0])), auroc(np.ones(5), np.ones(3))
(1.0, 0.5)
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from vae_core.analysis.applications.statistics import Interval, bootstrap_interval
from vae_core.analysis.checks import ProgressCallback, checked_images, unit_range
from vae_core.analysis.latent_geometry import nearest
from vae_core.analysis.latent_points import sample_posterior
from vae_core.analysis.likelihood import kl_per_unit, reconstruction_loss
from vae_core.network.engine import Engine

IMAGES = 500  # ordinary ones, of the test split; and as many odd ones of each kind
NEIGHBOURS = 15
REFERENCE_VALUES = 40_000  # numbers of train codes that are kept: 2,500 codes of 16 units
MOST_REFERENCES = 2500
RECONSTRUCTION, KL, ELBO, GRADIENT, DISTANCE, MAHALANOBIS = (
    "reconstruction error",
    "KL",
    "−ELBO",
    "error × KL gradient",
    "distance to train codes",
    "Mahalanobis",
)
SCORES = (ELBO, RECONSTRUCTION, KL, GRADIENT, DISTANCE, MAHALANOBIS)
MEANINGS = {
    RECONSTRUCTION: "−log p(x|z) at z_mean, in nats: what the model cannot draw",
    KL: "KL of the posterior to the prior, in nats: how far from the centre the code lies, and how sure it is",
    ELBO: "−ELBO with one sample of z, in nats: an upper bound on −log p(x), the model's own likelihood",
    GRADIENT: "sum over the pixels of |x − x′| · |∂KL/∂x| (Zimmerer et al. 2019): errors at pixels that the code depends on",
    DISTANCE: "distance of z_mean to the 15th nearest code of the train images",
    MAHALANOBIS: "distance of z_mean to the nearest class mean, in the deviations that classes have within (Lee et al. 2018)",
}


@dataclass(frozen=True)
class Reference:
    """What a model has seen, in latent space: some of the train images' codes.

    Attributes:
        codes: z_mean, (m, latent_dim).
        means: A row per class that occurs, (k, latent_dim).
        precision: Inverse of the covariance within classes, (latent_dim, latent_dim).
    """

    codes: list[list[float]]
    means: list[list[float]]
    precision: list[list[float]]


def reference_of(z_mean: np.ndarray, labels: np.ndarray) -> Reference:
    """Sum up the codes of train images.

    Args:
        z_mean: (m, latent_dim), m of 1 or more.
        labels: (m,).
    """
    z = z_mean.astype(np.float64)
    classes = np.unique(labels)
    means = np.stack([z[labels == label].mean(axis=0) for label in classes])
    within = z - means[np.searchsorted(classes, labels)]
    # A little of the identity: a dead unit has no variance, and few images span no space.
    covariance = within.T @ within / len(z) + 1e-4 * np.eye(z.shape[1])
    kept = max(1, min(len(z), MOST_REFERENCES, REFERENCE_VALUES // z.shape[1]))
    return Reference(_rounded(z[:kept]), _rounded(means, 7), _rounded(np.linalg.inv(covariance), 7))


def scores(engine: Engine, images: np.ndarray, reference: Reference, seed: int = 0) -> dict[str, np.ndarray]:
    """Every score of every image; the higher, the odder.

    Args:
        engine: The model.
        images: (n, h, w, c) float32 in [0, 1].
        reference: Of its train images.
        seed: Of the sample of z.

    Returns:
        For each of `SCORES` (n,) float64; the gradient is left out where the encoder has a layer without one.

    Raises:
        ValueError: Images of another shape or range, or a network that computes NaN.
    """
    images = checked_images(images)
    z_mean, z_log_var = engine.encode(images)
    kl = kl_per_unit(z_mean, z_log_var).sum(axis=1)
    sampled = reconstruction_loss(engine, images, sample_posterior(z_mean, z_log_var, seed))
    codes = np.array(reference.codes, np.float32)
    k = min(NEIGHBOURS, len(codes))
    means, precision = np.array(reference.means), np.array(reference.precision)
    offsets = z_mean[:, None].astype(np.float64) - means  # (n, k, d)
    squares = np.einsum("nkd,de,nke->nk", offsets, precision, offsets)
    result = {
        ELBO: sampled + kl,
        RECONSTRUCTION: reconstruction_loss(engine, images, z_mean),
        KL: kl,
        DISTANCE: nearest(codes, z_mean, k)[1][:, -1],
        MAHALANOBIS: np.sqrt(np.maximum(squares.min(axis=1), 0)),
    }
    with suppress(ValueError):
        result[GRADIENT] = anomaly_maps(engine, images).sum(axis=(1, 2), dtype=np.float64)
    return {name: result[name] for name in SCORES if name in result}


def anomaly_maps(engine: Engine, images: np.ndarray) -> np.ndarray:
    """|x - x'| · |dKL/dx| of each pixel, channels added (Zimmerer et al. 2019, arXiv:1907.02796): (n, h, w) float32.

    Args:
        engine: The model.
        images: (n, h, w, c) float32 in [0, 1].

    Raises:
        ValueError: Images of another shape, or an encoder without a gradient.
    """
    _, gradient = engine.kl_gradient(images)
    return (np.abs(images - engine.reconstruct(images)) * np.abs(gradient)).sum(axis=3)


def auroc(normal: np.ndarray, odd: np.ndarray) -> float:
    """Chance that an odd picture's score is above a normal one's, ties counted half: the area under the ROC curve.

    Args:
        normal: (n,), n of 1 or more.
        odd: (m,), m of 1 or more.
    """
    ordered = np.sort(normal)
    below = np.searchsorted(ordered, odd, "left")
    ties = np.searchsorted(ordered, odd, "right") - below
    return float((below + ties / 2).mean() / len(normal))


def roc_curve(normal: np.ndarray, odd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of normal and of odd pictures at or above each threshold, from the strictest to the loosest.

    Args:
        normal: (n,).
        odd: (m,).

    Returns:
        False alarms and hits, each from 0 to 1.
    """
    thresholds = np.concatenate([[np.inf], np.unique(np.concatenate([normal, odd]))[::-1]])
    alarms = 1 - np.searchsorted(np.sort(normal), thresholds, "left") / len(normal)
    hits = 1 - np.searchsorted(np.sort(odd), thresholds, "left") / len(odd)
    return alarms, hits


def p_value(normal: np.ndarray, value: float) -> float:
    """Share of ordinary pictures at least as odd, the picture itself counted among them: a conformal p-value (Bates et al. 2023).

    Args:
        normal: Scores of ordinary pictures, (n,), without this one.
        value: This picture's.
    """
    return float((1 + np.count_nonzero(normal >= value)) / (len(normal) + 1))


def odd_pictures(images: np.ndarray, seed: int = 0) -> dict[str, np.ndarray]:
    """Pictures that are odd on purpose, made of ordinary ones.

    Args:
        images: (n, h, w, c) float32 in [0, 1].
        seed: Of the noise and the shuffling.

    Returns:
        For each kind (n, h, w, c) float32 in [0, 1].
    """
    # A generator of its own for each kind: the first pictures do not depend on how many follow.
    noise, order = (np.random.default_rng([seed, kind]) for kind in (0, 1))
    height, width = images.shape[1:3]
    turned = np.rot90(images, 1 if height == width else 2, axes=(1, 2))
    return {
        "pixel noise": noise.random(images.shape, np.float32),
        "shuffled patches": np.stack([_shuffled(image, order) for image in images]),
        "rotated": np.ascontiguousarray(turned),
        "inverted": 1 - images,
        "faded": (images * np.float32(0.3)).astype(np.float32),
    }


def _shuffled(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A 4 × 4 grid of its patches in another order; what is left over at the edge stays."""
    tall, wide = image.shape[0] // 4, image.shape[1] // 4
    result = image.copy()
    for place, source in enumerate(rng.permutation(16)):
        (to_row, to_column), (row, column) = divmod(place, 4), divmod(int(source), 4)
        patch = image[row * tall : (row + 1) * tall, column * wide : (column + 1) * wide]
        result[to_row * tall : (to_row + 1) * tall, to_column * wide : (to_column + 1) * wide] = patch
    return result


@dataclass(frozen=True)
class OddSet:
    """One kind of odd pictures.

    Attributes:
        name: What they are.
        scores: For each score a value per picture.
        auroc: For each score the area under the ROC curve against the ordinary pictures, with its interval.
    """

    name: str
    scores: dict[str, list[float]]
    auroc: dict[str, Interval]

    @property
    def n(self) -> int:
        """How many pictures."""
        return len(next(iter(self.scores.values())))


@dataclass(frozen=True)
class AnomalyFigures:
    """Scores of ordinary and of odd pictures.

    Attributes:
        n: Ordinary pictures: the first so many of the test split.
        references: Train images whose codes the distances are to.
        normal: For each score a value per ordinary picture.
        sets: The odd ones.
        reference: For the scores of further pictures.
    """

    n: int
    references: int
    normal: dict[str, list[float]]
    sets: list[OddSet]
    reference: Reference

    @property
    def method(self) -> str:
        """How the figures were computed, as a sentence."""
        return (
            f"{self.n} ordinary test images against each kind of odd ones, made of other test images; AUROC with the 95 % interval of "
            f"1,000 bootstrap resamples; −ELBO with one sample of z, seed 0; distances to {self.references:,} train codes, classes "
            "from the train labels."
        )


def measure(
    engine: Engine,
    pixels: np.ndarray,
    train_pixels: np.ndarray,
    train_labels: np.ndarray,
    others: Mapping[str, np.ndarray] | None = None,
    progress: ProgressCallback | None = None,
) -> AnomalyFigures:
    """Score ordinary pictures and every kind of odd ones.

    Args:
        engine: The model.
        pixels: Test images, (n, h, w, c) uint8, n of 1 or more: the first half is ordinary, at most `IMAGES` of them, the odd ones
            are made of the rest.
        train_pixels: Train images, uint8; the first 10,000 are encoded.
        train_labels: Theirs.
        others: Further odd pictures by name, uint8.
        progress: Called with the kinds done and their total.
    """
    n = max(1, min(IMAGES, len(pixels) // 2))
    images = checked_images(unit_range(pixels[: 2 * n]))
    z_mean, _ = engine.encode(unit_range(train_pixels[:10_000]))
    reference = reference_of(z_mean, np.asarray(train_labels)[: len(z_mean)])
    normal = scores(engine, images[:n], reference)
    rest = images[n:] if len(images) > n else images
    odd = {**odd_pictures(rest), **{name: unit_range(array) for name, array in (others or {}).items()}}
    sets = []
    for done, (name, pictures) in enumerate(odd.items(), 1):
        found = scores(engine, pictures, reference)
        areas = {score: bootstrap_interval(auroc, normal[score], values) for score, values in found.items()}
        sets.append(OddSet(name, {score: _rounded(values) for score, values in found.items()}, areas))
        if progress:
            progress(done, len(odd))
    kept = {score: _rounded(values) for score, values in normal.items()}
    return AnomalyFigures(n, len(reference.codes), kept, sets, reference)


def to_dict(figures: AnomalyFigures) -> dict[str, Any]:
    """Plain values for a JSON file."""
    sets = [vars(one) for one in figures.sets]
    return {**vars(figures), "sets": sets, "reference": vars(figures.reference), "method": figures.method}


def _rounded(values: np.ndarray, digits: int = 5) -> Any:
    """Nested lists of numbers of so many digits, which take half the room."""
    return _digits(values.tolist(), digits)


def _digits(value: Any, digits: int) -> Any:
    return [_digits(one, digits) for one in value] if isinstance(value, list) else float(f"{value:.{digits}g}")
