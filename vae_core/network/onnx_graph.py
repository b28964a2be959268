"""The encoder or the decoder as an ONNX graph, built from its layer list and its weights.

Images go in and come out channels last, as everywhere in this package; convolutions inside the graph are channels first.

>>> from vae_core.config import ModelConfig
>>> from vae_core.network import presets
>>> from vae_core.network.schema import random_weights
>>> network = presets.build(ModelConfig())
>>> model = onnx_model(network.decoder, random_weights(network))
>>> [output.name for output in model.graph.output]
['logits', 'image']
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from vae_core.network.layers import Layer, Part, Weights

OPSET, IR_VERSION = 17, 8  # old enough for any ONNX Runtime of the last years


def onnx_model(part: Part, weights: Weights, every: bool = False) -> onnx.ModelProto:
    """Build the ONNX graph of the encoder or the decoder.

    Args:
        part: The layers.
        weights: Arrays by full name; those of the other part are ignored.
        every: Output every layer, in the order of `part.walk()`, instead of the heads.

    Returns:
        A model with the input "input"; its outputs are "z_mean" and "z_log_var", or "logits" and "image".
    """
    graph = Graph()
    # layer name -> its tensor, channels last; made when it is first needed
    tensors: dict[str, str] = {}
    # layer name -> (its tensor as computed, whether that is channels first)
    ends: dict[str, tuple[str, bool]] = {"input": ("input", False)}

    def channels_last(name: str) -> str:
        if name not in tensors:
            tensor, first = ends[name]
            tensors[name] = graph.node("Transpose", [tensor], perm=[0, 2, 3, 1]) if first else tensor
        return tensors[name]

    for layer, before, shape, after in part.walk():
        source, channels_first = ends.get(before, ends["input"])
        convolution = layer.kind.startswith("conv")
        if convolution and not channels_first:
            source = graph.node("Transpose", [source], perm=[0, 3, 1, 2])
        elif channels_first and not convolution:
            source = channels_last(before)
        kernel, bias = (weights.get(f"{part.name}/{layer.name}/{key}") for key in ("kernel", "bias"))
        result = add_layer(graph, layer, source, shape, after, kernel, bias)
        ends[layer.name] = (graph.activation(layer.activation, result), convolution)
    heads = [head.name for head in part.heads]
    outputs = [name for name in ends if name != "input"] if every else heads
    graph.name_outputs({name: channels_last(name) for name in outputs})
    if part.name == "decoder" and not every:
        graph.node("Sigmoid", ["logits"], output="image")
        outputs = [*outputs, "image"]
    return graph.model(part, outputs)


def add_layer(
    graph: Graph,
    layer: Layer,
    source: str,
    shape: tuple[int, ...],
    after: tuple[int, ...],
    kernel: np.ndarray | None,
    bias: np.ndarray | None,
) -> str:
    """Add one layer without its activation; returns its output tensor. Images are channels first for convolutions alone."""
    if layer.kind in ("flatten", "reshape"):
        return graph.node("Reshape", [source, graph.constant(np.array([-1, *after], np.int64))])  # (n, *after)
    if layer.kind == "dropout":
        return source
    if layer.kind == "fourier":
        # z, then sin and cos of z * 2^i / 2 octave by octave: the order that Keras' layer and the browser use.
        pieces = [source]
        for octave in range(layer.size):
            scaled = graph.node("Mul", [source, graph.constant(np.float32(2.0**octave / 2))])
            pieces += [graph.node("Sin", [scaled]), graph.node("Cos", [scaled])]
        return graph.node("Concat", pieces, axis=-1)  # (n, latent_dim * (1 + 2 * octaves))
    # `check_weights` has seen to it
    assert kernel is not None and bias is not None
    if layer.kind == "dense":
        return graph.node("Gemm", [source, graph.constant(kernel), graph.constant(bias)])  # (n, units)
    # Keras' (k, k, in, out) and (k, k, out, in) -> ONNX' (out, in, k, k) and (in, out, k, k)
    order = (3, 2, 0, 1)
    weight = graph.constant(np.ascontiguousarray(kernel.transpose(order)))
    wide, narrow = (shape, after) if layer.kind == "conv2d" else (after, shape)
    pads = [same_padding(wide[axis], narrow[axis], layer) for axis in (0, 1)]
    attributes: dict[str, Any] = {
        "strides": [layer.strides] * 2,
        "pads": [pads[0][0], pads[1][0], pads[0][1], pads[1][1]],
    }
    if layer.kind == "conv2d_transpose":
        return graph.node(
            "ConvTranspose",
            [source, weight, graph.constant(bias)],
            output_padding=[max(0, layer.strides - layer.kernel)] * 2,
            **attributes,
        )  # (n, filters, h * strides, w * strides)
    # (n, filters, ceil(h / strides), ceil(w / strides))
    return graph.node("Conv", [source, weight, graph.constant(bias)], **attributes)


def same_padding(wide: int, narrow: int, layer: Layer) -> tuple[int, int]:
    """Compute Keras' "same" padding along one axis.

    Args:
        wide: Pixels of the larger image: a convolution's input, a transposed one's output.
        narrow: Pixels of the smaller image.
        layer: The convolution.

    Returns:
        Pixels before and after the larger image, the smaller half first.
    """
    total = max((narrow - 1) * layer.strides + layer.kernel - wide, 0)
    return total // 2, total - total // 2


class Graph:
    """An ONNX graph under construction: nodes and constants, each tensor named once."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def node(self, kind: str, inputs: list[str], output: str | None = None, **attributes: Any) -> str:
        """Add a node; returns the name of its output."""
        # a layer name holds no slash
        name = output or f"t/{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def name_outputs(self, outputs: dict[str, str]) -> None:
        """Rename tensors to the outputs' names; one that has a name already (dropout changes nothing) is copied."""
        names: dict[str, str] = {}
        for name, tensor in outputs.items():
            if tensor == "input" or tensor in names:
                self.node("Identity", [tensor], output=name)
            else:
                names[tensor] = name
        for node in self.nodes:
            for tensors in (node.input, node.output):
                tensors[:] = [names.get(tensor, tensor) for tensor in tensors]

    def constant(self, value: np.ndarray | np.generic) -> str:
        """Add a constant; returns its name."""
        name = f"c/{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def activation(self, name: str, source: str) -> str:
        """Add an activation; returns the name of its output."""
        if name == "relu":
            return self.node("Relu", [source])
        if name == "silu":
            return self.node("Mul", [source, self.node("Sigmoid", [source])])
        return source

    def model(self, part: Part, outputs: list[str]) -> onnx.ModelProto:
        """Make the model of the nodes so far."""
        shapes = {layer.name: after for layer, _, _, after in part.walk()}
        shapes["image"] = shapes.get("logits", ())
        values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *shapes[name]]) for name in outputs]
        source = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", *part.input_shape])
        graph = helper.make_graph(self.nodes, part.name, [source], values, self.constants)
        opset = helper.make_opsetid("", OPSET)
        return helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION, producer_name="vae-explorer")
