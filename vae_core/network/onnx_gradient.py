"""Derivatives of the encoder and the decoder as ONNX graphs: forwards, then backwards or along a direction. No TensorFlow.

    kl_gradient_model   the KL of a posterior and its gradient by the pixels
    pullback_model      gradients by the heads -> the gradient by the input, and by every convolution's output on request
    pushforward_model   a direction of the input -> the derivative of the heads along it

>>> from vae_core.config import ModelConfig
>>> from vae_core.network import presets
>>> from vae_core.network.schema import random_weights
>>> network = presets.build(ModelConfig())
>>> [output.name for output in kl_gradient_model(network.encoder, random_weights(network)).graph.output]
['kl', 'gradient']
>>> [source.name for source in pullback_model(network.encoder, random_weights(network)).graph.input]
['input', 'by/z_mean', 'by/z_log_var']
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from vae_core.network.layers import Layer, Part, Shape, Weights
from vae_core.network.onnx_graph import IR_VERSION, OPSET, Graph, same_padding


def kl_gradient_model(encoder: Part, weights: Weights) -> onnx.ModelProto:
    """Build the graph from images to the KL of their posteriors to N(0, 1) and its gradient by the pixels.

    KL = 1/2 sum (m^2 + exp(v) - 1 - v), so its derivatives by the heads are m and (exp(v) - 1) / 2.

    Args:
        encoder: The layers, with the heads z_mean and z_log_var.
        weights: Arrays by full name.

    Returns:
        A model with the input "input" (n, h, w, c) and the outputs "kl" (n, 1), in nats, and "gradient" (n, h, w, c).
    """
    chain = _Chain(Graph(), encoder, weights)
    graph = chain.graph
    mean, log_var = (chain.ends[head.name] for head in encoder.heads)
    one, half = graph.constant(np.float32(1)), graph.constant(np.float32(0.5))
    excess = graph.node("Sub", [graph.node("Exp", [log_var]), one])
    terms = graph.node("Sub", [graph.node("Add", [graph.node("Mul", [mean, mean]), excess]), log_var])
    axes = graph.constant(np.array([1], np.int64))
    kl = graph.node("Mul", [graph.node("ReduceSum", [terms, axes], keepdims=1), half])
    by_heads = dict(zip((head.name for head in encoder.heads), (mean, graph.node("Mul", [excess, half])), strict=True))
    gradient = chain.backwards(by_heads)["input"]
    return chain.model({}, {"kl": (kl, (1,)), "gradient": (gradient, encoder.input_shape)})


def pullback_model(part: Part, weights: Weights, layers: bool = False) -> onnx.ModelProto:
    """Build the graph from an input and the gradients by the heads to the gradient by the input: a vector-Jacobian product.

    Args:
        part: The encoder or the decoder.
        weights: Arrays by full name; those of the other part are ignored.
        layers: Output instead every convolution and the gradient by its output, both after its activation.

    Returns:
        A model with the inputs "input" and "by/HEAD" of each head's shape, and the output "gradient" of the input's shape; with
        `layers` the outputs "LAYER" and "by/LAYER" (n, h, w, channels) of each convolution, in order.
    """
    chain = _Chain(Graph(), part, weights)
    sources = {f"by/{layer.name}": after for layer, _, _, after in part.walk()[len(part.layers) :]}
    gradients = chain.backwards({head.name: f"by/{head.name}" for head in part.heads})
    if not layers:
        return chain.model(sources, {"gradient": (gradients["input"], part.input_shape)})
    outputs: dict[str, tuple[str, Shape]] = {}
    for layer, _, _, after in part.walk()[: len(part.layers)]:
        if layer.kind.startswith("conv"):
            outputs[layer.name] = (chain.ends[layer.name], after)
            outputs[f"by/{layer.name}"] = (gradients[layer.name], after)
    return chain.model(sources, outputs)


def pushforward_model(part: Part, weights: Weights) -> onnx.ModelProto:
    """Build the graph from an input and a direction to the derivative of the heads along it: a Jacobian-vector product.

    Args:
        part: The encoder or the decoder.
        weights: Arrays by full name; those of the other part are ignored.

    Returns:
        A model with the inputs "input" and "direction" of one shape, and the outputs "along/HEAD" of each head's shape.
    """
    chain = _Chain(Graph(), part, weights)
    ends = {"input": "direction"}
    for step in chain.steps:
        source = ends.get(step.before, "direction")
        ends[step.layer.name] = chain.activation_slope(step, chain.linear(step, source, tangent=True))
    outputs = {f"along/{step.layer.name}": (ends[step.layer.name], step.after) for step in chain.heads}
    return chain.model({"direction": part.input_shape}, outputs)


@dataclass(frozen=True)
class _Step:
    """One layer of the walk: what it reads (a tensor, channels last) and what it makes before its activation."""

    layer: Layer
    before: str
    shape: Shape
    after: Shape
    source: str
    inner: str = ""


class _Chain:
    """A part run forwards in a graph, channels last between the layers, with every layer's tensors kept."""

    def __init__(self, graph: Graph, part: Part, weights: Weights) -> None:
        self.graph, self.part, self.weights = graph, part, weights
        self.ends: dict[str, str] = {"input": "input"}
        self.steps: list[_Step] = []
        for layer, before, shape, after in part.walk():
            source = self.ends.get(before, "input")
            inner = self.linear(_Step(layer, before, shape, after, source), source)
            self.steps.append(_Step(layer, before, shape, after, source, inner))
            self.ends[layer.name] = graph.activation(layer.activation, inner)

    @property
    def heads(self) -> list[_Step]:
        """The steps of the heads."""
        return self.steps[len(self.part.layers) :]

    def backwards(self, by_heads: dict[str, str]) -> dict[str, str]:
        """From the tensors of the gradients by the heads' outputs to those by every layer's output, and by "input"."""
        gradient = ""
        for step in self.heads:
            back = self._backward(step, by_heads[step.layer.name])
            gradient = self.graph.node("Add", [gradient, back]) if gradient else back
        gradients = {}
        for step in reversed(self.steps[: len(self.part.layers)]):
            gradients[step.layer.name] = gradient
            gradient = self._backward(step, gradient)
        return {**gradients, "input": gradient}

    def linear(self, step: _Step, source: str, tangent: bool = False) -> str:
        """One layer without its activation; of a tangent without its bias too, which is the layer's derivative along it."""
        graph, layer = self.graph, step.layer
        if layer.kind in ("flatten", "reshape"):
            return _reshaped(graph, source, step.after)
        if layer.kind == "dropout":
            return source
        if layer.kind == "fourier":
            return self._fourier(step, source, tangent)
        kernel, bias = (self.weights[f"{self.part.name}/{layer.name}/{key}"] for key in ("kernel", "bias"))
        if layer.kind == "dense":
            product = graph.node("MatMul", [source, graph.constant(kernel)])
            return product if tangent else graph.node("Add", [product, graph.constant(bias)])
        biases = [] if tangent else [graph.constant(bias)]
        return self._convolution(step, source, step.after, biases, transposed=layer.kind == "conv2d_transpose")

    def activation_slope(self, step: _Step, gradient: str) -> str:
        """The gradient or tangent times the slope of the layer's activation."""
        graph = self.graph
        if step.layer.activation == "relu":
            positive = graph.node("Greater", [step.inner, graph.constant(np.float32(0))])
            return graph.node("Mul", [gradient, graph.node("Cast", [positive], to=TensorProto.FLOAT)])
        if step.layer.activation == "silu":
            # silu'(a) = s (1 + a (1 - s)), s = sigmoid(a)
            one, share = graph.constant(np.float32(1)), graph.node("Sigmoid", [step.inner])
            slope = graph.node("Add", [one, graph.node("Mul", [step.inner, graph.node("Sub", [one, share])])])
            return graph.node("Mul", [gradient, graph.node("Mul", [share, slope])])
        return gradient

    def _backward(self, step: _Step, gradient: str) -> str:
        """The gradient by a layer's input, from the one by its output."""
        gradient = self.activation_slope(step, gradient)
        layer = step.layer
        if layer.kind in ("flatten", "reshape"):
            return _reshaped(self.graph, gradient, step.shape)
        if layer.kind == "dropout":
            return gradient
        if layer.kind == "fourier":
            return self._fourier_backward(step, gradient)
        if layer.kind == "dense":
            kernel = self.weights[f"{self.part.name}/{layer.name}/kernel"]
            return self.graph.node("MatMul", [gradient, self.graph.constant(np.ascontiguousarray(kernel.T))])
        return self._convolution(step, gradient, step.shape, [], transposed=layer.kind == "conv2d")

    def _convolution(self, step: _Step, source: str, after: Shape, biases: list[str], transposed: bool) -> str:
        """A convolution with the layer's kernel to the shape `after`, or its transpose, which is its way backwards."""
        graph, layer = self.graph, step.layer
        kernel = self.weights[f"{self.part.name}/{layer.name}/kernel"]
        wide, narrow = (step.shape, step.after) if layer.kind == "conv2d" else (step.after, step.shape)
        (top, bottom), (left, right) = (same_padding(wide[axis], narrow[axis], layer) for axis in (0, 1))
        attributes: dict[str, Any] = {"strides": [layer.strides] * 2, "pads": [top, left, bottom, right]}
        if transposed:
            spanned = [(narrow[axis] - 1) * layer.strides + layer.kernel for axis in (0, 1)]
            attributes["output_padding"] = [wide[0] - spanned[0] + top + bottom, wide[1] - spanned[1] + left + right]
        first = graph.node("Transpose", [source], perm=[0, 3, 1, 2])
        inputs = [first, graph.constant(np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))), *biases]
        result = graph.node("ConvTranspose" if transposed else "Conv", inputs, **attributes)
        return graph.node("Transpose", [result], perm=[0, 2, 3, 1])  # (n, *after)

    def _waves(self, step: _Step) -> list[tuple[str, str, str]]:
        """Of each octave sin(f z), cos(f z) and f = 2^i / 2."""
        waves = []
        for octave in range(step.layer.size):
            factor = self.graph.constant(np.float32(2.0**octave / 2))
            scaled = self.graph.node("Mul", [step.source, factor])
            waves.append((self.graph.node("Sin", [scaled]), self.graph.node("Cos", [scaled]), factor))
        return waves

    def _fourier(self, step: _Step, source: str, tangent: bool) -> str:
        """z, then sin and cos octave by octave; along a tangent t: t, then f cos(f z) t and -f sin(f z) t."""
        graph, pieces = self.graph, [source]
        for sine, cosine, factor in self._waves(step):
            if not tangent:
                pieces += [sine, cosine]
                continue
            scaled = graph.node("Mul", [source, factor])
            falling = graph.node("Neg", [graph.node("Mul", [sine, scaled])])
            pieces += [graph.node("Mul", [cosine, scaled]), falling]
        return graph.node("Concat", pieces, axis=-1)  # (n, latent_dim * (1 + 2 * octaves))

    def _fourier_backward(self, step: _Step, gradient: str) -> str:
        graph, width = self.graph, step.shape[-1]
        axis = graph.constant(np.array([1], np.int64))

        def piece(number: int) -> str:
            ends = [graph.constant(np.array([width * (number + more)], np.int64)) for more in (0, 1)]
            return graph.node("Slice", [gradient, *ends, axis])

        total = piece(0)
        for octave, (sine, cosine, factor) in enumerate(self._waves(step)):
            rising = graph.node("Mul", [piece(2 * octave + 1), cosine])
            falling = graph.node("Mul", [piece(2 * octave + 2), sine])
            slope = graph.node("Mul", [graph.node("Sub", [rising, falling]), factor])
            total = graph.node("Add", [total, slope])
        return total  # (n, latent_dim)

    def model(self, sources: dict[str, Shape], outputs: dict[str, tuple[str, Shape]]) -> onnx.ModelProto:
        """Make the model: `sources` beside "input", and of each output its tensor and shape, without the batch axis."""
        inputs, values = {"input": self.part.input_shape, **sources}, []
        for name, (tensor, shape) in outputs.items():
            self.graph.node("Identity", [tensor], output=name)
            values.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *shape]))
        taken = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *shape]) for name, shape in inputs.items()
        ]
        graph = helper.make_graph(self.graph.nodes, "derivative", taken, values, self.graph.constants)
        opset = helper.make_opsetid("", OPSET)
        return helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION, producer_name="vae-explorer")


def _reshaped(graph: Graph, source: str, shape: Shape) -> str:
    return graph.node("Reshape", [source, graph.constant(np.array([-1, *shape], np.int64))])
