"""Small things that the training tests share: a data set that is quick to train on, and a trainer in a thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vae_core.config import ModelConfig, TrainingConfig
from vae_core.network.layers import Network
from vae_core.runs.directory import ENDED, Run

SHAPE = (16, 16, 1)
MODEL = ModelConfig("classic", 2, SHAPE)


def squares(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Bright squares on black, two classes by size: pixels (n, 16, 16, 1) uint8, labels (n,) uint8."""
    rng = np.random.default_rng(seed)
    pixels, labels = np.zeros((n, *SHAPE), np.uint8), rng.integers(0, 2, n).astype(np.uint8)
    for image, label in zip(pixels, labels, strict=True):
        top, left = rng.integers(0, 6, 2)
        side = 4 + 4 * label
        image[top : top + side, left : left + side] = rng.integers(128, 256)
    return pixels, labels


@dataclass
class Squares:
    """Stands in for a `Dataset`: as much of it as training needs."""

    train: int = 96
    validation: int = 16
    test: int = 24
    name: str = "squares"
    source: str = "drawn by a test"
    classes: tuple[str, ...] = ("small", "large")
    image_shape: tuple[int, int, int] = SHAPE

    @property
    def sizes(self) -> dict[str, int]:
        return {"train": self.train, "validation": self.validation, "test": self.test}

    @property
    def checksum(self) -> str:
        return f"{self.train:064d}"

    def _split(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        return squares(self.sizes[split], ("train", "validation", "test").index(split))

    def pixels(self, split: str) -> np.ndarray:
        return self._split(split)[0]

    def labels(self, split: str) -> np.ndarray:
        return self._split(split)[1]

    def images(self, split: str, n: int | None = None) -> np.ndarray:
        return self.pixels(split)[:n].astype(np.float32) / 255

    def describe(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "source": self.source,
            "checksum": self.checksum,
            "sizes": self.sizes,
            "classes": list(self.classes),
            "image_shape": list(self.image_shape),
        }

    def title(self, split: str) -> str:
        return f"{self.name} {split}, {self.sizes[split]:,} images"


def recipe(**changes: Any) -> TrainingConfig:
    """Six steps an epoch on the default `Squares`, with the moving average on."""
    values: dict[str, Any] = {"epochs": 2, "batch_size": 16, "learning_rate": 1e-3, "ema": 0.9}
    return TrainingConfig(**{**values, **changes})


def save_npz(path: Path, n: int = 120) -> Path:
    """The same squares as a file of the user's own."""
    pixels, labels = squares(n, 7)
    np.savez(path, images=pixels, labels=labels)
    return path


def wait_for(true: Callable[[], Any], what: str, seconds: float = 40) -> float:
    """Seconds until `true()`; fails the test after `seconds`."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds, f"waited {seconds} s in vain for: {what}"
        time.sleep(0.01)
    return time.monotonic() - began


@contextmanager
def in_thread(run: Run, go: Callable[[], str]) -> Iterator[Future[str]]:
    """Train beside the test, which plays the page; whatever happens, the trainer is asked to stop at the end."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(go)
        try:
            wait_for(lambda: future.done() or run.status().get("step", 0) >= 2, "the first steps")
            yield future
        finally:
            if run.status().get("state") not in ENDED:
                run.update_control(command="stop")


@contextmanager
def traced_once() -> Iterator[None]:
    """Trainings whose graph is traced once a process and recipe: each gets a model as new, to the same bits (`test_warm_up`)."""
    import tensorflow as tf

    from vae_core.training import session, warm_up

    build, made = session.compile_vae, {}

    def compile_vae(model: ModelConfig, training: TrainingConfig, total_steps: int) -> Any:
        if tf.distribute.has_strategy():
            return build(model, training, total_steps)
        # of several lengths, a warm-up of the KL term is several graphs
        key = (model, training.kl_warmup and total_steps, *(getattr(training, name) for name in warm_up.TRACED))
        if key not in made:
            vae, schedule = build(model, training, total_steps)
            initial = [variable.numpy().copy() for variable in (*vae.variables, *vae.optimizer.variables)]
            made[key] = warm_up.Prepared(model, training, 0.0, 0.0, vae, schedule, initial)
        prepared = made[key]
        prepared.reset(training, total_steps)
        prepared.vae._eval_epoch_iterator = None  # Keras leaves it behind where `fit` was left in a validation
        return prepared.vae, prepared.schedule

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "compile_vae", compile_vae)
        yield


def events(run: Run) -> list[str]:
    """Names of the marks on the charts, in order."""
    return [row["event"] for row in run.metrics() if row["kind"] == "event"]


def weights_of(network: Network, seed: int = 0) -> dict[str, np.ndarray]:
    """Random weights."""
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in network.weight_shapes().items()}
