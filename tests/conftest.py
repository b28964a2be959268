"""What every test may ask for: the real data, and a small model on disk. Nothing here imports Keras."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from vae_core import checkpoints
from vae_core.checkpoints import Latents
from vae_core.config import ModelConfig, TrainingConfig
from vae_core.network import random_weights
from vae_core.presets import build


@pytest.fixture(scope="session")
def fashion_dir() -> Path:
    """The folder with the four files of Fashion-MNIST."""
    named = os.environ.get("FASHION_MNIST_DIR")
    if not named:
        pytest.skip("needs the real Fashion-MNIST: set FASHION_MNIST_DIR to the folder of its four files")
    return Path(named)


def save_checkpoint(path: Path, model: ModelConfig, seed: int = 0, codes: int = 200) -> Path:
    """A checkpoint folder with random weights and random codes: it draws noise, quickly."""
    network, rng = build(model), np.random.default_rng(seed)
    dataset = {
        "name": "drawn clothes", "source": "drawn by a test", "checksum": "0" * 64, "image_shape": list(model.image_shape),
        "sizes": {"train": 100, "validation": 10, "test": codes}, "classes": [f"class {i}" for i in range(10)],
    }  # fmt: skip
    z_mean, z_log_var = rng.normal(size=(2, codes, model.latent_dim)).astype(np.float32)
    return checkpoints.save(
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
    )


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder `fashion-2d` of a random 2-D model. Read only: it is shared by all tests."""
    return save_checkpoint(tmp_path_factory.mktemp("checkpoints") / "fashion-2d", ModelConfig("classic", 2))
