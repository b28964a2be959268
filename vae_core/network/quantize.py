"""Weights in 8 bits, for the small frames of a timeline.

>>> import numpy as np
>>> packed = quantize({"kernel": np.array([[0.5, -1.0], [0.25, 0.1]], np.float32)})
>>> packed["kernel"].tolist()
[[127, -127], [64, 13]]
>>> dequantize(packed)["kernel"][:, 0].round(2).tolist()
[0.5, 0.25]
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vae_core.network.layers import NetworkError, Weights

# Steps of int8 to each side of 0.
LEVELS = 127
# Ends the name of a kernel's scale.
SCALE = ":scale"


def quantize(weights: Weights) -> dict[str, np.ndarray]:
    """Store kernels as int8 with a float32 scale for each output channel, biases as they are.

    Args:
        weights: float32 arrays by name.

    Returns:
        An int8 array under each kernel's name, its scale, (channels,), under that name with `SCALE` after it.
    """
    packed: dict[str, np.ndarray] = {}
    for name, array in weights.items():
        if array.ndim < 2:
            packed[name] = array.astype(np.float32)
            continue
        # The output channels are the last axis but for a transposed convolution, (k, k, out, in): there the last is "in",
        # and a scale for each input serves as well.
        scale = np.abs(array).max(axis=tuple(range(array.ndim - 1))) / LEVELS
        packed[name] = np.round(array / np.where(scale > 0, scale, 1)).astype(np.int8)
        packed[name + SCALE] = scale.astype(np.float32)
    return packed


def dequantize(packed: Mapping[str, np.ndarray]) -> Weights:
    """Restore what `quantize` stored, off by at most half a step of each scale.

    Args:
        packed: Arrays as `quantize` gives them, by name.

    Returns:
        float32 arrays by name.

    Raises:
        NetworkError: A kernel without a scale for each of its channels.
    """
    weights: Weights = {}
    for name, array in packed.items():
        if name.endswith(SCALE):
            continue
        if array.dtype == np.int8:
            scale = packed.get(name + SCALE)
            if scale is None or scale.shape != array.shape[-1:]:
                raise NetworkError(
                    f"frame: {name} has no scale of its {array.shape[-1]} channels. The file is damaged."
                )
            array = array * scale
        weights[name] = array.astype(np.float32)
    return weights
