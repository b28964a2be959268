"""The gradient of a posterior's KL by the pixels, as an ONNX graph: the encoder forwards, then backwards. No TensorFlow.

>>> from vae_core.config import ModelConfig
>>> from vae_core.network import presets
>>> from vae_core.network.schema import random_weights
>>> network = presets.build(ModelConfig())
>>> [output.name for output in kl_gradient_model(network.encoder, random_weights(network)).graph.output]
['kl', 'gradient']
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper

from vae_core.network.layers import Layer, NetworkError, Part, Shape, Weights
from vae_core.network.onnx_graph import IR_VERSION, OPSET, Graph, same_padding

_BACKWARDS = ("conv2d", "dense", "flatten", "reshape", "dropout")


def kl_gradient_model(encoder: Part, weights: Weights) -> onnx.ModelProto:
    """Build the graph from images to the KL of their posteriors to N(0, 1) and its gradient by the pixels.

    KL = 1/2 sum (m^2 + exp(v) - 1 - v), so its derivatives by the heads are m and (exp(v) - 1) / 2.

    Args:
        encoder: The layers, with the heads z_mean and z_log_var.
        weights: Arrays by full name.

    Returns:
        A model with the input "input" (n, h, w, c) and the outputs "kl" (n, 1), in nats, and "gradient" (n, h, w, c).

    Raises:
        NetworkError: A layer that has no way backwards here.
    """
    graph, walk = Graph(), encoder.walk()
    odd = sorted({layer.kind for layer, *_ in walk} - set(_BACKWARDS))
    if odd:
        raise NetworkError(
            f"the gradient by the pixels needs an encoder of {', '.join(_BACKWARDS)}; this one has {', '.join(odd)}."
        )
    ends, inner = {"input": "input"}, {}
    for layer, before, shape, after in walk:
        inner[layer.name] = _forward(graph, encoder.name, layer, ends.get(before, "input"), shape, after, weights)
        ends[layer.name] = graph.activation(layer.activation, inner[layer.name])
    mean, log_var = (ends[head.name] for head in encoder.heads)
    one, half = graph.constant(np.float32(1)), graph.constant(np.float32(0.5))
    excess = graph.node("Sub", [graph.node("Exp", [log_var]), one])
    terms = graph.node("Sub", [graph.node("Add", [graph.node("Mul", [mean, mean]), excess]), log_var])
    axes = graph.constant(np.array([1], np.int64))
    kl = graph.node("Mul", [graph.node("ReduceSum", [terms, axes], keepdims=1), half])
    by_heads = dict(zip((head.name for head in encoder.heads), (mean, graph.node("Mul", [excess, half])), strict=True))
    gradient = ""
    for layer, _, shape, after in walk[len(encoder.layers) :]:
        back = _backward(graph, encoder.name, layer, by_heads[layer.name], inner[layer.name], shape, after, weights)
        gradient = graph.node("Add", [gradient, back]) if gradient else back
    for layer, _, shape, after in reversed(walk[: len(encoder.layers)]):
        gradient = _backward(graph, encoder.name, layer, gradient, inner[layer.name], shape, after, weights)
    graph.node("Identity", [kl], output="kl")
    graph.node("Identity", [gradient], output="gradient")
    shapes: dict[str, Shape] = {"kl": (1,), "gradient": encoder.input_shape}
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *sides]) for name, sides in shapes.items()]
    source = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", *encoder.input_shape])
    made = helper.make_graph(graph.nodes, "kl_gradient", [source], outputs, graph.constants)
    opset = helper.make_opsetid("", OPSET)
    return helper.make_model(made, opset_imports=[opset], ir_version=IR_VERSION, producer_name="vae-explorer")


def _forward(graph: Graph, part: str, layer: Layer, source: str, shape: Shape, after: Shape, weights: Weights) -> str:
    """One layer without its activation, channels last before and after."""
    if layer.kind in ("flatten", "reshape"):
        return _reshaped(graph, source, after)
    if layer.kind == "dropout":
        return source
    kernel, bias = (weights[f"{part}/{layer.name}/{key}"] for key in ("kernel", "bias"))
    if layer.kind == "dense":
        return graph.node("Add", [graph.node("MatMul", [source, graph.constant(kernel)]), graph.constant(bias)])
    first = graph.node("Transpose", [source], perm=[0, 3, 1, 2])
    inputs = [first, graph.constant(np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))), graph.constant(bias)]
    result = graph.node("Conv", inputs, strides=[layer.strides] * 2, pads=_pads(layer, shape, after))
    return graph.node("Transpose", [result], perm=[0, 2, 3, 1])


def _backward(
    graph: Graph, part: str, layer: Layer, gradient: str, inner: str, shape: Shape, after: Shape, weights: Weights
) -> str:
    """The gradient by a layer's input, from the one by its output; inner: its output before the activation."""
    if layer.activation == "relu":
        positive = graph.node("Greater", [inner, graph.constant(np.float32(0))])
        gradient = graph.node("Mul", [gradient, graph.node("Cast", [positive], to=TensorProto.FLOAT)])
    elif layer.activation == "silu":
        # silu'(a) = s (1 + a (1 - s)), s = sigmoid(a)
        one, share = graph.constant(np.float32(1)), graph.node("Sigmoid", [inner])
        slope = graph.node("Add", [one, graph.node("Mul", [inner, graph.node("Sub", [one, share])])])
        gradient = graph.node("Mul", [gradient, graph.node("Mul", [share, slope])])
    if layer.kind in ("flatten", "reshape"):
        return _reshaped(graph, gradient, shape)
    if layer.kind == "dropout":
        return gradient
    kernel = weights[f"{part}/{layer.name}/kernel"]
    if layer.kind == "dense":
        return graph.node("MatMul", [gradient, graph.constant(np.ascontiguousarray(kernel.T))])
    pads = _pads(layer, shape, after)
    missing = [
        shape[axis] - ((after[axis] - 1) * layer.strides + layer.kernel - pads[axis] - pads[axis + 2])
        for axis in (0, 1)
    ]
    first = graph.node("Transpose", [gradient], perm=[0, 3, 1, 2])
    inputs = [first, graph.constant(np.ascontiguousarray(kernel.transpose(3, 2, 0, 1)))]
    back = graph.node("ConvTranspose", inputs, strides=[layer.strides] * 2, pads=pads, output_padding=missing)
    return graph.node("Transpose", [back], perm=[0, 2, 3, 1])


def _reshaped(graph: Graph, source: str, shape: Shape) -> str:
    return graph.node("Reshape", [source, graph.constant(np.array([-1, *shape], np.int64))])


def _pads(layer: Layer, shape: Shape, after: Shape) -> list[int]:
    (top, bottom), (left, right) = (same_padding(shape[axis], after[axis], layer) for axis in (0, 1))
    return [top, left, bottom, right]
