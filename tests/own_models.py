"""Runs and models of pictures of the user's own, as a trainer leaves them, without the training: random weights, own data."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from vae_core.config import ModelConfig, TrainingConfig
from vae_core.datasets import loading
from vae_core.datasets.dataset import Dataset
from vae_core.network.engine import Engine
from vae_core.network.presets import build
from vae_core.network.schema import random_weights
from vae_core.runs.directory import Run

CLASSES = ("boot", "hat", "sock")


def own_zip(path: Path, side: int = 28, colour: bool = False, n: int = 60, seed: int = 0) -> Path:
    """A zip of n pictures in three folders: bright bars on black that no two share."""
    rng = np.random.default_rng(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(n):
            picture, png = np.zeros((side, side, 3 if colour else 1), np.uint8), io.BytesIO()
            # as wide as nearly the whole frame, so that no treatment crops or turns it
            picture[side // 8 + i % 4 : -side // 8, 1:-1] = rng.integers(90, 256, picture.shape[2])
            picture[side // 2 :, side // 4 : side // 4 + 2 + i % 5] = rng.integers(0, 90)
            Image.fromarray(picture.squeeze()).save(png, "PNG")
            archive.writestr(f"{CLASSES[i % 3]}/{i}.png", png.getvalue())
    return path


def save_run(path: Path, dataset: Dataset, data: str, state: str = "finished") -> Run:
    """A finished run of random weights on `dataset`, which --data named by `data`."""
    run, model = Run(path), ModelConfig("classic", 2, dataset.image_shape)
    network = build(model)
    config = {
        "name": path.name,
        "model": model.to_dict(),
        "training": TrainingConfig(epochs=1).to_dict(),
        "dataset": dataset.describe(),
        "versions": {},
    }
    run.create(config, network)
    weights = random_weights(network, 0)
    z_mean, z_log_var = Engine(network, weights, 1).encode(dataset.images("test"))
    latents = {"z_mean": z_mean, "z_log_var": z_log_var, "labels": dataset.labels("test")}
    run.save_snapshot(7, weights, latents)
    run.write_request(data=data)
    run.write_status(state, step=7, total_steps=7, epoch=1, epochs=1, loss=9.0, seconds=1.0)
    return run


def own_run(path: Path, zip_path: Path, shape: tuple[int, int, int] = (28, 28, 1)) -> Run:
    """A finished run on the pictures of a zip."""
    return save_run(path, loading.load(zip_path, image_shape=shape), str(zip_path.resolve()))
