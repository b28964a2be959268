"""The devices that a training runs on.

>>> with device_scope("default"):
...     tf.distribute.get_strategy().num_replicas_in_sync
1
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import tensorflow as tf

from vae_core.runs.control import RunError


def device_scope(strategy: str) -> Any:
    """Make the context in which a model is built for its devices.

    Args:
        strategy: "default" for one GPU or the CPU, "mirrored" for all GPUs (or logical CPUs) of this machine.

    Raises:
        RunError: The strategy is another one.
    """
    if strategy == "default":
        return nullcontext()
    if strategy != "mirrored":
        raise RunError(f"strategy must be default or mirrored, got {strategy!r}.")
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    cross = tf.distribute.HierarchicalCopyAllReduce() if devices[0].device_type == "CPU" else None
    return tf.distribute.MirroredStrategy([device.name for device in devices], cross_device_ops=cross).scope()
