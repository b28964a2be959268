"""The network as data: an ordered list of layers that Keras, ONNX Runtime and a browser all read.

Nothing here computes. A `Network` names its layers, their order and their shapes; the weights
are a plain dict of float32 arrays named `encoder/conv_1/kernel`, `encoder/conv_1/bias` and so on, in Keras'
layouts: dense (in, out), conv2d (k, k, in, out), conv2d_transpose (k, k, out, in).

>>> layer = Layer("conv_1", "conv2d", size=32, kernel=3, strides=2, activation="relu")
>>> layer.output_shape((28, 28, 1))
(14, 14, 32)
>>> layer.weight_shapes((28, 28, 1))
{'kernel': (3, 3, 1, 32), 'bias': (32,)}
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np

FORMAT_VERSION = 1
KINDS = ("conv2d", "conv2d_transpose", "dense", "fourier", "flatten", "reshape", "dropout")
ACTIVATIONS = ("linear", "relu", "silu")
WEIGHTED = ("conv2d", "conv2d_transpose", "dense")

Shape = tuple[int, ...]
# A string, and numpy imported by those who compute: it takes a tenth of a second, of which `runs` does without.
Weights: TypeAlias = "dict[str, np.ndarray]"


class NetworkError(ValueError):
    """A layer list or a set of weights that does not hold together."""


@dataclass(frozen=True)
class Layer:
    """One layer of the encoder or the decoder.

    Padding is always "same": a convolution of stride s maps a side of n pixels to ceil(n / s), a transposed one to n * s.

    Attributes:
        name: Lower-case letters, digits and underscores, unique in its part.
        kind: One of `KINDS`.
        size: Filters of a convolution, units of a dense layer, octaves of a Fourier layer.
        kernel: Side of a convolution's kernel, in pixels.
        strides: Pixels from one place of a convolution to the next, the same down and across.
        activation: One of `ACTIVATIONS`.
        target: Shape that a reshape layer makes, without the batch axis.
        rate: Share of inputs that a dropout layer blanks while training, 0 to 1; otherwise it passes all of them on.
        kernel_init: Keras initializer of the kernel; matters only before training.
        bias_init: Constant that the bias starts at; matters only before training.
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
        """Return the shape of one image's output for an input of `shape`, both without the batch axis."""
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
        """Return the shapes of `kernel` and `bias` for an input of `shape`; empty for a layer without weights."""
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
        """Return the multiply-adds for one image: each kernel weight once per place it is applied."""
        if self.kind not in WEIGHTED:
            return 0
        places = shape if self.kind == "conv2d_transpose" else self.output_shape(shape)
        return math.prod(places[:-1]) * math.prod(self.weight_shapes(shape)["kernel"])


@dataclass(frozen=True)
class Part:
    """The encoder or the decoder: a chain of layers with one input, and the heads that read its last layer.

    Attributes:
        name: "encoder" or "decoder".
        input_shape: Shape of one input, without the batch axis.
        layers: The chain, in order.
        heads: z_mean and z_log_var of the encoder; logits of the decoder.
    """

    name: str
    input_shape: Shape
    layers: tuple[Layer, ...]
    heads: tuple[Layer, ...]

    def walk(self) -> list[tuple[Layer, str, Shape, Shape]]:
        """List every layer in order as (layer, name of its input, input shape, output shape)."""
        rows: list[tuple[Layer, str, Shape, Shape]] = []
        before, shape = "input", self.input_shape
        for layer in self.layers:
            rows.append((layer, before, shape, layer.output_shape(shape)))
            before, shape = layer.name, rows[-1][3]
        rows.extend((head, before, shape, head.output_shape(shape)) for head in self.heads)
        return rows

    def weight_shapes(self) -> dict[str, Shape]:
        """Map each full weight name to its shape, in order."""
        return {
            f"{self.name}/{layer.name}/{key}": size
            for layer, _, shape, _ in self.walk()
            for key, size in layer.weight_shapes(shape).items()
        }

    def multiply_adds(self) -> int:
        """Return the multiply-adds for one image."""
        return sum(layer.multiply_adds(shape) for layer, _, shape, _ in self.walk())


@dataclass(frozen=True)
class Network:
    """A variational autoencoder as data: encoder, decoder, and the likelihood of the pixels.

    Attributes:
        encoder: From an image to z_mean and z_log_var.
        decoder: From z to logits.
        likelihood: "bernoulli" or "gaussian".
        format_version: Version of network.json that it was read from.
        sigma_name: Name of the one weight outside the layers, the Gaussian likelihood's log sigma.
    """

    encoder: Part
    decoder: Part
    likelihood: str = "bernoulli"
    format_version: int = field(default=FORMAT_VERSION)

    sigma_name = "likelihood/log_sigma"

    @property
    def latent_dim(self) -> int:
        """Number of latent units, the size of z."""
        return self.decoder.input_shape[0]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Shape of an image: (height, width, channels)."""
        height, width, channels = self.encoder.input_shape
        return height, width, channels

    def weight_shapes(self, only: str | None = None) -> dict[str, Shape]:
        """Map each full weight name to its shape, in order.

        Args:
            only: "encoder" or "decoder" for the weights of that part alone.
        """
        if only:
            return {name: shape for name, shape in self.weight_shapes().items() if name.startswith(only + "/")}
        sigma: dict[str, Shape] = {self.sigma_name: ()} if self.likelihood == "gaussian" else {}
        return {**self.encoder.weight_shapes(), **self.decoder.weight_shapes(), **sigma}

    def parameters(self) -> int:
        """Return the number of trained values."""
        return sum(math.prod(shape) for shape in self.weight_shapes().values())

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for network.json, with every output shape written out for readers that do not compute them."""
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
