"""What the array can run: convolutions and linear layers, all seen as one 2-D convolution.

An `ArrayLayer` is a Conv or Linear node with the Requant that follows it, if any. A 1-D convolution is a 2-D one of
height 1; a linear layer is a 1x1 convolution over as many positions as its input has rows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod

import numpy as np

from ...ir import Graph, IntArray, IntType, Node
from ...ir.graph import Input
from ...ir.ops import Conv, Linear, Requant
from ...ir.ops.spatial import pad_spatial

Pair = tuple[int, int]


@dataclass(frozen=True)
class Window:
    """The sliding window of a layer in two dimensions (height, width); `pads` are top, left, bottom, right."""

    kernel: Pair
    stride: Pair = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: Pair = (1, 1)


@dataclass(frozen=True)
class ArrayLayer:
    """A layer for the array. `name` is its accumulator's node, `requant` the node of its output stage."""

    index: int
    name: str
    kind: str
    requant: str | None
    source: str
    """The tensor it reads."""
    in_shape: tuple[int, int, int]
    """(I, H, W), unpadded."""
    out_shape: tuple[int, int, int]
    """(O, H', W')."""
    window: Window
    groups: int
    act: IntType
    weight: IntType
    out: IntType | None
    """The requantized output's type."""
    macs: int
    """Multiply-accumulates for one sample."""

    @property
    def padded(self) -> Pair:
        """Height and width of the padded image."""
        (_, height, width), (top, left, bottom, right) = self.in_shape, self.window.pads
        return height + top + bottom, width + left + right

    @property
    def n_nij(self) -> int:
        """Number of padded positions: time steps per kernel position."""
        return prod(self.padded)

    @property
    def n_kij(self) -> int:
        """Number of kernel positions."""
        return prod(self.window.kernel)

    @property
    def n_out(self) -> int:
        """Number of output positions."""
        return prod(self.out_shape[1:])

    @property
    def folder(self) -> str:
        """Directory of the layer's files: plain characters whatever the node's name."""
        return f"layers/{self.index:02d}_{re.sub(r'[^A-Za-z0-9_]+', '_', self.name)[:40]}"

    def addresses(self) -> IntArray:
        """Psum-memory address for every output position (rows) and kernel position (columns): shape (n_out, n_kij).

        kij * n_nij + (oy * stride_y + ky * dilation_y) * padded_width + (ox * stride_x + kx * dilation_x), because
        partial sums are stored per *padded* position.
        """
        height, width = self.out_shape[1:]
        oy, ox, ky, kx = np.ogrid[:height, :width, :self.window.kernel[0], :self.window.kernel[1]]
        (sy, sx), (dy, dx) = self.window.stride, self.window.dilation
        position = (oy * sy + ky * dy) * self.padded[1] + ox * sx + kx * dx
        kij = ky * self.window.kernel[1] + kx
        addresses: IntArray = (kij * self.n_nij + position).reshape(self.n_out, self.n_kij).astype(np.int64)
        return addresses

    def padded_input(self, x: IntArray) -> IntArray:
        """The layer's input (N, *shape of its tensor) as (N, I, n_nij), padded with zeros."""
        image = np.moveaxis(x, -1, 1) if self.kind == Linear.kind else x
        image = image.reshape(len(x), *self.in_shape)
        return pad_spatial(image, self.window.pads, 0).reshape(len(x), self.in_shape[0], self.n_nij)

    def output_tensor(self, values: IntArray, shape: tuple[int, ...]) -> IntArray:
        """Values (N, O, n_out) in the layout of the layer's tensor (N, *shape)."""
        if self.kind == Linear.kind:
            return np.moveaxis(values, 1, -1).reshape(len(values), *shape)
        return values.reshape(len(values), *shape)

    def channel_major(self, tensor: IntArray) -> IntArray:
        """A tensor of the layer (N, *shape) as (N, O, n_out): the inverse of `output_tensor`."""
        channels = np.moveaxis(tensor, -1, 1) if self.kind == Linear.kind else tensor
        return channels.reshape(len(tensor), self.out_shape[0], self.n_out)


def array_layers(graph: Graph) -> tuple[ArrayLayer, ...]:
    """The layers of a graph that the array runs, in topological order."""
    nodes = [node for node in graph.nodes if isinstance(node.op, (Conv, Linear))]
    return tuple(_layer(graph, index, node) for index, node in enumerate(nodes))


def host_nodes(graph: Graph, layers: tuple[ArrayLayer, ...]) -> tuple[str, ...]:
    """Names of the nodes between the layers, which the oracle runs."""
    on_array = {name for layer in layers for name in (layer.name, layer.requant)}
    return tuple(node.name for node in graph.nodes if node.name not in on_array and not isinstance(node.op, Input))


def _layer(graph: Graph, index: int, node: Node) -> ArrayLayer:
    source, weight = (graph.types[name] for name in node.inputs[:2])
    op = node.op
    shapes = _conv_shapes(graph, node, op) if isinstance(op, Conv) else _linear_shapes(graph, node)
    macs = op.macs(*(graph.types[name] for name in node.inputs))
    requant = _requant(graph, node)
    out = None if requant is None else graph.types[requant].elem
    return ArrayLayer(index, node.name, op.kind, requant, node.inputs[0], *shapes, source.elem, weight.elem, out, macs)


Shapes = tuple[tuple[int, int, int], tuple[int, int, int], Window, int]


def _conv_shapes(graph: Graph, node: Node, op: Conv) -> Shapes:
    x, weight, out = (graph.types[name].shape for name in (*node.inputs[:2], node.name))
    rank = len(x) - 1
    pads = (*_pair(op.pads[:rank], 0), *_pair(op.pads[rank:], 0))
    window = Window(_pair(weight[2:], 1), _pair(op.stride, 1), pads, _pair(op.dilation, 1))
    return (x[0], *_pair(x[1:], 1)), (out[0], *_pair(out[1:], 1)), window, op.groups


def _linear_shapes(graph: Graph, node: Node) -> Shapes:
    x, out = graph.types[node.inputs[0]].shape, graph.types[node.name].shape
    return (x[-1], 1, prod(x[:-1])), (out[-1], 1, prod(out[:-1])), Window((1, 1)), 1


def _pair(values: tuple[int, ...], fill: int) -> Pair:
    """One or two values as (height, width)."""
    return (fill, values[0]) if len(values) == 1 else (values[0], values[1])


def _requant(graph: Graph, node: Node) -> str | None:
    """The Requant that reads the accumulator channel by channel, if there is one."""
    shape = graph.types[node.name].shape
    channel_axis = len(shape) - 1 if isinstance(node.op, Linear) else 0
    for user in graph.users[node.name]:
        op = user.op
        if isinstance(op, Requant) and (op.axis == channel_axis or graph.types[user.inputs[1]].shape == (1,)):
            return user.name
    return None


@dataclass(frozen=True, eq=False)
class LayerConstants:
    """A layer's constants, unrolled: `weights` (O, I, n_kij) with zeros between groups, and per output channel the
    accumulator's start value and the parameters of the output stage, each of shape (O,)."""

    weights: IntArray
    bias: IntArray
    multiplier: IntArray
    offset: IntArray
    shift: IntArray


def layer_constants(graph: Graph, layer: ArrayLayer) -> LayerConstants:
    """Read a layer's constants from its graph; a layer without Requant has multiplier 1."""
    node, channels = graph.node[layer.name], layer.out_shape[0]
    bias = graph.constant(node, 2)
    rescale = [None] * 3 if layer.requant is None else [graph.constant(graph.node[layer.requant], i) for i in (1, 2, 3)]
    multiplier, offset, shift = (_per_channel(values, channels, default)
                                 for values, default in zip(rescale, (1, 0, 0), strict=True))
    return LayerConstants(_dense_weights(graph, layer), _per_channel(bias, channels, 0), multiplier, offset, shift)


def _per_channel(values: IntArray | None, channels: int, default: int) -> IntArray:
    return np.array(np.broadcast_to(np.int64(default) if values is None else values, (channels,)), np.int64)


def _dense_weights(graph: Graph, layer: ArrayLayer) -> IntArray:
    """Weights (O, I, n_kij) of a layer: a grouped convolution is block diagonal."""
    grouped = graph.constants[graph.node[layer.name].inputs[1]].values
    outputs, inputs = layer.out_shape[0], layer.in_shape[0]
    per_output, per_input = outputs // layer.groups, inputs // layer.groups
    grouped = grouped.reshape(layer.groups, per_output, per_input, layer.n_kij)
    dense = np.zeros((layer.groups, per_output, layer.groups, per_input, layer.n_kij), np.int64)
    for group in range(layer.groups):
        dense[group, :, group] = grouped[group]
    return dense.reshape(outputs, inputs, layer.n_kij)
