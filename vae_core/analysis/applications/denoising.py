"""Denoising: what a model's reconstruction takes out of a noisy picture, beside the usual filters.

>>> noisy = corrupt(np.zeros((2, 28, 28, 1), np.float32), "salt and pepper", 0.1)
>>> sorted(np.unique(noisy).tolist())
[0.0, 1.0]
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from vae_core.analysis import image_quality
from vae_core.analysis.applications.statistics import Interval, mean_interval
from vae_core.analysis.checks import ProgressCallback, checked_images, unit_range
from vae_core.network.latents import EncoderDecoder, Seed

IMAGES = 500  # of the test split
TUNING_IMAGES = 50  # of the validation split
GAUSSIAN, SALT, PATCH = "Gaussian noise", "salt and pepper", "blanked patch"
# The strengths that are measured; the first number of each kind's meaning is in `MEANINGS`.
STRENGTHS: dict[str, tuple[float, ...]] = {GAUSSIAN: (0.1, 0.2, 0.4), SALT: (0.05, 0.15, 0.4), PATCH: (0.2, 0.35, 0.5)}
MEANINGS = {
    GAUSSIAN: "standard deviation of the noise on each pixel, of a range of 1",
    SALT: "share of pixels that become black or white",
    PATCH: "side of a black square at a random place, as a share of the picture's side",
}
NOISY, VAE = "nothing done", "VAE"
# What each filter can be set to; the best by PSNR on validation images is used.
SETTINGS: dict[str, tuple[float, ...]] = {
    "median": (3, 5),
    "Gaussian": (0.5, 0.8, 1.2, 1.8),
    "total variation": (0.05, 0.1, 0.2, 0.4),
    "non-local means": (0.05, 0.1, 0.2, 0.4),
}
FILTERS = tuple(SETTINGS)
METHODS = (NOISY, VAE, *FILTERS)
# Where nothing was tuned.
USUAL: dict[str, float] = {"median": 3, "Gaussian": 0.8, "total variation": 0.1, "non-local means": 0.1}
HIGHEST_PSNR = 60.0  # dB; a patch on the black ground changes nothing, whose PSNR is infinite
Settings = Mapping[str, float]


def corrupt(images: np.ndarray, kind: str, strength: float, seed: Seed = 0) -> np.ndarray:
    """Add noise to pictures.

    Args:
        images: (n, h, w, c) in [0, 1].
        kind: `GAUSSIAN`, `SALT` or `PATCH`.
        strength: 0 (nothing) to 1; `MEANINGS` says of what.
        seed: Of the noise.

    Returns:
        (n, h, w, c) float32, cut to [0, 1].

    Raises:
        ValueError: Another kind, a strength out of range, or images outside [0, 1].
    """
    images = checked_images(images)
    if kind not in STRENGTHS or not 0 <= strength <= 1:
        raise ValueError(
            f"noise must be one of {', '.join(STRENGTHS)} of a strength in 0..1, got {kind!r} of {strength}."
        )
    rng = np.random.default_rng(seed)
    n, height, width, _ = images.shape
    if kind == GAUSSIAN:
        noisy = images + strength * rng.standard_normal(images.shape, np.float32)
        return np.clip(noisy, 0, 1).astype(np.float32)
    noisy = images.copy()
    if kind == SALT:
        hit = rng.random((n, height, width)) < strength
        noisy[hit] = (rng.random((n, height, width)) < 0.5)[hit][:, None]
        return noisy
    tall, wide = round(strength * height), round(strength * width)
    tops, lefts = rng.integers(0, height - tall + 1, n), rng.integers(0, width - wide + 1, n)
    for image, top, left in zip(noisy, tops, lefts, strict=True):
        image[top : top + tall, left : left + wide] = 0
    return noisy


def filtered(images: np.ndarray, name: str, setting: float) -> np.ndarray:
    """Pictures through one filter of scikit-image, each by itself.

    Args:
        images: (n, h, w, c) float32 in [0, 1].
        name: One of `FILTERS`.
        setting: Side of the median's window in pixels; the Gaussian's standard deviation in pixels; the weight of total
            variation (Chambolle 2004); h of non-local means (Buades et al. 2005), in grey values.

    Returns:
        (n, h, w, c) float32 in [0, 1].

    Raises:
        ValueError: Another filter.
    """
    from skimage import filters, restoration

    if name == "median":
        side = int(setting)
        result = filters.median(images, np.ones((1, side, side, 1), bool), mode="nearest")
    elif name == "Gaussian":
        result = filters.gaussian(images, (0, setting, setting, 0), mode="nearest")
    elif name == "total variation":
        smooth = partial(restoration.denoise_tv_chambolle, weight=setting, channel_axis=-1)
        result = np.stack([smooth(image) for image in images])
    elif name == "non-local means":
        smooth = partial(restoration.denoise_nl_means, patch_size=5, patch_distance=6, h=setting, channel_axis=-1)
        result = np.stack([smooth(image).reshape(image.shape) for image in images])
    else:
        raise ValueError(f"a filter must be one of {', '.join(FILTERS)}, got {name!r}.")
    return np.clip(result, 0, 1).astype(np.float32)


def denoised(engine: EncoderDecoder, noisy: np.ndarray, settings: Settings = USUAL) -> dict[str, np.ndarray]:
    """What each method makes of noisy pictures.

    Args:
        engine: The model; its reconstruction is of z_mean.
        noisy: (n, h, w, c) float32 in [0, 1].
        settings: Of each filter.

    Returns:
        For each of `METHODS` pictures (n, h, w, c) float32 in [0, 1].
    """
    rebuilt = engine.decode(engine.encode(noisy)[0])
    return {NOISY: noisy, VAE: rebuilt, **{name: filtered(noisy, name, settings[name]) for name in FILTERS}}


def capped_psnr(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """PSNR of each picture in decibels, `HIGHEST_PSNR` at most: (n,) float64."""
    return np.minimum(image_quality.psnr(images, others), HIGHEST_PSNR)


def tuned(images: np.ndarray, noisy: np.ndarray) -> dict[str, float]:
    """Each filter's setting of `SETTINGS` with the highest mean PSNR.

    Args:
        images: Clean pictures that are not measured afterwards, (n, h, w, c) float32 in [0, 1].
        noisy: The same with noise.
    """
    return {
        name: max(settings, key=lambda setting: float(capped_psnr(images, filtered(noisy, name, setting)).mean()))
        for name, settings in SETTINGS.items()
    }


@dataclass(frozen=True)
class MethodFigures:
    """How well one method brings clean pictures back: means with 95 % intervals.

    Attributes:
        method: One of `METHODS`.
        setting: Of a filter, else None.
        psnr: Decibels.
        ssim: Structural similarity.
    """

    method: str
    setting: float | None
    psnr: Interval
    ssim: Interval


@dataclass(frozen=True)
class NoiseFigures:
    """One kind of noise at one strength, and what each method makes of it."""

    kind: str
    strength: float
    methods: list[MethodFigures]

    def settings(self) -> dict[str, float]:
        """Each filter's setting; the usual one where another than those of `SETTINGS` was noted, which could take for ever."""
        noted = {figures.method: figures.setting for figures in self.methods}
        return {
            name: chosen if (chosen := noted.get(name)) in known else USUAL[name] for name, known in SETTINGS.items()
        }

    def best(self) -> MethodFigures:
        """The method with the highest mean PSNR."""
        return max(self.methods, key=lambda figures: figures.psnr.mean)


@dataclass(frozen=True)
class DenoisingFigures:
    """Every noise over some images of the test split.

    Attributes:
        n: Images.
        tuned_on: Images of the validation split that the filters' settings were chosen on; 0 if there were none.
        noises: A row for each kind and strength.
    """

    n: int
    tuned_on: int
    noises: list[NoiseFigures]

    @property
    def method(self) -> str:
        """How the figures were computed, as a sentence."""
        chosen = (
            f"each filter at the setting with the highest PSNR on {self.tuned_on} validation images"
            if self.tuned_on
            else "the filters at their usual settings"
        )
        return (
            f"Against the clean image, mean over the images with the 95 % interval of Student's t; {chosen}; VAE: the "
            f"reconstruction of z_mean of the noisy image; PSNR {HIGHEST_PSNR:.0f} dB at most; noise of seed 0."
        )

    def nearest(self, kind: str, strength: float) -> NoiseFigures | None:
        """The measured strength of this kind that is nearest in ratio; None if there is none of this kind."""
        rows = [noise for noise in self.noises if noise.kind == kind and noise.strength > 0]
        return min(rows, key=lambda noise: abs(math.log(noise.strength / max(strength, 1e-3))), default=None)


def measure(
    engine: EncoderDecoder,
    pixels: np.ndarray,
    validation_pixels: np.ndarray,
    progress: ProgressCallback | None = None,
    strengths: Mapping[str, tuple[float, ...]] = STRENGTHS,
) -> DenoisingFigures:
    """Every method on every noise.

    Args:
        engine: The model.
        pixels: Test images, (n, h, w, c) uint8, n of 1 or more.
        validation_pixels: Images to choose the filters' settings on, uint8; may be none.
        progress: Called with the noises done and their total.
        strengths: What to measure.
    """
    images, validation = checked_images(unit_range(pixels)), unit_range(validation_pixels[:TUNING_IMAGES])
    asked = [(kind, strength) for kind, values in strengths.items() for strength in values]
    noises = []
    for done, (kind, strength) in enumerate(asked, 1):
        settings = tuned(validation, corrupt(validation, kind, strength, seed=1)) if len(validation) else dict(USUAL)
        results = denoised(engine, corrupt(images, kind, strength), settings)
        rows = [
            MethodFigures(
                name,
                settings.get(name),
                mean_interval(capped_psnr(images, result)),
                mean_interval(image_quality.ssim(images, result)),
            )
            for name, result in results.items()
        ]
        noises.append(NoiseFigures(kind, strength, rows))
        if progress:
            progress(done, len(asked))
    return DenoisingFigures(len(images), len(validation), noises)


def to_dict(figures: DenoisingFigures) -> dict[str, Any]:
    """Plain values for a JSON file."""
    noises = [{**vars(noise), "methods": [vars(row) for row in noise.methods]} for noise in figures.noises]
    return {**vars(figures), "noises": noises, "method": figures.method}
