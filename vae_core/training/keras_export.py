"""A trained network as stock Keras models, in memory or as files."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from vae_core.checkpoints.store import Checkpoint
from vae_core.network.layers import Network
from vae_core.training.vae import build_part


def keras_files(checkpoint: Checkpoint, folder: Path) -> list[Path]:
    """encoder.keras and decoder.keras: stock layers only, so `keras.saving.load_model` opens them without this package."""
    written = []
    for model in to_keras(checkpoint.network, checkpoint.weights):
        written.append(folder / f"{model.name}.keras")
        model.save(written[-1])
    return written


def to_keras(network: Network, weights: dict[str, np.ndarray]) -> tuple[keras.Model, keras.Model]:
    """(encoder, decoder) as stock functional Keras models with their weights, for `.save("....keras")`."""
    models = []
    for part in (network.encoder, network.decoder):
        model = build_part(part)
        for name in part.weight_shapes():
            _, layer, key = name.split("/")
            getattr(model.get_layer(layer), key).assign(weights[name])
        models.append(model)
    return models[0], models[1]
