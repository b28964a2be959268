"""The images that a channel of the encoder answers most strongly to, and which pixels it sees.

>>> from vae_core.config import ModelConfig
>>> from vae_core.network.presets import build
>>> receptive_field(build(ModelConfig("classic")).encoder, "conv_2", 3, 3)
Box(top=12, left=12, bottom=19, right=19)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from vae_core.analysis.checks import ProgressCallback, unit_range
from vae_core.network.engine import Engine
from vae_core.network.layers import Part
from vae_core.network.onnx_graph import same_padding

BATCH = 250  # images whose feature maps are held at once


class Box(NamedTuple):
    """Pixels [top, bottom) x [left, right) of a picture."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True)
class StrongestImages:
    """For each channel of a layer the images with its largest responses, strongest first.

    Attributes:
        layer: A convolution of the encoder.
        indices: Numbers of the images, (channels, count) int64.
        rows: Row of the largest response in the layer's map, (channels, count) int64.
        columns: Its column, likewise.
        strengths: The response there, (channels, count) float32.
        n: How many images were looked through.
    """

    layer: str
    indices: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    strengths: np.ndarray
    n: int


def strongest_images(
    engine: Engine, pixels: np.ndarray, layer: str, count: int = 9, progress: ProgressCallback | None = None
) -> StrongestImages:
    """Look through images for those that each channel of a layer answers most strongly to.

    Args:
        engine: The model.
        pixels: (n, h, w, c) uint8.
        layer: A convolution of the encoder.
        count: Images to keep for each channel, fewer where there are fewer.
        progress: Called with the images done and their total.

    Returns:
        The images of every channel.

    Raises:
        ValueError: No image, or no such layer.
    """
    shapes = {step.name: after for step, _, _, after in engine.network.encoder.walk() if step.kind.startswith("conv")}
    if layer not in shapes:
        raise ValueError(
            f"layer must be a convolution of the encoder: {', '.join(shapes) or 'it has none'}; got {layer!r}."
        )
    if len(pixels) == 0:
        raise ValueError("the strongest images need one image or more, got none.")
    _, width, channels = shapes[layer]
    peaks = np.empty((len(pixels), channels), np.float32)
    places = np.empty((len(pixels), channels), np.int32)
    for start in range(0, len(pixels), BATCH):
        batch = unit_range(pixels[start : start + BATCH])
        maps = engine.encoder_activations(batch)[layer].reshape(len(batch), -1, channels)  # (n, h * w, channels)
        places[start : start + BATCH] = maps.argmax(axis=1)
        peaks[start : start + BATCH] = maps.max(axis=1)
        if progress is not None:
            progress(min(start + BATCH, len(pixels)), len(pixels))
    indices = np.argsort(-peaks, axis=0, kind="stable")[:count].T  # (channels, count)
    each = np.arange(channels)[:, None]
    at = places[indices, each].astype(np.int64)
    return StrongestImages(layer, indices, at // width, at % width, peaks[indices, each], len(pixels))


def receptive_field(encoder: Part, layer: str, row: int, column: int) -> Box:
    """Pixels of the picture that one value of a convolution depends on, cut off at the picture's border.

    Args:
        encoder: The layers.
        layer: A convolution before the first layer that is flat.
        row: Row of the value in the layer's map.
        column: Its column.

    Returns:
        The pixels.

    Raises:
        ValueError: No such layer, or a place outside its map.
    """
    walk = encoder.walk()
    names = [step.name for step, *_ in walk]
    if layer not in names or len(walk[names.index(layer)][3]) != 3:
        raise ValueError(f"layer must be a convolution of the encoder, got {layer!r}.")
    last = names.index(layer)
    height, width, _ = walk[last][3]
    if not (0 <= row < height and 0 <= column < width):
        raise ValueError(f"{layer} has {height} × {width} places, got row {row}, column {column}.")
    ends = [[row, row], [column, column]]  # first and last place of each axis
    for step, _, shape, after in reversed(walk[: last + 1]):
        if len(shape) != 3 or len(after) != 3:
            ends = [[0, shape[0] - 1], [0, shape[1] - 1]] if len(shape) == 3 else ends
            continue
        for axis in (0, 1):
            low, high = ends[axis]
            if step.kind == "conv2d":
                before, _ = same_padding(shape[axis], after[axis], step)
                low, high = low * step.strides - before, high * step.strides - before + step.kernel - 1
            elif step.kind == "conv2d_transpose":
                before, _ = same_padding(after[axis], shape[axis], step)
                low = -(-(low + before - step.kernel + 1) // step.strides)
                high = (high + before) // step.strides
            ends[axis] = [max(0, low), min(shape[axis] - 1, high)]
    (top, bottom), (left, right) = ends
    return Box(top, left, bottom + 1, right + 1)
