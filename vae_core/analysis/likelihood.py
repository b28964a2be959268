"""Likelihoods and bounds of a model: reconstruction loss, KL divergence, ELBO, IWAE, and the floor of the pixels.

All in nats, summed over the pixels of an image and over latent units.

>>> import numpy as np
>>> kl_per_unit(z_mean=np.array([[0.0, 1.0]]), z_log_var=np.zeros((1, 2))).tolist()
[[0.0, 0.5]]
>>> bernoulli_loss(np.ones((1, 2, 2, 1)), logits=np.zeros((1, 2, 2, 1))).round(3).tolist()  # 4 log 2
[2.773]
"""

from __future__ import annotations

import math

import numpy as np

from vae_core.analysis.checks import ProgressCallback, checked_images, checked_logits, finite_values
from vae_core.analysis.latent_points import sample_posterior, slice_length
from vae_core.network.latents import EncoderDecoder, Seed


def bernoulli_loss(images: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Binary cross-entropy of each image, summed over its pixels.

    On logits, as max(l, 0) - l x + log(1 + exp(-|l|)), which neither overflows nor clips.

    Args:
        images: (n, h, w, c) in [0, 1].
        logits: (n, h, w, c).

    Returns:
        Nats, (n,) float64, 0 or more.

    Raises:
        ValueError: Shapes that differ, images outside [0, 1], or logits that are NaN or infinite.
    """
    images, logits = checked_logits(images, logits)
    per_pixel = np.maximum(logits, 0) - logits * images + np.log1p(np.exp(-np.abs(logits)))  # (n, h, w, c)
    return per_pixel.sum(axis=(1, 2, 3), dtype=np.float64)


def gaussian_loss(images: np.ndarray, logits: np.ndarray, log_sigma: float) -> np.ndarray:
    """-log N(x; sigmoid(logits), exp(log_sigma)^2) of each image, summed over its pixels.

    The negative of a log density, so it may be below 0 (Rybkin et al. 2020, arXiv:2006.13202).

    Args:
        images: (n, h, w, c) in [0, 1].
        logits: (n, h, w, c).
        log_sigma: Natural logarithm of the standard deviation, common to all pixels.

    Returns:
        Nats, (n,) float64.

    Raises:
        ValueError: Shapes that differ, images outside [0, 1], or logits that are NaN or infinite.
    """
    images, logits = checked_logits(images, logits)
    # The sigmoid, without overflow.
    means = 0.5 * (1 + np.tanh(logits / 2))
    per_pixel = 0.5 * np.square(images - means) * math.exp(-2 * log_sigma) + log_sigma + 0.5 * math.log(2 * math.pi)
    return per_pixel.sum(axis=(1, 2, 3), dtype=np.float64)


def reconstruction_loss(engine: EncoderDecoder, images: np.ndarray, z: np.ndarray) -> np.ndarray:
    """-log p(x | z) of each image under the model's own likelihood, summed over its pixels.

    Args:
        engine: The model.
        images: (n, h, w, c) in [0, 1].
        z: (n, latent_dim).

    Returns:
        Nats, (n,) float64.

    Raises:
        ValueError: Images outside [0, 1], or logits that are NaN or infinite.
    """
    logits = engine.decode_logits(z)
    if engine.likelihood == "gaussian":
        return gaussian_loss(images, logits, engine.log_sigma)
    return bernoulli_loss(images, logits)


def pixel_entropy_floor(images: np.ndarray) -> float:
    """Least binary cross-entropy that any model can reach: the entropy of the pixels themselves.

    Args:
        images: (n, h, w, c) in [0, 1], n of 1 or more.

    Returns:
        Nats per image, the mean over the images.

    Raises:
        ValueError: No image, or values outside [0, 1].
    """
    images = checked_images(images)
    if len(images) == 0:
        raise ValueError("the floor needs one image or more, got none.")
    # 0 log 0 is 0: the ends are left out below.
    inner = np.where((images > 0) & (images < 1), images, np.float32(0.5))
    entropy = -(inner * np.log(inner) + (1 - inner) * np.log1p(-inner))
    return float(np.where((images > 0) & (images < 1), entropy, 0).sum(dtype=np.float64) / len(images))


def kl_per_unit(z_mean: np.ndarray, z_log_var: np.ndarray) -> np.ndarray:
    """KL(N(z_mean, exp(z_log_var)) || N(0, 1)) of each unit (Kingma & Welling 2014, arXiv:1312.6114, appendix B).

    Its sum over the units is an image's `kl_loss`.

    Args:
        z_mean: Posterior means, (n, latent_dim).
        z_log_var: Natural logarithms of the posterior variances, (n, latent_dim).

    Returns:
        Nats, (n, latent_dim) float64, 0 or more.

    Raises:
        ValueError: Shapes that differ, or a value that is NaN or infinite.
    """
    if np.shape(z_mean) != np.shape(z_log_var):
        raise ValueError(f"z_mean and z_log_var must have one shape, got {np.shape(z_mean)} and {np.shape(z_log_var)}.")
    mean, log_var = finite_values(z_mean, "z_mean"), finite_values(z_log_var, "z_log_var")
    return 0.5 * (mean**2 + np.maximum(np.expm1(log_var) - log_var, 0))


def elbo_terms(engine: EncoderDecoder, images: np.ndarray, seed: Seed = 0) -> tuple[np.ndarray, np.ndarray]:
    """Both terms of the evidence lower bound, with one sample of z per image.

    elbo = -(reconstruction_loss + kl_per_unit summed over the units), at beta = 1.

    Args:
        engine: The model.
        images: (n, h, w, c) in [0, 1].
        seed: Of the samples of z.

    Returns:
        reconstruction_loss, (n,) float64, and the KL of each unit, (n, latent_dim) float64, in nats.

    Raises:
        ValueError: Images of another shape or outside [0, 1], or a network that computes NaN.
    """
    z_mean, z_log_var = engine.encode(checked_images(images))
    z = sample_posterior(z_mean, z_log_var, seed)
    return reconstruction_loss(engine, images, z), kl_per_unit(z_mean, z_log_var)


def iwae(
    engine: EncoderDecoder,
    images: np.ndarray,
    k: int,
    seed: int = 0,
    at_once: int | None = None,
    progress: ProgressCallback | None = None,
) -> np.ndarray:
    """Importance-weighted lower bound on log p(x) (Burda et al. 2016, arXiv:1509.00519).

    log 1/k sum_j p(x, z_j) / q(z_j | x) by logsumexp, z_j ~ q: the ELBO at k = 1, tighter in expectation as k grows. Each
    image has noise of its own, so neither `at_once` nor the other images change its result, and a larger k adds to the
    same draws.

    Args:
        engine: The model.
        images: (n, h, w, c) in [0, 1].
        k: Samples of z per image, 1 or more.
        seed: Of the samples.
        at_once: Decoded images held in memory; None for as many as `slice_length` allows, 2,000 at most.
        progress: Called with the images done and their total.

    Returns:
        Nats, (n,) float64.

    Raises:
        ValueError: k below 1, images outside [0, 1], or a network that computes NaN.
    """
    images = checked_images(images)
    if k < 1:
        raise ValueError(f"k must be 1 or more samples of z per image, got {k}.")
    at_once = at_once or min(slice_length(engine), 2000)
    result = np.zeros(len(images))
    block = max(1, at_once // k)
    for start in range(0, len(images), block):
        batch = images[start : start + block]
        noises = [np.random.default_rng([seed, i]) for i in range(start, start + len(batch))]
        z_mean, z_log_var = engine.encode(batch)
        total = np.full(len(batch), -np.inf)
        for first in range(0, k, at_once):
            draws = min(at_once, k - first)
            epsilon = np.stack([noise.standard_normal((draws, z_mean.shape[1]), np.float32) for noise in noises])
            total = np.logaddexp(total, _log_weights(engine, batch, z_mean, z_log_var, epsilon))
        result[start : start + len(batch)] = total - math.log(k)
        if progress:
            progress(start + len(batch), len(images))
    return result


def _log_weights(
    engine: EncoderDecoder, images: np.ndarray, z_mean: np.ndarray, z_log_var: np.ndarray, epsilon: np.ndarray
) -> np.ndarray:
    """Sum of importance weights as a logarithm, log sum_j p(x, z_j) / q(z_j | x) for z_j = z_mean + sigma epsilon_j; epsilon (n, draws, d) -> (n,)."""
    n, draws, d = epsilon.shape
    z = z_mean[:, None] + np.exp(z_log_var / 2)[:, None] * epsilon  # (n, draws, d)
    losses = reconstruction_loss(engine, np.repeat(images, draws, axis=0), z.reshape(n * draws, d))  # (n * draws,)
    # log N(z; 0, 1) - log N(z; z_mean, sigma^2): the constants cancel, and (z - z_mean) / sigma is epsilon.
    gap = 0.5 * (np.square(epsilon, dtype=np.float64) + z_log_var[:, None] - np.square(z, dtype=np.float64)).sum(axis=2)
    return np.logaddexp.reduce(-losses.reshape(n, draws) + gap, axis=1)
