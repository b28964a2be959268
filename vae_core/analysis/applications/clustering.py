"""Unsupervised learning: do a model's codes fall into clusters, do these match the classes, and how many labels does it take?

>>> purity(np.array([0, 0, 1, 1]), np.array([5, 5, 5, 7]))
0.75
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from vae_core.analysis.applications.compression import principal_components
from vae_core.analysis.applications.statistics import Interval, bootstrap_interval, mean_interval
from vae_core.analysis.checks import ProgressCallback, unit_range
from vae_core.network.latents import EncoderDecoder

TRAIN, TEST = 5_000, 2_000  # images: the first of their splits
LEAST = 20  # train images
SIZES = (2, 4, 6, 8, 10, 12, 16, 20, 25, 30)  # numbers of clusters among which BIC chooses
LABELS = (10, 100, 1000)
DRAWS = 10
MEMBERS = 12  # pictures of a cluster's contact sheet
RESAMPLES = 200
KMEANS, MIXTURE = "k-means", "Gaussian mixture"
LOGISTIC, NEIGHBOUR = "logistic regression", "nearest neighbour"
LEARNERS = (LOGISTIC, NEIGHBOUR)
CODES, PCA, PIXELS = "codes", "PCA codes", "pixels"


@dataclass(frozen=True)
class Clustering:
    """Clusters of the codes, fitted on train images, and the test images in them.

    Attributes:
        method: "k-means" or "Gaussian mixture".
        chosen_by: Why there are so many: "classes" or "BIC".
        means: (k, latent_dim).
        variances: Diagonal covariances, (k, latent_dim); None for k-means.
        weights: (k,); None for k-means.
        assigned: Cluster of each test image.
        members: Of each cluster some test images, the most typical first.
        majority: Of each cluster the most frequent class.
        shares: Its share.
    """

    method: str
    chosen_by: str
    means: list[list[float]]
    variances: list[list[float]] | None
    weights: list[float] | None
    assigned: list[int]
    members: list[list[int]]
    majority: list[int]
    shares: list[float]

    def assign(self, z: np.ndarray) -> np.ndarray:
        """Cluster of each code (n, latent_dim): (n,) int64."""
        return closeness(
            z,
            np.array(self.means),
            self.variances and np.array(self.variances),
            self.weights and np.array(self.weights),
        ).argmax(axis=1)


@dataclass(frozen=True)
class Agreement:
    """How well clusters match the classes, with 95 % bootstrap intervals over the test images.

    Attributes:
        features: What was clustered: "codes", "PCA codes" or "pixels".
        method: "k-means" or "Gaussian mixture".
        k: Number of clusters.
        ari: Adjusted Rand index (Hubert & Arabie 1985): 1 alike, 0 by chance.
        nmi: Normalised mutual information, 0 to 1.
        purity: Share of images in the majority class of their cluster.
    """

    features: str
    method: str
    k: int
    ari: Interval
    nmi: Interval
    purity: Interval


@dataclass(frozen=True)
class LabelFigures:
    """Test accuracy of a learner on some features after so many labels, over several draws of them."""

    learner: str
    features: str
    labels: int
    accuracy: Interval


@dataclass(frozen=True)
class ClusteringFigures:
    """Everything of the use Unsupervised learning.

    Attributes:
        train: Train images that clusters were fitted on.
        n: Test images that they were compared on.
        bic: Numbers of clusters, each with the mixture's BIC on the train codes; the least wins.
        clusterings: Of the codes.
        agreements: Of the codes and the baselines.
        accuracies: With few labels; empty for a single class.
    """

    train: int
    n: int
    bic: list[tuple[int, float]]
    clusterings: list[Clustering]
    agreements: list[Agreement]
    accuracies: list[LabelFigures]

    @property
    def method(self) -> str:
        """How the figures were computed, as a sentence."""
        return (
            f"Clusters fitted on z_mean of {self.train:,} train images without labels, compared with the labels of {self.n:,} test images; "
            f"mixtures with diagonal covariances; 95 % intervals of {RESAMPLES} bootstrap resamples. Accuracy: on features of one common scale, "
            f"labels drawn {DRAWS} times from train, the same number of each class where there are enough, mean with the 95 % interval "
            "of Student's t over the draws. PCA of as many units as the model has, fitted on the same train images."
        )


def purity(clusters: np.ndarray, labels: np.ndarray) -> float:
    """Share of images that are of the most frequent class of their cluster.

    Args:
        clusters: (n,) whole numbers, n of 1 or more.
        labels: (n,) whole numbers.
    """
    table = contingency(clusters, labels)
    return float(table.max(axis=1).sum() / len(labels))


def contingency(clusters: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How many images of each cluster are of each class, (clusters, classes) int64, both in ascending order."""
    rows, columns = np.unique(clusters, return_inverse=True)[1], np.unique(labels, return_inverse=True)[1]
    table = np.zeros((rows.max() + 1, columns.max() + 1), np.int64)
    np.add.at(table, (rows, columns), 1)
    return table


def closeness(z: np.ndarray, means: np.ndarray, variances: Any = None, weights: Any = None) -> np.ndarray:
    """Of each code to each cluster: minus the squared distance, or of a mixture the log of weight times density.

    Args:
        z: (n, d).
        means: (k, d).
        variances: (k, d) of a mixture.
        weights: (k,) of a mixture.

    Returns:
        (n, k) float64, the highest for the cluster that a code belongs to.
    """
    offsets = z[:, None].astype(np.float64) - means  # (n, k, d)
    if variances is None:
        return -np.square(offsets).sum(axis=2)
    logs = np.log(2 * math.pi * variances).sum(axis=1)  # (k,)
    return np.log(weights) - 0.5 * (np.square(offsets) / variances).sum(axis=2) - 0.5 * logs


def measure(
    engine: EncoderDecoder,
    train_pixels: np.ndarray,
    train_labels: np.ndarray,
    pixels: np.ndarray,
    labels: np.ndarray,
    progress: ProgressCallback | None = None,
    sizes: tuple[int, ...] = SIZES,
) -> ClusteringFigures:
    """Cluster a model's codes, compare them with the classes, and learn classes from few labels.

    Args:
        engine: The model.
        train_pixels: (m, h, w, c) uint8; the first `TRAIN` are used.
        train_labels: (m,).
        pixels: Test images, uint8; the first `TEST` are used.
        labels: Theirs.
        progress: Called with the steps done and their total.
        sizes: Numbers of clusters to choose among.

    Raises:
        ValueError: Fewer than `LEAST` train images.
    """
    if len(train_pixels) < LEAST:
        raise ValueError(
            f"clusters need {LEAST} train images or more, got {len(train_pixels)}. Train on more pictures."
        )
    train_pixels, train_labels = train_pixels[:TRAIN], np.asarray(train_labels)[:TRAIN]
    pixels, labels = pixels[:TEST], np.asarray(labels)[:TEST]
    features = _features(engine, train_pixels, pixels)
    sizes = tuple(k for k in sizes if k <= len(train_pixels) // 5)
    classes = len(np.unique(train_labels))
    total = len(sizes) + 5
    steps = iter(range(1, total + 1))

    def tick() -> None:
        if progress:
            progress(next(steps, total), total)

    train, test = features[CODES]
    bic = []
    for k in sizes:
        bic.append((k, float(_mixture(train, k).bic(train))))
        tick()
    best = min(bic, key=lambda row: row[1])[0]
    clusterings = [
        _kmeans_clusters(train, test, labels, max(2, classes)),
        _mixture_clusters(train, test, labels, max(2, classes), "classes"),
        _mixture_clusters(train, test, labels, best, "BIC"),
    ]
    agreements = [_agreement(CODES, one.method, len(one.means), np.array(one.assigned), labels) for one in clusterings]
    tick()
    for name in (PCA, PIXELS):
        fitted = _kmeans(features[name][0], max(2, classes))
        assigned = closeness(features[name][1], fitted).argmax(axis=1)
        agreements.append(_agreement(name, KMEANS, len(fitted), assigned, labels))
        tick()
    accuracies = few_labels(features, train_labels, labels)
    for _ in range(2):
        tick()
    return ClusteringFigures(len(train), len(test), bic, clusterings, agreements, accuracies)


def _features(
    engine: EncoderDecoder, train_pixels: np.ndarray, pixels: np.ndarray
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Of train and test images: z_mean, PCA codes of as many units, and the pixels themselves."""
    flat = [unit_range(part).reshape(len(part), -1) for part in (train_pixels, pixels)]
    mean, _, basis = principal_components(train_pixels)
    codes = [engine.encode(unit_range(part))[0].astype(np.float64) for part in (train_pixels, pixels)]
    projected = [(part - mean) @ basis[:, : engine.latent_dim] for part in flat]
    return {CODES: (codes[0], codes[1]), PCA: (projected[0], projected[1]), PIXELS: (flat[0], flat[1])}


def few_labels(
    features: dict[str, tuple[np.ndarray, np.ndarray]], train_labels: np.ndarray, labels: np.ndarray
) -> list[LabelFigures]:
    """Test accuracy after 10, 100 and 1,000 labels, as far as there are so many.

    Args:
        features: By name, of train and of test images, (m, d) and (n, d).
        train_labels: (m,).
        labels: (n,).

    Returns:
        A row for each number of labels, learner and kind of features; none for a single class.
    """
    if len(np.unique(train_labels)) < 2:
        return []
    figures = []
    for count in LABELS:
        if count > len(train_labels):
            continue
        draws = [drawn_labels(train_labels, count, seed) for seed in range(DRAWS)]
        draws = [draw for draw in draws if len(np.unique(train_labels[draw])) > 1]
        for learner in LEARNERS if draws else ():
            for name, (train, test) in features.items():
                accuracies = [_accuracy(learner, train[draw], train_labels[draw], test, labels) for draw in draws]
                figures.append(LabelFigures(learner, name, count, mean_interval(np.array(accuracies))))
    return figures


def drawn_labels(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Indices of `count` images, the classes in turn as long as they have any: (count,) int64."""
    rng = np.random.default_rng([seed, count])
    order = rng.permutation(len(labels))
    turn = np.zeros(len(labels), np.int64)  # how many of its class come before
    for label in np.unique(labels):
        own = np.flatnonzero(labels[order] == label)
        turn[own] = np.arange(len(own))
    return order[np.argsort(turn, kind="stable")[:count]]


def _accuracy(learner: str, train: np.ndarray, train_labels: np.ndarray, test: np.ndarray, labels: np.ndarray) -> float:
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier

    # One scale for all numbers: each by its own would blow up the noise of dead units and of dark pixels.
    mean, scale = train.mean(axis=0), max(float(np.sqrt(train.var(axis=0).mean())), 1e-9)
    model = KNeighborsClassifier(1) if learner == NEIGHBOUR else LogisticRegression(max_iter=100, tol=1e-2)
    with warnings.catch_warnings():
        # Stopped a little early it is as good.
        warnings.simplefilter("ignore")
        return float((model.fit((train - mean) / scale, train_labels).predict((test - mean) / scale) == labels).mean())


def _kmeans(codes: np.ndarray, k: int) -> np.ndarray:
    from sklearn.cluster import KMeans

    with warnings.catch_warnings():
        # Of images that are all alike.
        warnings.simplefilter("ignore")
        return np.asarray(KMeans(k, n_init=3, random_state=0).fit(codes).cluster_centers_, np.float64)


def _mixture(codes: np.ndarray, k: int) -> Any:
    from sklearn.mixture import GaussianMixture

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return GaussianMixture(k, covariance_type="diag", reg_covar=1e-4, random_state=0).fit(codes)


def _kmeans_clusters(train: np.ndarray, test: np.ndarray, labels: np.ndarray, k: int) -> Clustering:
    means = _kmeans(train, k)
    return _clustering(KMEANS, "classes", closeness(test, means), labels, means)


def _mixture_clusters(train: np.ndarray, test: np.ndarray, labels: np.ndarray, k: int, why: str) -> Clustering:
    model = _mixture(train, k)
    parts = model.means_, model.covariances_, model.weights_
    return _clustering(MIXTURE, why, closeness(test, *parts), labels, *parts)


def _clustering(
    method: str,
    chosen_by: str,
    close: np.ndarray,
    labels: np.ndarray,
    means: np.ndarray,
    variances: np.ndarray | None = None,
    weights: np.ndarray | None = None,
) -> Clustering:
    assigned = close.argmax(axis=1)
    members, majority, shares = [], [], []
    for k in range(len(means)):
        own = np.flatnonzero(assigned == k)
        members.append(own[np.argsort(-close[own, k], kind="stable")][:MEMBERS].tolist())
        classes, counts = np.unique(labels[own], return_counts=True)
        majority.append(int(classes[counts.argmax()]) if len(own) else 0)
        shares.append(float(counts.max() / len(own)) if len(own) else 0.0)
    plain = [None if part is None else part.round(5).tolist() for part in (variances, weights)]
    return Clustering(
        method, chosen_by, means.round(5).tolist(), plain[0], plain[1], assigned.tolist(), members, majority, shares
    )


def _agreement(features: str, method: str, k: int, clusters: np.ndarray, labels: np.ndarray) -> Agreement:
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    pairs = np.stack([clusters, np.asarray(labels, np.int64)], axis=1)

    def interval(figure: Callable[[np.ndarray, np.ndarray], float]) -> Interval:
        return bootstrap_interval(lambda rows: float(figure(rows[:, 0], rows[:, 1])), pairs, resamples=RESAMPLES)

    return Agreement(
        features, method, k, interval(adjusted_rand_score), interval(normalized_mutual_info_score), interval(purity)
    )


def to_dict(figures: ClusteringFigures) -> dict[str, Any]:
    """Plain values for a JSON file."""
    lists = {
        name: [vars(one) for one in getattr(figures, name)] for name in ("clusterings", "agreements", "accuracies")
    }
    return {**vars(figures), **lists, "method": figures.method}
