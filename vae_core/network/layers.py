"""The network as data: an ordered list of layers that Keras, ONNX Runtime and a browser all read.

Nothing here computes. A `Network` says which layers there are, in which order, with which shapes; the weights
are a plain dict of float32 arrays named `encoder/conv_1/kernel`, `encoder/conv_1/bias` and so on, in Keras'
layouts: dense (in, out), conv2d (k, k, in, out), conv2d_transpose (k, k, out, in).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

FORMAT_VERSION = 1
KINDS = ("conv2d", "conv2d_transpose", "dense", "fourier", "flatten", "reshape", "dropout")
ACTIVATIONS = ("linear", "relu", "silu")
WEIGHTED = ("conv2d", "conv2d_transpose", "dense")

Shape = tuple[int, ...]
Weights = dict[str, np.ndarray]


class NetworkError(ValueError):
    """A layer list or a set of weights that does not hold together."""


@dataclass(frozen=True)
class Layer:
    """One layer. `size` is filters, units, or octaves; `target` is the shape a reshape makes.

    `rate` is the share of inputs that a dropout layer blanks while training; afterwards it passes all of them on.
    Padding is always "same": a convolution of stride s maps n to ceil(n / s), a transposed one n to n * s.
    `kernel_init` and `bias_init` matter only to a network that has not been trained yet.
    """

    name: str
    kind: str
    size: int = 0
    kernel: int = 0
    strides: int = 1
    activation: str = "linear"
    target: Shape = ()
    rate: float = 0.0
    kernel_init: str = "glorot_uniform"
    bias_init: float = 0.0

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of one image's output, without the batch axis, for an input of `shape`."""
        if self.kind == "dense":
            return (*shape[:-1], self.size)
        if self.kind == "fourier":
            return (shape[-1] * (1 + 2 * self.size),)
        if self.kind == "flatten":
            return (math.prod(shape),)
        if self.kind == "reshape":
            return self.target
        if self.kind == "dropout":
            return shape
        height, width, _ = shape
        if self.kind == "conv2d":
            return (-(-height // self.strides), -(-width // self.strides), self.size)
        return (height * self.strides, width * self.strides, self.size)

    def weight_shapes(self, shape: Shape) -> dict[str, Shape]:
        """Shapes of `kernel` and `bias` for an input of `shape`; empty for a layer without weights."""
        if self.kind not in WEIGHTED:
            return {}
        channels = shape[-1]
        kernel = {
            "dense": (channels, self.size),
            "conv2d": (self.kernel, self.kernel, channels, self.size),
            "conv2d_transpose": (self.kernel, self.kernel, self.size, channels),
        }[self.kind]
        return {"kernel": kernel, "bias": (self.size,)}

    def multiply_adds(self, shape: Shape) -> int:
        """Multiply-adds for one image: each kernel weight once per place it is applied."""
        if self.kind not in WEIGHTED:
            return 0
        places = shape if self.kind == "conv2d_transpose" else self.output_shape(shape)
        return math.prod(places[:-1]) * math.prod(self.weight_shapes(shape)["kernel"])


@dataclass(frozen=True)
class Part:
    """A chain of layers with one input; `heads` are layers that all read the last layer of the chain.

    The encoder's heads are z_mean and z_log_var; the decoder has one, `logits`.
    """

    name: str
    input_shape: Shape
    layers: tuple[Layer, ...]
    heads: tuple[Layer, ...]

    def walk(self) -> list[tuple[Layer, str, Shape, Shape]]:
        """Every layer in order as (layer, name of its input, input shape, output shape)."""
        rows: list[tuple[Layer, str, Shape, Shape]] = []
        before, shape = "input", self.input_shape
        for layer in self.layers:
            rows.append((layer, before, shape, layer.output_shape(shape)))
            before, shape = layer.name, rows[-1][3]
        rows.extend((head, before, shape, head.output_shape(shape)) for head in self.heads)
        return rows

    def weight_shapes(self) -> dict[str, Shape]:
        """Full weight name -> shape, in order."""
        return {
            f"{self.name}/{layer.name}/{key}": size
            for layer, _, shape, _ in self.walk()
            for key, size in layer.weight_shapes(shape).items()
        }

    def multiply_adds(self) -> int:
        """Multiply-adds for one image."""
        return sum(layer.multiply_adds(shape) for layer, _, shape, _ in self.walk())


@dataclass(frozen=True)
class Network:
    """Encoder and decoder. `sigma_name` is the one weight outside the layers: the Gaussian likelihood's log sigma."""

    encoder: Part
    decoder: Part
    likelihood: str = "bernoulli"
    format_version: int = field(default=FORMAT_VERSION)

    sigma_name = "likelihood/log_sigma"

    @property
    def latent_dim(self) -> int:
        """Size of z."""
        return self.decoder.input_shape[0]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        height, width, channels = self.encoder.input_shape
        return height, width, channels

    def weight_shapes(self, only: str | None = None) -> dict[str, Shape]:
        """Full weight name -> shape, in order, for both parts or only for the encoder or the decoder."""
        if only:
            return {name: shape for name, shape in self.weight_shapes().items() if name.startswith(only + "/")}
        sigma: dict[str, Shape] = {self.sigma_name: ()} if self.likelihood == "gaussian" else {}
        return {**self.encoder.weight_shapes(), **self.decoder.weight_shapes(), **sigma}

    def parameters(self) -> int:
        """Number of trained values."""
        return sum(math.prod(shape) for shape in self.weight_shapes().values())

    def to_dict(self) -> dict[str, Any]:
        """Plain values for network.json, with every output shape written out for readers that do not compute them."""
        parts = {}
        for part in (self.encoder, self.decoder):
            rows = [
                {**asdict(layer), "input": before, "output_shape": list(after)}
                for layer, before, _, after in part.walk()
            ]
            parts[part.name] = {
                "input_shape": list(part.input_shape),
                "layers": rows[: len(part.layers)],
                "heads": rows[len(part.layers) :],
            }
        return {"format_version": self.format_version, "likelihood": self.likelihood, **parts}
