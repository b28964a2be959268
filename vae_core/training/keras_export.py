"""A trained network as stock Keras models, in memory or as files.

>>> from vae_core.config import ModelConfig
>>> from vae_core.network import presets
>>> from vae_core.network.schema import random_weights
>>> network = presets.build(ModelConfig("classic", image_shape=(8, 8, 1)))
>>> encoder, decoder = to_keras(network, random_weights(network))
>>> decoder(np.zeros((3, 2), np.float32)).shape
TensorShape([3, 8, 8, 1])
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from vae_core.checkpoints.store import Checkpoint
from vae_core.network.layers import Network
from vae_core.training.vae import build_part


def keras_files(checkpoint: Checkpoint, folder: Path) -> list[Path]:
    """Write encoder.keras and decoder.keras; stock layers only, so `keras.saving.load_model` opens them without this package.

    Args:
        checkpoint: The model.
        folder: Where to write; it exists.

    Returns:
        The two paths.
    """
    written = []
    for model in to_keras(checkpoint.network, checkpoint.weights):
        written.append(folder / f"{model.name}.keras")
        model.save(written[-1])
    return written


def to_keras(network: Network, weights: dict[str, np.ndarray]) -> tuple[keras.Model, keras.Model]:
    """Build encoder and decoder as stock functional Keras models with their weights.

    Args:
        network: The layers.
        weights: Arrays by full name.
    """
    models = []
    for part in (network.encoder, network.decoder):
        model = build_part(part)
        for name in part.weight_shapes():
            _, layer, key = name.split("/")
            getattr(model.get_layer(layer), key).assign(weights[name])
        models.append(model)
    return models[0], models[1]
