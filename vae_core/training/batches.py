"""The images of a training in their order, which is a function of seed and epoch: a resumed run sees what it would have seen.

>>> pixels = np.zeros((10, 8, 8, 1), np.uint8)
>>> [tuple(batch.shape) for batch in batches(pixels, TrainingConfig(batch_size=4), 0, 1)]
[(4, 8, 8, 1), (4, 8, 8, 1), (2, 8, 8, 1)]
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from vae_core.config import TrainingConfig


def batches(pixels: np.ndarray, training: TrainingConfig, first: int, last: int, skip: int = 0) -> tf.data.Dataset:
    """Give the batches of epochs first..last - 1; the order of epoch e is `default_rng((seed, e)).permutation(n)`.

    Args:
        pixels: All training images, (n, h, w, c) uint8.
        training: The recipe; its seed and batch size are used.
        first: First epoch, from 0.
        last: Epoch to end before.
        skip: Batches of the first epoch to leave out.

    Returns:
        Batches (batch_size, h, w, c) float32 in [0, 1]; the last one of an epoch may be smaller.
    """

    def orders() -> Iterator[np.ndarray]:
        for epoch in range(first, last):
            order = np.random.default_rng((training.seed, epoch)).permutation(len(pixels))
            yield order[skip * training.batch_size if epoch == first else 0 :]

    everything = tf.constant(pixels)  # (n, h, w, c) uint8

    # there is no Python in these for AutoGraph to translate, and on Python 3.13 it cannot
    @tf.autograph.experimental.do_not_convert
    def cut(order: tf.Tensor) -> tf.data.Dataset:
        return tf.data.Dataset.from_tensor_slices(order).batch(training.batch_size)

    @tf.autograph.experimental.do_not_convert
    def look_up(indices: tf.Tensor) -> tf.Tensor:
        return tf.cast(tf.gather(everything, indices), tf.float32) / 255.0  # (batch_size, h, w, c)

    spec = tf.TensorSpec((None,), tf.int64)
    return tf.data.Dataset.from_generator(orders, output_signature=spec).flat_map(cut).map(look_up).prefetch(2)


def pipeline_options() -> tf.data.Options:
    """Return options for pipelines that are not sharded over devices by file, and not tuned."""
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    # The tuning thread sleeps for up to a minute between two measurements, and `fit` cannot return before it wakes.
    options.autotune.enabled = False
    return options
