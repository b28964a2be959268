"""The amortisation gap of a model of any number of units: what the encoder loses to a Gaussian found for each image by itself.

log p(x) itself is out of reach in many units, so the gap is the distance of two ELBOs (Cremer et al. 2018, arXiv:1801.03558): the
encoder's, and that of the diagonal Gaussian that gradient ascent reaches from there. What it does not reach is not counted: the
figure is a lower bound on the gap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from vae_core.analysis.checks import ProgressCallback, checked_images
from vae_core.analysis.likelihood import kl_per_unit, reconstruction_loss
from vae_core.network.latents import EncoderDecoder

STEPS, RATE = 120, 0.03
# Samples of z per image: of each step, fresh every time, and for the figures, the same for both Gaussians.
SAMPLES, FINAL_SAMPLES = 8, 64
_DECAY_MEAN, _DECAY_SQUARE, _LEAST = 0.9, 0.99, 1e-8
LOG_VAR_RANGE = (-14.0, 2.0)


class DifferentiableDecoder(EncoderDecoder, Protocol):
    """A model whose decoder can be walked backwards."""

    def decoder_gradient(self, z: np.ndarray, by_logits: np.ndarray) -> np.ndarray:
        """Gradient by z (n, latent_dim) of a target whose gradient by the logits is (n, h, w, c)."""
        ...


@dataclass(frozen=True)
class Amortisation:
    """Of n images, (n,) each, nats.

    Attributes:
        best: ELBO of the Gaussian that was found.
        encoder: ELBO of the encoder's.
        z_mean: Means of the Gaussians that were found, (n, latent_dim).
        z_log_var: Natural logarithms of their variances, (n, latent_dim).
    """

    best: np.ndarray
    encoder: np.ndarray
    z_mean: np.ndarray
    z_log_var: np.ndarray

    @property
    def gap(self) -> np.ndarray:
        """What the encoder fails to find, 0 or more."""
        return self.best - self.encoder


def measure_amortisation(
    engine: DifferentiableDecoder,
    images: np.ndarray,
    steps: int = STEPS,
    seed: int = 0,
    progress: ProgressCallback | None = None,
) -> Amortisation:
    """Raise each image's ELBO from the encoder's Gaussian by Adam, and compare.

    Args:
        engine: The model.
        images: (n, h, w, c) in [0, 1].
        steps: Of the ascent.
        seed: Of the samples.
        progress: Called with the steps done and their total.

    Returns:
        Both ELBOs, each of the same `FINAL_SAMPLES` draws.

    Raises:
        ValueError: Images of another shape or range, or a network that computes NaN.
    """
    images = checked_images(images)
    start = np.stack(engine.encode(images)).astype(np.float64)  # (2, n, d): means, logarithms of the variances
    theta, first, second = start.copy(), np.zeros_like(start), np.zeros_like(start)
    rng = np.random.default_rng(seed)
    for step in range(1, steps + 1):
        slope = _slope(engine, images, theta, rng)
        first = _DECAY_MEAN * first + (1 - _DECAY_MEAN) * slope
        second = _DECAY_SQUARE * second + (1 - _DECAY_SQUARE) * slope**2
        corrected = np.sqrt(second / (1 - _DECAY_SQUARE**step)) + _LEAST
        # The pace falls, so that the noise of the samples dies away.
        pace = RATE * (1 - (step - 1) / steps)
        theta += pace * first / (1 - _DECAY_MEAN**step) / corrected * _scale(theta)
        theta[1] = np.clip(theta[1], *LOG_VAR_RANGE)
        if progress:
            progress(step, steps)
    encoder, best = (_elbo(engine, images, codes, seed + 1) for codes in (start, theta))
    # The encoder's own Gaussian is one of those to choose among.
    theta[:, best < encoder] = start[:, best < encoder]
    return Amortisation(np.maximum(best, encoder), encoder, *theta)


def _scale(theta: np.ndarray) -> np.ndarray:
    """Means move by their own deviation, logarithms of variances by five times the pace."""
    return np.stack([10 * np.exp(theta[1] / 2), np.full_like(theta[1], 5.0)])


def _slope(
    engine: DifferentiableDecoder, images: np.ndarray, theta: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Gradient of each image's ELBO by its means and logarithms of variances, (2, n, d), through samples of z."""
    n, d = theta.shape[1:]
    half = rng.standard_normal((n, SAMPLES // 2, d))
    # In pairs of opposite signs: less noise.
    epsilon = np.concatenate([half, -half], axis=1)  # (n, samples, d)
    deviation = np.exp(theta[1] / 2)[:, None]
    z = (theta[0][:, None] + deviation * epsilon).reshape(n * SAMPLES, d).astype(np.float32)
    repeated = np.repeat(images, SAMPLES, axis=0)
    by_z = engine.decoder_gradient(z, _by_logits(engine, repeated, engine.decode_logits(z))).reshape(n, SAMPLES, d)
    by_mean = by_z.mean(axis=1) - theta[0]
    by_log_var = (by_z * epsilon * deviation).mean(axis=1) / 2 - (np.exp(theta[1]) - 1) / 2
    return np.stack([by_mean, by_log_var])


def _by_logits(engine: EncoderDecoder, images: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Gradient of log p(x | z) by the logits."""
    means = 0.5 * (1 + np.tanh(logits / 2))
    if engine.likelihood == "gaussian":
        return np.asarray((images - means) * means * (1 - means) * np.exp(-2 * engine.log_sigma), np.float32)
    return np.asarray(images - means, np.float32)


def _elbo(engine: EncoderDecoder, images: np.ndarray, theta: np.ndarray, seed: int) -> np.ndarray:
    n, d = theta.shape[1:]
    half = np.random.default_rng(seed).standard_normal((n, FINAL_SAMPLES // 2, d))
    # In pairs of opposite signs and of variance 1: less noise of the samples.
    half /= np.sqrt(np.square(half).mean(axis=1, keepdims=True))
    epsilon = np.concatenate([half, -half], axis=1)
    total = np.zeros(n)
    for i in range(FINAL_SAMPLES):
        z = theta[0] + np.exp(theta[1] / 2) * epsilon[:, i]
        total -= reconstruction_loss(engine, images, z.astype(np.float32))
    return total / FINAL_SAMPLES - kl_per_unit(theta[0], theta[1]).sum(axis=1)
