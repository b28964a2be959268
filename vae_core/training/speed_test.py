"""A training of a moment on noise, to tell how fast this machine trains a model.

>>> step, image = pace(ModelConfig("classic", image_shape=(8, 8, 1)))
>>> 0 <= step < 60 and 0 < image < 60
True
"""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from vae_core.config import ModelConfig, recommended
from vae_core.training.moving_average import AVERAGE_EVERY, ExponentialMovingAverage
from vae_core.training.progress import Progress
from vae_core.training.session import compile_vae


def pace(model: ModelConfig, steps: int = 8) -> tuple[float, float]:
    """Measure the time of a training step: train for a moment with two batch sizes, and leave nothing behind.

    Args:
        model: The network, trained with its recommended recipe, the moving average included.
        steps: Batches of each size, at least; some more warm up.

    Returns:
        Seconds of a step, and seconds that each of its images adds.
    """
    small, large, per_average = 16, 96, AVERAGE_EVERY * max(1, steps // AVERAGE_EVERY)
    # the first compiles the graph; the first of each size warms up
    sizes = [small] * (per_average + 2) + [large] * (per_average + 1)
    pixels = np.random.default_rng(0).integers(0, 256, (large, *model.image_shape)).astype(np.uint8)

    def noise() -> Iterator[np.ndarray]:
        for size in sizes:
            yield pixels[:size].astype(np.float32) / 255

    times: list[float] = []
    progress = Progress(len(sizes), len(sizes))

    def tick(batch: int, logs: Any) -> None:
        progress.step += 1
        times.append(perf_counter())

    clock = keras.callbacks.LambdaCallback(on_train_batch_end=tick)
    training = recommended(model)
    spec = tf.TensorSpec((None, *model.image_shape), tf.float32)
    vae, _ = compile_vae(model, training, len(sizes))
    data = tf.data.Dataset.from_generator(noise, output_signature=spec).prefetch(2)
    callbacks = [ExponentialMovingAverage(training.ema, progress), clock]
    vae.fit(data, steps_per_epoch=len(sizes), callbacks=callbacks, shuffle=False, verbose=0)
    spent = np.diff(times)  # seconds of each step but the first
    small_time, large_time = float(spent[1 : per_average + 1].mean()), float(spent[-per_average:].mean())
    image = max(large_time - small_time, 1e-9) / (large - small)
    return max(small_time - small * image, 0.0), image
