"""A whole network through the C kernels on the machine that runs the tests: untiled, layer by layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from strategies import batch

from bittrue.engine.oracle import Oracle
from bittrue.ir import Graph, IntArray
from bittrue.targets.gap9.kernels import (
    ELEMENT_TYPES,
    pack_bias,
    pack_conv,
    pack_depthwise,
    pack_linear,
)
from bittrue.targets.gap9.legalize import legalize
from bittrue.targets.gap9.network import DTYPES, Layer, Network, Tensor
from gap9.kernel_builds import Call, typed

CORES = 3
Memory = dict[str, IntArray]
"""Tensors that are no slices: (pixels, channels); -99 where nothing was written yet."""


@dataclass
class Run:
    """The network's memory while one sample passes."""

    network: Network
    memory: Memory

    def read(self, name: str) -> IntArray:
        """A tensor as (height, width, channels)."""
        tensor = self.network.tensors[name]
        root, first = self.network.root(name)
        found = self.memory[root.name][:, first:first + tensor.channels]
        return found.reshape(tensor.height, tensor.width, tensor.channels)

    def write(self, name: str, values: IntArray) -> None:
        """Fill a tensor."""
        tensor = self.network.tensors[name]
        root, first = self.network.root(name)
        self.memory[root.name][:, first:first + tensor.channels] = values.reshape(-1, tensor.channels)

    def layer(self, layer: Layer) -> None:
        """Run a layer with its kernel."""
        out = self.network.tensors[layer.output]
        inputs = [self.network.tensors[name] for name in layer.inputs]
        call = Call(layer.kernel)
        places = [call.address(self.read(t.name), DTYPES[t.elem]) for t in inputs]
        if layer.kernel == "linear" and layer.weights is not None and inputs[0].channels != layer.weights.shape[1]:
            assert self.network.root(inputs[0].name)[0].channels == inputs[0].channels, "no rows of pixels in a slice"
        values = FIELDS[layer.kernel](layer, inputs, out) | _parameters(call, layer)
        names = ("a", "b") if layer.kernel == "add" else ("input",)
        raw = call.run(out.bytes, CORES, **values, **dict(zip(names, places, strict=True)))
        assert out.elem == "i32" or layer.requant.element_bytes == 1 or layer.kernel in NOT_REQUANTIZED
        self.write(layer.output, typed(raw, DTYPES[out.elem], (out.height, out.width, out.channels)))


NOT_REQUANTIZED = ("max_pool", "pad", "lookup")


def _parameters(call: Call, layer: Layer) -> dict[str, object]:
    values: dict[str, object] = {}
    if layer.kernel not in ("pad", "lookup"):
        values["requant"] = call.requant(layer.requant)
    if layer.weights is not None:
        assert layer.bias is not None
        assert len(layer.bias) == len(layer.weights)
        values["bias"] = call.address(pack_bias(layer.bias), np.int32)
        values["weights"] = call.address(_packed(layer))
    if layer.table is not None:
        values["table"] = call.address(layer.table)
    return values


def _packed(layer: Layer) -> bytes:
    assert layer.weights is not None
    if layer.kernel == "depthwise":
        assert layer.weight_bits == 8
        return pack_depthwise(layer.weights)
    pack = pack_linear if layer.kernel == "linear" else pack_conv
    return pack(layer.weights, layer.weight_bits) + bytes(64)  # rows are readable up to whole words


def _window(layer: Layer, inputs: list[Tensor], out: Tensor) -> dict[str, object]:
    x, window = inputs[0], layer.window
    for size, got, k, s, pads, d in zip((x.height, x.width), (out.height, out.width), window.kernel, window.stride,
                                        (window.pads[::2], window.pads[1::2]), window.dilation, strict=True):
        assert (size + sum(pads) - (k - 1) * d - 1) // s + 1 == got
    return {"in_h": x.height, "in_w": x.width, "in_pitch": x.channels, "out_h": out.height, "out_w": out.width,
            "out_pitch": out.channels, "kernel_h": window.kernel[0], "kernel_w": window.kernel[1],
            "stride_h": window.stride[0], "stride_w": window.stride[1], "pad_top": window.pads[0],
            "pad_left": window.pads[1], "dilation_h": window.dilation[0], "dilation_w": window.dilation[1],
            "is_signed": int(x.elem == "i8")}


def _channelwise(layer: Layer, inputs: list[Tensor], out: Tensor) -> dict[str, object]:
    assert inputs[0].channels == out.channels
    return {**_window(layer, inputs, out), "channels": out.channels}


def _conv(layer: Layer, inputs: list[Tensor], out: Tensor) -> dict[str, object]:
    assert layer.weights is not None
    assert layer.weights.shape == (out.channels, inputs[0].channels, *layer.window.kernel)
    return {**_window(layer, inputs, out), "in_c": inputs[0].channels, "out_c": out.channels,
            "weight_bits": layer.weight_bits, "columns": 0}


def _pointwise(layer: Layer, inputs: list[Tensor], out: Tensor) -> dict[str, object]:
    assert not any(layer.window.pads)
    assert inputs[0].channels % (32 // layer.weight_bits) == 0
    unused = ("in_h", "kernel_h", "kernel_w", "pad_top", "pad_left", "dilation_h", "dilation_w",
              "columns")
    return {k: v for k, v in _conv(layer, inputs, out).items() if k not in unused}


def _linear(layer: Layer, inputs: list[Tensor], out: Tensor) -> dict[str, object]:
    assert layer.weights is not None
    outputs, columns = layer.weights.shape
    rows = out.height * out.width
    assert (outputs, rows * columns) == (out.channels, inputs[0].bytes)
    return {"rows": rows, "in_c": columns, "in_pitch": columns, "out_c": outputs, "out_pitch": outputs,
            "is_signed": int(inputs[0].elem == "i8"), "weight_bits": layer.weight_bits}


def _add(layer: Layer, inputs: list[Tensor], out: Tensor) -> dict[str, object]:
    a, b = inputs
    assert (a.height, a.width, a.channels) == (b.height, b.width, b.channels) == (out.height, out.width, out.channels)
    return {"pixels": out.height * out.width, "channels": out.channels, "a_pitch": a.channels, "b_pitch": b.channels,
            "out_pitch": out.channels, "a_type": ELEMENT_TYPES[a.elem], "b_type": ELEMENT_TYPES[b.elem]}


def _requantize(layer: Layer, inputs: list[Tensor], out: Tensor) -> dict[str, object]:
    x = inputs[0]
    assert (x.height, x.width, x.channels) == (out.height, out.width, out.channels)
    return {"pixels": out.height * out.width, "channels": out.channels, "in_pitch": x.channels,
            "out_pitch": out.channels, "in_type": ELEMENT_TYPES[x.elem]}


def _pad(layer: Layer, inputs: list[Tensor], out: Tensor) -> dict[str, object]:
    x, (top, left, front, bottom, right, back) = inputs[0], layer.padding
    assert (x.height + top + bottom, x.width + left + right, x.channels + front + back) == \
        (out.height, out.width, out.channels)
    return {"in_h": x.height, "in_w": x.width, "in_c": x.channels, "in_pitch": x.channels, "pad_top": top,
            "pad_bottom": bottom, "pad_left": left, "pad_right": right, "pad_front": front, "pad_back": back,
            "value": layer.value}


def _lookup(layer: Layer, inputs: list[Tensor], out: Tensor) -> dict[str, object]:
    assert inputs[0].bytes == out.bytes
    return {"count": out.bytes}


FIELDS: Mapping[str, Callable[[Layer, list[Tensor], Tensor], dict[str, object]]] = {
    "conv": _conv, "pointwise": _pointwise, "depthwise": _channelwise, "linear": _linear, "max_pool": _channelwise,
    "avg_pool": _channelwise, "add": _add, "requantize": _requantize, "pad": _pad, "lookup": _lookup,
}


def run_network(network: Network, inputs: Mapping[str, IntArray]) -> list[Run]:
    """The memory after every sample of `inputs` (N, *shape in the graph)."""
    runs = []
    for sample in range(len(next(iter(inputs.values())))):
        roots = [t for t in network.tensors.values() if t.within is None]
        run = Run(network, {t.name: np.full((t.height * t.width, t.channels), -99, np.int64) for t in roots})
        for name in network.inputs:
            run.write(name, network.tensors[name].to_memory(inputs[name][sample:sample + 1]))
        for layer in network.layers:
            run.layer(layer)
        runs.append(run)
    return runs


def differences(graph: Graph, network: Network, inputs: Mapping[str, IntArray]) -> dict[str, int]:
    """How many elements of every node that has a tensor differ from the oracle, by node; all of them are compared."""
    trace, runs = Oracle(graph).run(inputs), run_network(network, inputs)
    found = {}
    for node in graph.nodes:
        name = network.aliases.get(node.name, node.name)
        if name in network.tensors:
            memory = np.stack([run.read(name) for run in runs])
            values = network.tensors[name].to_graph(memory, graph.types[node.name].shape)
            found[node.name] = int(np.count_nonzero(values != trace[node.name]))
    return found


def legal(graph: Graph, samples: int = 3) -> Network:
    """The network, after every tensor of it was compared with the graph's."""
    network = legalize(graph)
    check(graph, network)
    found = differences(graph, network, batch(graph, 5, samples))
    assert found == dict.fromkeys(found, 0)
    inside = {name for layer in network.layers for name in layer.nodes}
    assert inside | set(found) >= {node.name for node in graph.nodes}, "a node is nowhere"
    return network


def check(graph: Graph, network: Network) -> None:
    """What is true of every network."""
    names = [layer.name for layer in network.layers]
    assert len(set(names)) == len(names)
    assert names == [layer.output for layer in network.layers]
    assert all(name == tensor.name for name, tensor in network.tensors.items())
    assert network.inputs == tuple(node.name for node in graph.inputs)
    assert network.outputs == tuple(network.aliases.get(name, name) for name in graph.outputs)
    assert {*network.inputs, *network.outputs, *network.aliases.values()} <= network.tensors.keys()
    assert not network.aliases.keys() & network.tensors.keys()
    written = Counter((root.name, channel) for layer in network.layers for root, first in [network.root(layer.output)]
                      for channel in range(first, first + network.tensors[layer.output].channels))
    assert set(written.values()) <= {1}, "two layers write one place"
    for tensor in network.tensors.values():
        root, first = network.root(tensor.name)
        assert tensor.height * tensor.width == root.height * root.width
        assert first + tensor.channels <= root.channels
        assert tensor.name in graph.node or tensor.within is not None, "what is no node is a slice of one"


def kernels(network: Network) -> list[str]:
    """The kernels of the layers, in their order."""
    return [layer.kernel for layer in network.layers]


def layer(network: Network, name: str) -> Layer:
    """A layer by its name."""
    return next(found for found in network.layers if found.name == name)
