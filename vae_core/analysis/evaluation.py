"""How good a model is: error, likelihood bounds, use of the latent units, and what the codes are worth.

Likelihoods are in nats per image, summed over pixels and over latent units. `evaluate` puts the figures of one
model on one split together, each with its split, its number of images and how it was computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from vae_core.analysis.latent_points import encode_dataset, sample_posterior, slice_length
from vae_core.network.latents import EncoderDecoder, LabelledImages, Seed

Progress = Callable[[int, int], None]
SSIM_METHOD = "SSIM, Gaussian window of 11 x 11 pixels, sigma 1.5, data range 1"
SSIM_WINDOW = 11


class Measured(LabelledImages, Protocol):
    """The part of a `Dataset` that `evaluate` needs."""

    @property
    def name(self) -> str: ...
    @property
    def checksum(self) -> str: ...


def mse(images: np.ndarray, reconstructions: np.ndarray) -> np.ndarray:
    """Mean squared error over the pixels of each image: (n, h, w, c) in [0, 1] twice -> (n,) float64."""
    images, reconstructions = _pair(images, reconstructions)
    return np.square(images - reconstructions, dtype=np.float64).mean(axis=(1, 2, 3))


def psnr(images: np.ndarray, reconstructions: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio, -10 log10(mse), of each image in decibels: -> (n,) float64, inf where they are equal."""
    with np.errstate(divide="ignore"):
        return -10 * np.log10(mse(images, reconstructions))


def ssim(images: np.ndarray, reconstructions: np.ndarray) -> np.ndarray:
    """Structural similarity of each image with its reconstruction: (n, h, w, c) in [0, 1] twice -> (n,) in [-1, 1].

    Wang et al. 2004 with a Gaussian window of sigma 1.5 (11 x 11), population covariance, data range 1, channels
    averaged, the mean without the border of half a window. A side below 11 pixels narrows that border, not the
    Gaussian. Equal to scikit-image's `structural_similarity(gaussian_weights=True, use_sample_covariance=False)`, which
    takes one image at a time and a millisecond each; a test compares the two.
    """
    images, reconstructions = _pair(images, reconstructions)
    smallest = min(images.shape[1:3])
    border = (min(SSIM_WINDOW, smallest - 1 + smallest % 2) - 1) // 2
    inside = slice(border, images.shape[1] - border), slice(border, images.shape[2] - border)
    parts = [
        _ssim(images[i : i + 500], reconstructions[i : i + 500])[:, inside[0], inside[1]].mean(axis=(1, 2, 3))
        for i in range(0, len(images), 500)
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def ssim_map(images: np.ndarray, reconstructions: np.ndarray) -> np.ndarray:
    """SSIM at every pixel, as `ssim`, channels averaged, border included: -> (n, h, w) float32 in [-1, 1]."""
    images, reconstructions = _pair(images, reconstructions)
    return _ssim(images, reconstructions).mean(axis=3).astype(np.float32)


def _ssim(images: np.ndarray, reconstructions: np.ndarray) -> np.ndarray:
    """(n, h, w, c) twice -> the index at every pixel and channel, (n, h, w, c) float64."""
    x, y = images.astype(np.float64), reconstructions.astype(np.float64)
    rows, columns = (_blur_matrix(side) for side in x.shape[1:3])

    def blurred(pixels: np.ndarray) -> np.ndarray:
        # as two products with a banded matrix: for small images far quicker than a filter
        across = np.moveaxis(np.moveaxis(pixels, 2, 3) @ columns.T, 3, 2)  # (n, h, w, c)
        return np.moveaxis(rows @ np.moveaxis(across, 3, 1), 1, 3)

    mean_x, mean_y = blurred(x), blurred(y)
    variance_x, variance_y = blurred(x * x) - mean_x**2, blurred(y * y) - mean_y**2
    covariance = blurred(x * y) - mean_x * mean_y
    small, smaller = 0.01**2, 0.03**2  # (K1 L)^2 and (K2 L)^2 at the data range L = 1
    return ((2 * mean_x * mean_y + small) * (2 * covariance + smaller)) / (
        (mean_x**2 + mean_y**2 + small) * (variance_x + variance_y + smaller)
    )


@lru_cache(maxsize=16)
def _blur_matrix(side: int) -> np.ndarray:
    """The Gaussian filter of sigma 1.5, cut at 3.5 sigma, reflecting at the edges, as a (side, side) float64 matrix."""
    offsets = np.arange(-5, 6)  # 3.5 sigma
    weights = np.exp(-0.5 * np.square(offsets / 1.5))
    mirrored = np.pad(np.arange(side), 5, mode="symmetric")  # d c b a | a b c d | d c b a
    matrix = np.zeros((side, side))
    for row in range(side):  # scipy.ndimage would do, and takes a quarter of a second to import
        np.add.at(matrix[row], mirrored[row : row + 11], weights / weights.sum())
    return matrix


def bernoulli_loss(images: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Binary cross-entropy of each image in nats, summed over pixels: (n, h, w, c) twice -> (n,) float64.

    images in [0, 1]; on logits, as max(l, 0) - l x + log(1 + exp(-|l|)), which neither overflows nor clips.
    """
    images, logits = _with_logits(images, logits)
    per_pixel = np.maximum(logits, 0) - logits * images + np.log1p(np.exp(-np.abs(logits)))
    return per_pixel.sum(axis=(1, 2, 3), dtype=np.float64)


def gaussian_loss(images: np.ndarray, logits: np.ndarray, log_sigma: float) -> np.ndarray:
    """-log N(x; sigmoid(logits), exp(log_sigma)^2) of each image in nats, summed over pixels: -> (n,) float64.

    The negative of a log density, so it may be below 0 (Rybkin et al. 2020, arXiv:2006.13202).
    """
    images, logits = _with_logits(images, logits)
    means = 0.5 * (1 + np.tanh(logits / 2))  # the sigmoid, without overflow
    per_pixel = 0.5 * np.square(images - means) * math.exp(-2 * log_sigma) + log_sigma + 0.5 * math.log(2 * math.pi)
    return per_pixel.sum(axis=(1, 2, 3), dtype=np.float64)


def reconstruction_loss(engine: EncoderDecoder, images: np.ndarray, z: np.ndarray) -> np.ndarray:
    """-log p(x | z) of each image under the model's own likelihood, in nats: images (n, h, w, c), z (n, d) -> (n,)."""
    logits = engine.decode_logits(z)
    if engine.likelihood == "gaussian":
        return gaussian_loss(images, logits, engine.log_sigma)
    return bernoulli_loss(images, logits)


def pixel_entropy_floor(images: np.ndarray) -> float:
    """The least binary cross-entropy any model can reach: the pixels' own entropy, mean nats per image in [0, 1]."""
    images = _images(images)
    if len(images) == 0:
        raise ValueError("the floor needs one image or more, got none.")
    inner = np.where((images > 0) & (images < 1), images, np.float32(0.5))  # 0 log 0 is 0: the ends are left out below
    entropy = -(inner * np.log(inner) + (1 - inner) * np.log1p(-inner))
    return float(np.where((images > 0) & (images < 1), entropy, 0).sum(dtype=np.float64) / len(images))


def kl_per_unit(z_mean: np.ndarray, z_log_var: np.ndarray) -> np.ndarray:
    """KL(N(z_mean, exp(z_log_var)) || N(0, 1)) of each unit in nats: (n, d) twice -> (n, d) float64, 0 or more.

    Kingma & Welling 2014, appendix B. Its sum over units is an image's `kl_loss`.
    """
    if np.shape(z_mean) != np.shape(z_log_var):
        raise ValueError(f"z_mean and z_log_var must have one shape, got {np.shape(z_mean)} and {np.shape(z_log_var)}.")
    mean, log_var = _finite(z_mean, "z_mean"), _finite(z_log_var, "z_log_var")
    return 0.5 * (mean**2 + np.maximum(np.expm1(log_var) - log_var, 0))


def elbo_terms(engine: EncoderDecoder, images: np.ndarray, seed: Seed = 0) -> tuple[np.ndarray, np.ndarray]:
    """(reconstruction_loss (n,), KL per unit (n, d)) with one z sample per image; elbo = -(first + second's row sum)."""
    z_mean, z_log_var = engine.encode(_images(images))
    return reconstruction_loss(engine, images, sample_posterior(z_mean, z_log_var, seed)), kl_per_unit(
        z_mean, z_log_var
    )


def iwae(
    engine: EncoderDecoder,
    images: np.ndarray,
    k: int,
    seed: int = 0,
    at_once: int | None = None,
    progress: Progress | None = None,
) -> np.ndarray:
    """Importance-weighted bound on log p(x), in nats: images (n, h, w, c) -> (n,) float64.

    log 1/k sum_j p(x, z_j) / q(z_j | x) by logsumexp, z_j ~ q (Burda et al. 2016, arXiv:1509.00519): the ELBO at
    k = 1, tighter in expectation as k grows. Each image has noise of its own, so neither `at_once`, the
    decodes held in memory, nor the other images change its result, and a larger k adds to the same draws.
    """
    images = _images(images)
    if k < 1:
        raise ValueError(f"k must be 1 or more samples of z per image, got {k}.")
    at_once = at_once or min(slice_length(engine), 2000)
    result = np.zeros(len(images))
    block = max(1, at_once // k)
    for start in range(0, len(images), block):
        some = images[start : start + block]
        noises = [np.random.default_rng([seed, i]) for i in range(start, start + len(some))]
        z_mean, z_log_var = engine.encode(some)
        total = np.full(len(some), -np.inf)
        for first in range(0, k, at_once):
            draws = min(at_once, k - first)
            epsilon = np.stack([noise.standard_normal((draws, z_mean.shape[1]), np.float32) for noise in noises])
            total = np.logaddexp(total, _log_weights(engine, some, z_mean, z_log_var, epsilon))
        result[start : start + len(some)] = total - math.log(k)
        if progress:
            progress(start + len(some), len(images))
    return result


def _log_weights(
    engine: EncoderDecoder, images: np.ndarray, z_mean: np.ndarray, z_log_var: np.ndarray, epsilon: np.ndarray
) -> np.ndarray:
    """log sum_j p(x, z_j) / q(z_j | x) for z_j = z_mean + sigma epsilon_j; epsilon (n, draws, d) -> (n,)."""
    n, draws, d = epsilon.shape
    z = z_mean[:, None] + np.exp(z_log_var / 2)[:, None] * epsilon  # (n, draws, d)
    likelihood = -reconstruction_loss(engine, np.repeat(images, draws, axis=0), z.reshape(n * draws, d)).reshape(
        n, draws
    )
    # log N(z; 0, 1) - log N(z; z_mean, sigma^2): the constants cancel, and (z - z_mean) / sigma is epsilon.
    gap = 0.5 * (np.square(epsilon, dtype=np.float64) + z_log_var[:, None] - np.square(z, dtype=np.float64)).sum(axis=2)
    return np.logaddexp.reduce(likelihood + gap, axis=1)


def active_units(z_mean: np.ndarray, threshold: float = 0.01) -> tuple[int, np.ndarray]:
    """How many units' z_mean varies over the images by more than `threshold`, and each one's variance: (n, d) -> (d,).

    Burda et al. 2016, section 5.2 (threshold 0.01). A unit that is not active carries nothing about the picture.
    """
    variances = _finite(z_mean, "z_mean").var(axis=0)
    return int((variances > threshold).sum()), variances


def knn_accuracy(
    train_codes: np.ndarray, train_labels: np.ndarray, codes: np.ndarray, labels: np.ndarray, k: int = 15
) -> float:
    """Share of codes whose k nearest train codes (Euclidean, equal votes; scikit-learn) name the right class: [0, 1]."""
    from sklearn.neighbors import KNeighborsClassifier

    train_codes, codes = _finite(train_codes, "train_codes"), _finite(codes, "codes")
    if not 1 <= k <= len(train_codes):
        raise ValueError(f"k must be 1..{len(train_codes)}, the number of train codes, got {k}.")
    return float(KNeighborsClassifier(k).fit(train_codes, train_labels).score(codes, labels))


def roc_auc(usual: np.ndarray, unusual: np.ndarray) -> float:
    """Chance that an unusual image scores higher than a usual one: scores (n,) and (m,) -> [0, 1]; 0.5 is guessing."""
    from sklearn.metrics import roc_auc_score

    usual, unusual = _finite(usual, "usual"), _finite(unusual, "unusual")
    if len(usual) == 0 or len(unusual) == 0:
        raise ValueError(f"both groups need one score or more, got {len(usual)} usual and {len(unusual)} unusual.")
    truth = np.repeat([0, 1], [len(usual), len(unusual)])
    return float(roc_auc_score(truth, np.concatenate([usual, unusual])))


def place(values: np.ndarray | float, reference: np.ndarray) -> np.ndarray:
    """Share of `reference` (n,) below each value, ties counted half: any shape -> the same shape, in [0, 1]."""
    ordered = np.sort(_finite(reference, "reference").ravel())
    if len(ordered) == 0:
        raise ValueError("the reference needs one value or more, got none.")
    values = _finite(values, "values")
    return (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")) / (2 * len(ordered))


def evaluate(
    engine: EncoderDecoder,
    dataset: Measured,
    split: str = "test",
    n: int | None = None,
    seed: int = 0,
    iwae_k: int = 0,
    knn: bool = True,
    progress: Progress | None = None,
    n_iwae: int = 1000,
) -> dict[str, Any]:
    """Every figure of a model on the first n images of a split (all by default), ready for `json.dump`.

    Returns name -> {"value", "split", "n", "method"}; "dataset" is one of the names. Likelihoods are in nats at
    beta = 1. Left out: the floor and the excess for a Gaussian likelihood, where there is none; the IWAE figure at
    iwae_k = 0; the kNN accuracy with knn off or on train, where each code would find itself; an infinite PSNR.
    `progress(done, total)` counts images.
    """
    if n is not None and n < 1:
        raise ValueError(f"n must be 1 or more images, or None for the whole split, got {n}.")
    pixels = dataset.pixels(split)[:n]
    if len(pixels) == 0:
        raise ValueError(f"the {split} split of {dataset.name} is empty: there is nothing to evaluate.")
    knn = knn and split != "train"
    n_iwae = min(n_iwae, len(pixels)) if iwae_k else 0
    done, total = 0, 2 * len(pixels) + n_iwae + (len(dataset.labels("train")) if knn else 0)

    def step_from(before: int) -> Progress:
        return lambda now, _: progress(before + now, total) if progress else None

    codes = encode_dataset(engine, dataset, split, n, step_from(done))
    done += len(pixels)
    z = sample_posterior(codes.z_mean, codes.z_log_var, seed)
    floor, parts = 0.0, []
    step = min(slice_length(engine), 1000)  # SSIM takes about a millisecond an image: progress is to be seen
    for start in range(0, len(pixels), step):
        images, rows = _floats(pixels[start : start + step]), slice(start, start + step)
        rebuilt = engine.decode(codes.z_mean[rows])
        quality = [measure(images, rebuilt) for measure in (mse, psnr, ssim)]
        parts.append(np.stack([reconstruction_loss(engine, images, z[rows]), *quality]))
        floor += pixel_entropy_floor(images) * len(images) / len(pixels)
        done += len(images)
        step_from(done)(0, 0)
    loss, error, noise_ratio, similarity = np.concatenate(parts, axis=1).mean(axis=1)  # (4, n) -> one each
    units = kl_per_unit(codes.z_mean, codes.z_log_var).mean(axis=0)
    active, variances = active_units(codes.z_mean)

    def figure(value: Any, method: str, count: int = len(pixels)) -> dict[str, Any]:
        return {"value": _plain(value), "split": split, "n": count, "method": method}

    sampled = f"one sample of z per image, seed {seed}"
    rebuilt_from = "mean over images, reconstructed from z_mean"
    figures = {
        "dataset": figure(dataset.name, f"checksum {dataset.checksum}"),
        "negative_elbo": figure(
            loss + units.sum(), f"reconstruction_loss + kl_loss, nats per image, {sampled}, beta = 1"
        ),
        "reconstruction_loss": figure(loss, f"{engine.likelihood} likelihood, nats summed over pixels, {sampled}"),
        "kl_loss": figure(units.sum(), "closed form, nats summed over units, mean over images"),
        "kl_per_unit": figure(units, "closed form, nats, mean over images"),
        "active_units": figure(active, "units whose z_mean has a variance over the images above 0.01"),
        "unit_variances": figure(variances, "variance of z_mean over the images"),
        "mse": figure(error, f"mean squared error of the pixels, {rebuilt_from}"),
        "psnr": figure(noise_ratio, f"peak signal-to-noise ratio in decibels, {rebuilt_from}"),
        "ssim": figure(similarity, f"{SSIM_METHOD}, {rebuilt_from}"),
    }
    if not math.isfinite(noise_ratio):
        del figures["psnr"]
    if engine.likelihood == "bernoulli":
        figures["floor"] = figure(
            floor, "entropy of the pixels, the least reconstruction_loss possible, nats per image"
        )
        figures["excess"] = figure(loss - floor, f"reconstruction_loss - floor, nats per image, {sampled}")
    if iwae_k:
        bound = iwae(engine, _floats(pixels[:n_iwae]), iwae_k, seed, progress=step_from(done))
        method = f"importance-weighted bound on -log p(x), {iwae_k} samples of z per image, nats, seed {seed}"
        figures["iwae_nll"] = figure(-bound.mean(), method, n_iwae)
        done += n_iwae
    if knn:
        train = encode_dataset(engine, dataset, "train", progress=step_from(done))
        k = min(15, len(train.labels))
        accuracy = knn_accuracy(train.z_mean, train.labels, codes.z_mean, codes.labels, k)
        method = f"{k} nearest of all {len(train.labels):,} train codes, Euclidean distance of z_mean"
        figures["knn_accuracy"] = figure(accuracy, method)
    return figures


def _plain(value: Any) -> Any:
    """Python numbers and lists, which JSON can hold."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def _floats(pixels: np.ndarray) -> np.ndarray:
    return pixels.astype(np.float32) / 255


def _finite(values: Any, name: str) -> np.ndarray:
    array = np.asarray(values, np.float64)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds NaN or infinite values. Was the model's training broken off by a NaN loss?")
    return array


def _images(images: np.ndarray, name: str = "images") -> np.ndarray:
    images = np.asarray(images, np.float32)
    if images.ndim != 4:
        raise ValueError(
            f"{name} must have shape (n, h, w, c), got {images.shape}. One alone needs a first axis: x[None]."
        )
    # Written so that NaN fails it too.
    if images.size and not (images.min() >= 0 and images.max() <= 1):
        shown = f"{images.min()} to {images.max()}"
        raise ValueError(f"{name} must lie in [0, 1] and hold no NaN, got {shown}. Divide uint8 pixels by 255.")
    return images


def _pair(images: np.ndarray, reconstructions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    images, reconstructions = _images(images), _images(reconstructions, "reconstructions")
    _same(images, reconstructions, "reconstructions")
    return images, reconstructions


def _with_logits(images: np.ndarray, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    images, logits = _images(images), np.asarray(logits, np.float32)
    _same(images, logits, "logits")
    if not np.isfinite(logits).all():
        raise ValueError("logits hold NaN or infinite values. Was the model's training broken off by a NaN loss?")
    return images, logits


def _same(images: np.ndarray, others: np.ndarray, name: str) -> None:
    if images.shape != others.shape:
        raise ValueError(f"images and {name} must have one shape, got {images.shape} and {others.shape}.")
