"""Figures of a whole model on one split, each with its number of images and how it was computed.

>>> import numpy as np
>>> count, variances = active_units(np.array([[0.0, -1.0], [0.0, 1.0]]))
>>> count, variances.tolist()
(1, [0.0, 1.0])
>>> percentile_rank(2.5, reference=np.array([1, 2, 3, 4])).item()
0.5
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from vae_core.analysis.checks import ProgressCallback, finite_values, unit_range
from vae_core.analysis.image_quality import SSIM_METHOD, mse, psnr, ssim
from vae_core.analysis.latent_points import encode_dataset, sample_posterior, slice_length
from vae_core.analysis.likelihood import iwae, kl_per_unit, pixel_entropy_floor, reconstruction_loss
from vae_core.network.latents import EncoderDecoder, LabelledImages, Latents

NEIGHBOURS = 15


class EvaluationData(LabelledImages, Protocol):
    """The part of a data set that `evaluate` needs."""

    @property
    def name(self) -> str:
        """Name of the data set."""
        ...

    @property
    def checksum(self) -> str:
        """Checksum of its pixels and labels."""
        ...


def active_units(z_mean: np.ndarray, threshold: float = 0.01) -> tuple[int, np.ndarray]:
    """Count the units that carry something about the image (Burda et al. 2016, arXiv:1509.00519, section 5.2).

    Args:
        z_mean: Posterior means, (n, latent_dim).
        threshold: Variance over the images above which a unit counts as active.

    Returns:
        Number of active units, and each unit's variance, (latent_dim,) float64.

    Raises:
        ValueError: A value that is NaN or infinite.
    """
    variances = finite_values(z_mean, "z_mean").var(axis=0)
    return int((variances > threshold).sum()), variances


def knn_accuracy(
    train_codes: np.ndarray, train_labels: np.ndarray, codes: np.ndarray, labels: np.ndarray, k: int = NEIGHBOURS
) -> float:
    """Share of codes whose nearest train codes name the right class (Euclidean, equal votes; scikit-learn).

    Args:
        train_codes: (m, latent_dim).
        train_labels: (m,).
        codes: (n, latent_dim).
        labels: (n,).
        k: Number of neighbours that vote, 1..m.

    Returns:
        Accuracy in [0, 1].

    Raises:
        ValueError: k out of range, or a code that is NaN or infinite.
    """
    from sklearn.neighbors import KNeighborsClassifier

    train_codes, codes = finite_values(train_codes, "train_codes"), finite_values(codes, "codes")
    if not 1 <= k <= len(train_codes):
        raise ValueError(f"k must be 1..{len(train_codes)}, the number of train codes, got {k}.")
    return float(KNeighborsClassifier(k).fit(train_codes, train_labels).score(codes, labels))


def roc_auc(usual: np.ndarray, unusual: np.ndarray) -> float:
    """Chance that an unusual image scores higher than a usual one: the area under the ROC curve (scikit-learn).

    Args:
        usual: Scores, (n,), n of 1 or more.
        unusual: Scores, (m,), m of 1 or more.

    Returns:
        In [0, 1]; 0.5 is guessing.

    Raises:
        ValueError: No score in a group, or one that is NaN or infinite.
    """
    from sklearn.metrics import roc_auc_score

    usual, unusual = finite_values(usual, "usual"), finite_values(unusual, "unusual")
    if len(usual) == 0 or len(unusual) == 0:
        raise ValueError(f"both groups need one score or more, got {len(usual)} usual and {len(unusual)} unusual.")
    truth = np.repeat([0, 1], [len(usual), len(unusual)])
    return float(roc_auc_score(truth, np.concatenate([usual, unusual])))


def percentile_rank(values: np.ndarray | float, reference: np.ndarray) -> np.ndarray:
    """Share of a reference that lies below each value, ties counted half.

    Args:
        values: Of any shape.
        reference: (n,), n of 1 or more.

    Returns:
        Of the shape of `values`, float64 in [0, 1].

    Raises:
        ValueError: No reference, or a value that is NaN or infinite.
    """
    ordered = np.sort(finite_values(reference, "reference").ravel())
    if len(ordered) == 0:
        raise ValueError("the reference needs one value or more, got none.")
    values = finite_values(values, "values")
    return (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")) / (2 * len(ordered))


def evaluate(
    engine: EncoderDecoder,
    dataset: EvaluationData,
    split: str = "test",
    n: int | None = None,
    seed: int = 0,
    iwae_k: int = 0,
    knn: bool = True,
    progress: ProgressCallback | None = None,
    n_iwae: int = 1000,
) -> dict[str, Any]:
    """Every figure of a model on the first n images of a split, ready for `json.dump`.

    Likelihoods are in nats at beta = 1. Left out: the floor and the excess for a Gaussian likelihood, where there is none;
    an infinite PSNR.

    Args:
        engine: The model.
        dataset: What to measure it on.
        split: "train", "validation" or "test".
        n: How many images, 1 or more; None for all.
        seed: Of the samples of z.
        iwae_k: Samples of z per image for the IWAE figure; 0 leaves it out.
        knn: Whether to give the nearest-neighbour accuracy; left out on train, where each code would find itself.
        progress: Called with the images done and their total.
        n_iwae: How many images the IWAE figure is of, at most.

    Returns:
        name -> {"value", "split", "n", "method"}; "dataset" is one of the names.

    Raises:
        ValueError: n below 1, an empty split, images of another shape than the model's, or a network that computes NaN.
    """
    if n is not None and n < 1:
        raise ValueError(f"n must be 1 or more images, or None for the whole split, got {n}.")
    pixels = dataset.pixels(split)[:n]
    if len(pixels) == 0:
        raise ValueError(f"the {split} split of {dataset.name} is empty: there is nothing to evaluate.")
    knn = knn and split != "train"
    n_iwae = min(n_iwae, len(pixels)) if iwae_k else 0
    total = 2 * len(pixels) + n_iwae + (len(dataset.labels("train")) if knn else 0)

    def progress_after(before: int) -> ProgressCallback:
        return lambda done, _: progress(before + done, total) if progress else None

    def figure(value: Any, method: str, count: int = len(pixels)) -> dict[str, Any]:
        return {"value": _to_json(value), "split": split, "n": count, "method": method}

    latents = encode_dataset(engine, dataset, split, n, progress_after(0))
    figures = {
        "dataset": figure(dataset.name, f"checksum {dataset.checksum}"),
        **_image_figures(engine, pixels, latents, seed, figure, progress_after(len(pixels))),
    }
    if iwae_k:
        images = unit_range(pixels[:n_iwae])
        bound = iwae(engine, images, iwae_k, seed, progress=progress_after(2 * len(pixels)))
        method = f"importance-weighted bound on -log p(x), {iwae_k} samples of z per image, nats, seed {seed}"
        figures["iwae_nll"] = figure(-bound.mean(), method, n_iwae)
    if knn:
        train = encode_dataset(engine, dataset, "train", progress=progress_after(2 * len(pixels) + n_iwae))
        k = min(NEIGHBOURS, len(train.labels))
        accuracy = knn_accuracy(train.z_mean, train.labels, latents.z_mean, latents.labels, k)
        method = f"{k} nearest of all {len(train.labels):,} train codes, Euclidean distance of z_mean"
        figures["knn_accuracy"] = figure(accuracy, method)
    return figures


def _image_figures(
    engine: EncoderDecoder,
    pixels: np.ndarray,
    latents: Latents,
    seed: int,
    figure: Callable[[Any, str], dict[str, Any]],
    progress: ProgressCallback,
) -> dict[str, dict[str, Any]]:
    """The figures that are means over the images, by name; pixels (n, h, w, c) uint8, n of 1 or more."""
    loss, error, noise_ratio, similarity, floor = _image_means(engine, pixels, latents, seed, progress)
    kl = kl_per_unit(latents.z_mean, latents.z_log_var).mean(axis=0)  # (latent_dim,)
    active, variances = active_units(latents.z_mean)
    sampled = f"one sample of z per image, seed {seed}"
    from_mean = "mean over images, reconstructed from z_mean"
    figures = {
        "negative_elbo": figure(loss + kl.sum(), f"reconstruction_loss + kl_loss, nats per image, {sampled}, beta = 1"),
        "reconstruction_loss": figure(loss, f"{engine.likelihood} likelihood, nats summed over pixels, {sampled}"),
        "kl_loss": figure(kl.sum(), "closed form, nats summed over units, mean over images"),
        "kl_per_unit": figure(kl, "closed form, nats, mean over images"),
        "active_units": figure(active, "units whose z_mean has a variance over the images above 0.01"),
        "unit_variances": figure(variances, "variance of z_mean over the images"),
        "mse": figure(error, f"mean squared error of the pixels, {from_mean}"),
        "psnr": figure(noise_ratio, f"peak signal-to-noise ratio in decibels, {from_mean}"),
        "ssim": figure(similarity, f"{SSIM_METHOD}, {from_mean}"),
    }
    if not math.isfinite(noise_ratio):
        del figures["psnr"]
    if engine.likelihood == "bernoulli":
        figures["floor"] = figure(
            floor, "entropy of the pixels, the least reconstruction_loss possible, nats per image"
        )
        figures["excess"] = figure(loss - floor, f"reconstruction_loss - floor, nats per image, {sampled}")
    return figures


def _image_means(
    engine: EncoderDecoder, pixels: np.ndarray, latents: Latents, seed: int, progress: ProgressCallback
) -> tuple[float, float, float, float, float]:
    """Means of reconstruction_loss, mse, psnr and ssim, and the floor."""
    z = sample_posterior(latents.z_mean, latents.z_log_var, seed)  # (n, latent_dim)
    floor, parts = 0.0, []
    # SSIM takes about a millisecond an image: progress is to be seen.
    step = min(slice_length(engine), 1000)
    for start in range(0, len(pixels), step):
        images, rows = unit_range(pixels[start : start + step]), slice(start, start + step)
        reconstructions = engine.decode(latents.z_mean[rows])
        quality = [measure(images, reconstructions) for measure in (mse, psnr, ssim)]
        parts.append(np.stack([reconstruction_loss(engine, images, z[rows]), *quality]))  # (4, images)
        floor += pixel_entropy_floor(images) * len(images) / len(pixels)
        progress(start + len(images), len(pixels))
    loss, error, noise_ratio, similarity = np.concatenate(parts, axis=1).mean(axis=1)  # (4, n) -> one each
    return loss, error, noise_ratio, similarity, floor


def _to_json(value: Any) -> Any:
    """Python numbers and lists, which JSON can hold."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
