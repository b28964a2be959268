"""Networks with random weights, large enough that z changes the picture and not only its last decimals."""

from __future__ import annotations

from vae_core.config import ModelConfig
from vae_core.network.layers import Network, Weights
from vae_core.network.presets import build
from vae_core.network.schema import random_weights

MODELS = {
    "swift-2": ModelConfig("swift", 2),
    "swift-16": ModelConfig("swift", 16),
    "classic-2": ModelConfig("classic", 2),
    "heavy": ModelConfig("classic", 2, image_shape=(64, 64, 3)),  # 32 million multiply-adds
}


def lively(name: str) -> tuple[Network, Weights]:
    """One of `MODELS`, the same each time."""
    network = build(MODELS[name])
    return network, {key: 2.2 * array for key, array in random_weights(network).items()}
