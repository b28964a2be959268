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
    """The ONNX graph of one part. Input "input"; outputs the heads by name (the decoder's: "logits", "image").

    every: give every layer's output instead, in the order of `part.walk()`.
    """
    graph = _Graph()
    tensors: dict[str, str] = {}  # layer name -> tensor, channels last; made when first asked for
    ends: dict[str, tuple[str, bool]] = {"input": ("input", False)}  # (tensor as computed, is it channels first)

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
        result = _layer(graph, layer, source, shape, after, kernel, bias)
        ends[layer.name] = (graph.activation(layer.activation, result), convolution)
    heads = [head.name for head in part.heads]
    shown = [name for name in ends if name != "input"] if every else heads
    graph.name_outputs({name: channels_last(name) for name in shown})
    if part.name == "decoder" and not every:
        graph.node("Sigmoid", ["logits"], output="image")
        shown = [*shown, "image"]
    return graph.model(part, shown)


def _layer(
    graph: _Graph,
    layer: Layer,
    source: str,
    shape: tuple[int, ...],
    after: tuple[int, ...],
    kernel: np.ndarray | None,
    bias: np.ndarray | None,
) -> str:
    if layer.kind in ("flatten", "reshape"):
        return graph.node("Reshape", [source, graph.constant(np.array([-1, *after], np.int64))])
    if layer.kind == "dropout":
        return source
    if layer.kind == "fourier":
        # z, then sin and cos of z * 2^i / 2 octave by octave: the order that Keras' layer and the browser use.
        pieces = [source]
        for octave in range(layer.size):
            scaled = graph.node("Mul", [source, graph.constant(np.float32(2.0**octave / 2))])
            pieces += [graph.node("Sin", [scaled]), graph.node("Cos", [scaled])]
        return graph.node("Concat", pieces, axis=-1)
    assert kernel is not None and bias is not None  # `check_weights` has seen to it
    if layer.kind == "dense":
        return graph.node("Gemm", [source, graph.constant(kernel), graph.constant(bias)])
    order = (3, 2, 0, 1)  # Keras' (k, k, in, out) and (k, k, out, in) -> ONNX' (out, in, k, k) and (in, out, k, k)
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
        )
    return graph.node("Conv", [source, weight, graph.constant(bias)], **attributes)


def same_padding(wide: int, narrow: int, layer: Layer) -> tuple[int, int]:
    """Keras' "same" padding written out: (before, after) pixels on the wide side, the smaller half first."""
    total = max((narrow - 1) * layer.strides + layer.kernel - wide, 0)
    return total // 2, total - total // 2


class _Graph:
    """Nodes and constants as they are added, each tensor named once."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def node(self, kind: str, inputs: list[str], output: str | None = None, **attributes: Any) -> str:
        name = output or f"t/{len(self.nodes)}"  # a layer name holds no slash
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def name_outputs(self, outputs: dict[str, str]) -> None:
        """Give tensors the names they go out by; one that has a name already (dropout changes nothing) is copied."""
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
        name = f"c/{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def activation(self, name: str, source: str) -> str:
        if name == "relu":
            return self.node("Relu", [source])
        if name == "silu":
            return self.node("Mul", [source, self.node("Sigmoid", [source])])
        return source

    def model(self, part: Part, outputs: list[str]) -> onnx.ModelProto:
        shapes = {layer.name: after for layer, _, _, after in part.walk()}
        shapes["image"] = shapes.get("logits", ())
        values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *shapes[name]]) for name in outputs]
        source = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", *part.input_shape])
        graph = helper.make_graph(self.nodes, part.name, [source], values, self.constants)
        opset = helper.make_opsetid("", OPSET)
        return helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION, producer_name="vae-explorer")
