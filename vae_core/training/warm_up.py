"""A training of a moment on noise: it tells how fast this machine trains a model, and leaves that model traced for a run to take.

Most of the time from a request to its first step goes into building and tracing the model's graph, so a process that waits
for a request does that ahead. A run that takes the model comes to the same numbers, bit for bit, as one that builds its own.

>>> model = ModelConfig("classic", image_shape=(8, 8, 1))
>>> prepared = warm_up(model)
>>> 0 <= prepared.step_seconds < 60 and 0 < prepared.image_seconds < 60
True
>>> keep(prepared)
>>> taken = take(model, recommended(model, epochs=9, batch_size=32, learning_rate=0.01), total_steps=900)
>>> taken[0] is prepared.vae
True
>>> take(model, recommended(model), total_steps=900) is None  # once
True
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from vae_core.config import ModelConfig, TrainingConfig, recommended
from vae_core.training.compiled import Schedule, compile_vae
from vae_core.training.moving_average import AVERAGE_EVERY, ExponentialMovingAverage
from vae_core.training.progress import Progress
from vae_core.training.vae import VAE

SMALL, LARGE = 16, 96  # images of a batch
# What is a constant of the graph. The other fields are variables in it, or the callbacks' and the pipeline's.
TRACED = ("schedule", "kl_warmup", "free_bits", "seed")

_kept: list[Prepared] = []  # of this process: a command's words lie between who prepares and who trains


@dataclass(frozen=True)
class Prepared:
    """A model whose training step is traced, and what was measured with it.

    Attributes:
        model: The network.
        training: The recipe that it was compiled with.
        step_seconds: Seconds of a step, whatever its batch.
        image_seconds: Seconds that each image of a batch adds.
        vae: The compiled model; it has been trained on noise.
        schedule: Its learning rate.
        initial: Values of all its variables before that, in their order.
    """

    model: ModelConfig
    training: TrainingConfig
    step_seconds: float
    image_seconds: float
    vae: VAE
    schedule: Schedule
    initial: list[np.ndarray]

    def suits(self, model: ModelConfig, training: TrainingConfig) -> bool:
        """Check whether a run of this recipe would trace the same graph."""
        same = all(getattr(self.training, name) == getattr(training, name) for name in TRACED)
        # the warm-up of the KL term is a number of steps in the graph, which depends on the run's length
        return model == self.model and same and not training.kl_warmup

    def reset(self, training: TrainingConfig, total_steps: int) -> None:
        """Undo the training, and set what a recipe says for a run of `total_steps` batches."""
        for variable, value in zip(_variables(self.vae), self.initial, strict=True):
            variable.assign(value)
        self.vae.beta.assign(training.beta)
        self.schedule.assign(training, total_steps)


def warm_up(model: ModelConfig, steps: int = 8) -> Prepared:
    """Train for a moment with two batch sizes.

    Args:
        model: The network, trained with its recommended recipe, the moving average included.
        steps: Batches of each size, at least; some more warm up.
    """
    per_average = AVERAGE_EVERY * max(1, steps // AVERAGE_EVERY)
    # the first compiles the graph; the first of each size warms up
    sizes = [SMALL] * (per_average + 2) + [LARGE] * (per_average + 1)
    times: list[float] = []
    progress = Progress(len(sizes), len(sizes))

    def tick(batch: int, logs: Any) -> None:
        progress.step += 1
        times.append(perf_counter())

    training = recommended(model)
    keras.utils.set_random_seed(training.seed)  # as a run does before it builds its model
    vae, schedule = compile_vae(model, training, len(sizes))
    initial = [variable.numpy().copy() for variable in _variables(vae)]
    clock = keras.callbacks.LambdaCallback(on_train_batch_end=tick)
    callbacks = [ExponentialMovingAverage(training.ema, progress), clock]
    vae.fit(_noise(model, sizes), steps_per_epoch=len(sizes), callbacks=callbacks, shuffle=False, verbose=0)
    spent = np.diff(times)  # seconds of each step but the first
    small_time, large_time = float(spent[1 : per_average + 1].mean()), float(spent[-per_average:].mean())
    image = max(large_time - small_time, 1e-9) / (LARGE - SMALL)
    return Prepared(model, training, max(small_time - SMALL * image, 0.0), image, vae, schedule, initial)


def keep(prepared: Prepared) -> None:
    """Keep a model for the next run of this process, in place of an earlier one."""
    _kept[:] = [prepared]


def take(model: ModelConfig, training: TrainingConfig, total_steps: int) -> tuple[VAE, Schedule] | None:
    """Give the kept model, if there is one that suits, as `compile_vae` would have made it; either way it is kept no more.

    Args:
        model: The network.
        training: The recipe.
        total_steps: Batches of the whole run.
    """
    prepared = _kept.pop() if _kept else None
    if prepared is None or not prepared.suits(model, training) or tf.distribute.has_strategy():
        return None
    prepared.reset(training, total_steps)
    return prepared.vae, prepared.schedule


def forget() -> None:
    """Keep no model: the next run has settings of TensorFlow that a graph traced before does not follow."""
    _kept.clear()


def _variables(vae: VAE) -> list[Any]:
    return [*vae.variables, *vae.optimizer.variables]


def _noise(model: ModelConfig, sizes: list[int]) -> tf.data.Dataset:
    """Batches of these sizes, of the form of `batches`."""
    pixels = np.random.default_rng(0).integers(0, 256, (max(sizes), *model.image_shape)).astype(np.uint8)

    def draw() -> Iterator[np.ndarray]:
        for size in sizes:
            yield pixels[:size].astype(np.float32) / 255

    spec = tf.TensorSpec((None, *model.image_shape), tf.float32)
    return tf.data.Dataset.from_generator(draw, output_signature=spec).prefetch(2)
