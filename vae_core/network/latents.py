"""What a trained model is to the rest of the package, and what it makes of images: protocols and plain arrays.

`vae_core.network.engine.Engine` is an `EncoderDecoder`; `vae_core.datasets.dataset.Dataset` holds `LabelledImages`.

>>> import numpy as np
>>> latents = Latents(np.zeros((3, 2), np.float32), np.zeros((3, 2), np.float32), np.arange(3))
>>> latents.z_mean.shape
(3, 2)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

Seed = int | np.random.Generator


class EncoderDecoder(Protocol):
    """A trained encoder and decoder, on numpy arrays.

    `images` are (n, h, w, c) float32 in [0, 1]; `z`, `z_mean` and `z_log_var` are (n, latent_dim) float32.
    """

    @property
    def latent_dim(self) -> int:
        """Number of latent units."""
        ...

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        ...

    @property
    def likelihood(self) -> str:
        """Likelihood of the pixels, "bernoulli" or "gaussian"."""
        ...

    @property
    def log_sigma(self) -> float:
        """Natural logarithm of the Gaussian likelihood's standard deviation; 0 for the Bernoulli likelihood."""
        ...

    def encode(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Posterior parameters (z_mean, z_log_var) of images."""
        ...

    def decode(self, z: np.ndarray) -> np.ndarray:
        """Mean images of p(x | z), in [0, 1]."""
        ...

    def decode_logits(self, z: np.ndarray) -> np.ndarray:
        """Decoder outputs before the sigmoid, shaped like images."""
        ...

    def encoder_activations(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Output of every encoder layer, by layer name."""
        ...

    def decoder_activations(self, z: np.ndarray) -> dict[str, np.ndarray]:
        """Output of every decoder layer, by layer name."""
        ...


class LabelledImages(Protocol):
    """The part of a data set that is needed to encode it."""

    def pixels(self, split: str) -> np.ndarray:
        """Pixels of a split, (n, h, w, c) uint8."""
        ...

    def labels(self, split: str) -> np.ndarray:
        """Class index of each image of a split, (n,)."""
        ...


@dataclass(frozen=True)
class Latents:
    """Posterior parameters of n images, with their labels.

    Attributes:
        z_mean: Posterior means, (n, latent_dim) float32.
        z_log_var: Natural logarithms of the posterior variances, (n, latent_dim) float32.
        labels: Class index of each image, (n,) integers.
    """

    z_mean: np.ndarray
    z_log_var: np.ndarray
    labels: np.ndarray
