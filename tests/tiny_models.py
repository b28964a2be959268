"""Small models on disk, without training: random weights and random codes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vae_core.checkpoints import saving
from vae_core.config import ModelConfig, TrainingConfig
from vae_core.network.latents import Latents
from vae_core.network.presets import build
from vae_core.network.schema import random_weights


def save_checkpoint(path: Path, model: ModelConfig, seed: int = 0, codes: int = 200) -> Path:
    """A checkpoint folder with random weights and random codes: it draws noise, quickly."""
    network, rng = build(model), np.random.default_rng(seed)
    dataset = {
        "name": "drawn clothes",
        "source": "drawn by a test",
        "checksum": "0" * 64,
        "image_shape": list(model.image_shape),
        "sizes": {"train": 100, "validation": 10, "test": codes},
        "classes": [f"class {i}" for i in range(10)],
    }
    z_mean, z_log_var = rng.normal(size=(2, codes, model.latent_dim)).astype(np.float32)
    return saving.save(
        path,
        config={
            "name": path.name,
            "model": model.to_dict(),
            "training": TrainingConfig().to_dict(),
            "dataset": dataset,
            "steps": 1,
            "step": 1,
            "seconds": 1.0,
            "versions": {},
        },
        network=network,
        weights=random_weights(network, seed),
        latents=Latents(z_mean, z_log_var, rng.integers(0, 10, codes).astype(np.uint8)),
        replace=True,
    )
