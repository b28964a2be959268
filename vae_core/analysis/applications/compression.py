"""Compression: how many bits a model's codes take and what comes back, beside PCA and the usual picture formats.

>>> rate_bits(np.array([[1.0, 0.0]]), np.zeros((1, 2))).round(3).tolist()  # half a nat
[0.721]
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from vae_core.analysis import image_quality
from vae_core.analysis.applications import image_codecs
from vae_core.analysis.applications.code_archive import header_bytes, pack, quantise
from vae_core.analysis.checks import ProgressCallback, checked_images, unit_range
from vae_core.analysis.likelihood import kl_per_unit
from vae_core.network.engine import Engine

IMAGES = 1000  # of the test split
COARSENESS = (0.5, 1.0, 2.0, 4.0)  # factors on the posterior's precision
PCA_SIZES = (2, 8, 16, 32, 64)
QUALITIES = (1, 10, 25, 50, 75, 90)
VAE, PCA = "VAE", "PCA"


@dataclass(frozen=True)
class Point:
    """What one method does at one setting, means over the images.

    Attributes:
        method: "VAE", "PCA", or a format, "(one sheet)" where one file holds all pictures.
        setting: Its setting, for a person.
        bits: Bits a picture, header and decoder left out for VAE and PCA.
        mse: Mean squared error.
        psnr: Mean of the images' PSNR in decibels; None where it is infinite.
        ssim: Mean structural similarity.
    """

    method: str
    setting: str
    bits: float
    mse: float
    psnr: float | None
    ssim: float


@dataclass(frozen=True)
class CompressionFigures:
    """Rates and distortions over some images of the test split.

    Attributes:
        n: Images.
        kl_bits: KL in bits an image, mean: the rate that bits-back coding would reach.
        file_bytes: Bytes an image of one real file of all of them, header included.
        alone_bytes: Bytes of a real file of one image, mean over the first 100, header included.
        header_bytes: Bytes of a file that are not codes.
        decoder_bytes: Size of the decoder that must be there already, at 4 bytes a weight.
        pca_bytes: Size of PCA's basis of the same number of units, at 4 bytes a weight.
        points: The rate-distortion plot.
    """

    n: int
    kl_bits: float
    file_bytes: float
    alone_bytes: float
    header_bytes: int
    decoder_bytes: int
    pca_bytes: int
    points: list[Point]

    @property
    def method(self) -> str:
        """How the figures were computed, as a sentence."""
        return (
            "VAE: z_mean rounded in cells of √12 posterior deviations times the factor, bits by the frequency table of the "
            "file. PCA: fitted on the train split, codes rounded likewise, at the deviation of probabilistic PCA's posterior "
            "(Tipping & Bishop 1999), bits under the train codes' Gaussian. JPEG and WebP: files with their headers, and in one "
            "sheet of all pictures. MSE, PSNR and SSIM: mean over the images."
        )


def rate_bits(z_mean: np.ndarray, z_log_var: np.ndarray) -> np.ndarray:
    """KL of each posterior to the prior in bits, (n,) float64: the rate of bits-back coding (Townsend et al. 2019, arXiv:1901.04866).

    Args:
        z_mean: (n, latent_dim).
        z_log_var: (n, latent_dim).
    """
    return kl_per_unit(z_mean, z_log_var).sum(axis=1) / math.log(2)


def measure(
    engine: Engine, pixels: np.ndarray, train_pixels: np.ndarray, progress: ProgressCallback | None = None
) -> CompressionFigures:
    """Every figure of the page Applications, Compression.

    Args:
        engine: The model.
        pixels: Test images, (n, h, w, c) uint8, n of 1 or more.
        train_pixels: Train images, uint8, that PCA is fitted on.
        progress: Called with the steps done and their total.

    Raises:
        ValueError: Images of another shape.
    """
    images = checked_images(unit_range(pixels))
    z_mean, z_log_var = engine.encode(images)
    whole = pack(quantise(z_mean, z_log_var), engine)
    alone = [len(pack(quantise(z_mean[i : i + 1], z_log_var[i : i + 1]), engine)) for i in range(min(100, len(images)))]
    decoder = sum(array.size for name, array in engine.weights.items() if name.startswith("decoder/"))
    values = math.prod(engine.image_shape)
    steps = len(COARSENESS) + 1 + 2 * len(QUALITIES) * len(image_codecs.LOSSY) + len(image_codecs.LOSSLESS)
    points = []
    for done, made in enumerate(_points(engine, images, pixels, train_pixels, z_mean, z_log_var), 1):
        points += made
        if progress:
            progress(done, steps)
    return CompressionFigures(
        n=len(images),
        kl_bits=float(rate_bits(z_mean, z_log_var).mean()),
        file_bytes=len(whole) / len(images),
        alone_bytes=float(np.mean(alone)),
        header_bytes=header_bytes(engine.latent_dim),
        decoder_bytes=4 * decoder,
        pca_bytes=4 * values * (engine.latent_dim + 1),
        points=points,
    )


def _points(
    engine: Engine,
    images: np.ndarray,
    pixels: np.ndarray,
    train_pixels: np.ndarray,
    z_mean: np.ndarray,
    z_log_var: np.ndarray,
) -> Iterator[list[Point]]:
    for factor in COARSENESS:
        codes = quantise(z_mean, z_log_var, factor)
        yield [_point(VAE, f"precision × {factor:g}", float(codes.bits().mean()), images, engine.decode(codes.z))]
    yield pca_points(images, train_pixels)
    for format in image_codecs.LOSSY:
        for name, encode in ((format, image_codecs.files), (f"{format} (one sheet)", image_codecs.sheet)):
            for quality in QUALITIES:
                bits, back = encode(pixels, format, quality)
                yield [_point(name, f"quality {quality}", bits, images, unit_range(back))]
    for format in image_codecs.LOSSLESS:
        bits, _ = image_codecs.files(pixels, format, 100)
        yield [Point(format, "lossless", bits, 0.0, None, 1.0)]


def pca_points(images: np.ndarray, train_pixels: np.ndarray, sizes: tuple[int, ...] = PCA_SIZES) -> list[Point]:
    """PCA with rounded codes, for each number of units that the train images allow.

    The rounding leaves an error of the variance that probabilistic PCA's posterior has: the mean of the variances of the units
    left out (Tipping & Bishop 1999, doi:10.1111/1467-9868.00196). Bits are of the Gaussian of the train codes, rounded.

    Args:
        images: (n, h, w, c) float32 in [0, 1].
        train_pixels: (m, h, w, c) uint8.
        sizes: Numbers of units.

    Returns:
        A point for each size below the number of train images and of pixels.
    """
    mean, variances, basis = principal_components(train_pixels)
    flat = images.reshape(len(images), -1).astype(np.float64) - mean
    points = []
    for size in sizes:
        if size >= min(len(train_pixels), len(variances)):
            continue
        noise, sigma = variances[size:].mean(), np.sqrt(variances[:size])
        if not noise > 0:
            continue
        step = math.sqrt(12 * noise)
        symbols = np.round(flat @ basis[:, :size] / step)
        rebuilt = (step * symbols) @ basis[:, :size].T + mean
        bits = rounded_gaussian_bits(symbols, step, sigma).sum(axis=1)
        back = np.clip(rebuilt, 0, 1).astype(np.float32).reshape(images.shape)
        points.append(_point(PCA, f"{size} units", float(bits.mean()), images, back))
    return points


def principal_components(train_pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, variances and directions of images, all of them, the widest first.

    Args:
        train_pixels: (m, h, w, c) uint8, m of 1 or more.

    Returns:
        The mean image (pixels,), variances (pixels,) and directions in columns (pixels, pixels), float64, of pixels in [0, 1].
    """
    values = math.prod(train_pixels.shape[1:])
    total, products = np.zeros(values), np.zeros((values, values))
    for start in range(0, len(train_pixels), 5000):
        flat = unit_range(train_pixels[start : start + 5000]).reshape(-1, values).astype(np.float64)
        total += flat.sum(axis=0)
        products += flat.T @ flat
    mean = total / len(train_pixels)
    variances, basis = np.linalg.eigh(products / len(train_pixels) - np.outer(mean, mean))
    return mean, np.maximum(variances[::-1], 0), basis[:, ::-1]


def rounded_gaussian_bits(symbols: np.ndarray, step: float, sigma: np.ndarray) -> np.ndarray:
    """Bits of whole multiples of `step` under N(0, sigma^2), rounded: -log2 of the cell's probability.

    Args:
        symbols: (n, k) whole numbers.
        step: Width of a cell, above 0.
        sigma: (k,) standard deviations, above 0.

    Returns:
        (n, k) float64; at most 64, where the probability leaves what a float holds.
    """
    from scipy.special import ndtr

    far = np.abs(symbols)
    p = ndtr((0.5 - far) * step / sigma) - ndtr((-0.5 - far) * step / sigma)
    return -np.log2(np.maximum(p, 2.0**-64))


def _point(method: str, setting: str, bits: float, images: np.ndarray, back: np.ndarray) -> Point:
    mse = image_quality.mse(images, back)
    ssim = float(image_quality.ssim(images, back).mean())
    # An image that comes back whole has no finite PSNR.
    psnr = -10 * np.log10(np.maximum(mse, 1e-12))
    return Point(method, setting, bits, float(mse.mean()), float(psnr.mean()), ssim)


def to_dict(figures: CompressionFigures) -> dict[str, Any]:
    """Plain values for a JSON file."""
    return {**vars(figures), "points": [vars(point) for point in figures.points], "method": figures.method}
