"""What the array can run: everything that is a sum or a maximum over a sliding window, seen as one 2-D convolution.

An `ArrayLayer` is one node with the Requant that follows it, if any. A 1-D convolution is a 2-D one of height 1; a
linear layer is a 1x1 convolution over as many positions as its input has rows; additions, poolings and a Requant that
follows no sum are convolutions with an identity as weights.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod

import numpy as np

from ...ir import Graph, IntArray, IntType, Node, Op, Rounding
from ...ir.ops import Add, AvgPool, Conv, Linear, MaxPool, Requant, Sub
from ...ir.ops.spatial import pad_spatial

Pair = tuple[int, int]
Shape3 = tuple[int, int, int]


@dataclass(frozen=True)
class Window:
    """The sliding window of a layer in two dimensions (height, width); `pads` are top, left, bottom, right."""

    kernel: Pair
    stride: Pair = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: Pair = (1, 1)


POINT = Window((1, 1))

ROUNDINGS = (Rounding.HALF_UP, Rounding.HALF_EVEN, Rounding.HALF_AWAY, Rounding.FLOOR)
"""What the output stages can do; a rounding mode's code in the hardware is its position here. What rounds otherwise
runs on the host."""

UNIT = IntType(2, True)
"""The type of an identity's weights."""


@dataclass(frozen=True)
class ArrayLayer:
    """A layer for the array. `name` is the node that it is called after, `requant` the node whose tensor its output
    stage gives (None: the accumulators are the result)."""

    index: int
    name: str
    kind: str
    requant: str | None
    sources: tuple[str, ...]
    """The tensors it reads: two for a sum or a difference."""
    in_shape: Shape3
    """(I, H, W) of each source, unpadded."""
    out_shape: Shape3
    """(O, H', W')."""
    window: Window
    groups: int
    act: IntType
    weight: IntType
    out: IntType | None
    """The requantized output's type."""
    macs: int
    """Multiply-accumulates for one sample; none for what only moves or compares values."""
    sums: bool = True
    """Whether the accumulators are the tensor `name`."""

    @property
    def source(self) -> str:
        """The tensor it reads, or the first of two."""
        return self.sources[0]

    @property
    def takes_max(self) -> bool:
        """Whether it looks for the largest value of a window instead of adding them up."""
        return self.kind == MaxPool.kind

    @property
    def is_diagonal(self) -> bool:
        """Whether every output channel has the input channels of its own number only, with weight 1 (or -1)."""
        return self.kind not in (Conv.kind, Linear.kind)

    @property
    def padded(self) -> Pair:
        """Height and width of the padded image."""
        (_, height, width), (top, left, bottom, right) = self.in_shape, self.window.pads
        return height + top + bottom, width + left + right

    @property
    def n_nij(self) -> int:
        """Number of padded positions."""
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


def array_layers(graph: Graph, act_bits: int | None = None) -> tuple[ArrayLayer, ...]:
    """The layers of a graph that the array runs, in topological order.

    Convolutions and linear layers always are; what works on narrow values alone is, when the values are not wider than
    `act_bits` (default: the widest input of a convolution or linear layer).
    """
    widest = act_bits or max((graph.types[node.inputs[0]].elem.bits for node in graph.nodes
                              if isinstance(node.op, Conv | Linear)), default=0)
    layers: list[ArrayLayer] = []
    fused: set[str] = set()
    for node in graph.nodes:
        if node.name in fused or not _is_candidate(graph, node, widest):
            continue
        layer = _layer(graph, len(layers), node)
        fused.add(layer.requant or node.name)
        layers.append(layer)
    return tuple(layers)


def lane_bits(graph: Graph, sources: tuple[str, ...]) -> int:
    """Bits that hold the values of all sources in one representation: two's complement if any of them is signed."""
    elems = [graph.types[name].elem for name in sources]
    signed = any(elem.signed for elem in elems)
    return max(elem.bits + (signed and not elem.signed) for elem in elems)


def _is_candidate(graph: Graph, node: Node, widest: int) -> bool:
    """Whether the array runs the node."""
    if isinstance(node.op, Conv | Linear):
        return True
    rule = _NARROW.get(type(node.op))
    operands = tuple(name for name in node.inputs if name not in graph.constants)
    return rule is not None and _has_rounding(node.op) and rule(graph, node) and lane_bits(graph, operands) <= widest


def _has_rounding(op: Op) -> bool:
    """Whether the output stages can round as the op does."""
    return not isinstance(op, AvgPool | Requant) or op.rounding in ROUNDINGS


def _is_image(graph: Graph, node: Node) -> bool:
    return len(graph.types[node.name].shape) in (1, 2, 3)


def _adds_equal_shapes(graph: Graph, node: Node) -> bool:
    """No broadcasting, two different tensors, none of them a constant."""
    shapes = {graph.types[name].shape for name in node.inputs}
    return len(shapes) == 1 and len(set(node.inputs)) == 2 and not set(node.inputs) & set(graph.constants) \
        and _is_image(graph, node)


def _divides_by_a_power_of_two(graph: Graph, node: Node) -> bool:
    divisor = _divisor(graph, node)
    return divisor & (divisor - 1) == 0


def _is_per_channel(graph: Graph, node: Node) -> bool:
    """A Requant of an image's channels, or with the same constants for all of them."""
    op, shape = node.op, graph.types[node.name].shape
    return isinstance(op, Requant) and _is_image(graph, node) \
        and (op.axis == 0 or len(shape) == 1 or all(graph.types[name].shape == (1,) for name in node.inputs[1:]))


_NARROW: dict[type, Callable[[Graph, Node], bool]] = {
    Add: _adds_equal_shapes, Sub: _adds_equal_shapes, MaxPool: _is_image, AvgPool: _divides_by_a_power_of_two,
    Requant: _is_per_channel,
}
"""What the array runs besides convolutions and linear layers, and under which condition."""


def _divisor(graph: Graph, node: Node) -> int:
    return node.op.divides_by(graph.types[node.inputs[0]].shape[1:]) if isinstance(node.op, AvgPool) else 1


def _layer(graph: Graph, index: int, node: Node) -> ArrayLayer:
    sources = tuple(name for name in node.inputs if name not in graph.constants)
    bits = lane_bits(graph, sources)
    act = IntType(bits, any(graph.types[name].elem.signed for name in sources))
    is_weighted = isinstance(node.op, Conv | Linear)
    weight = graph.types[node.inputs[1]].elem if is_weighted else UNIT
    macs = node.op.macs(*(graph.types[name] for name in node.inputs)) if is_weighted else 0
    sums = not isinstance(node.op, Requant) and _divisor(graph, node) == 1
    requant = _requant(graph, node) if sums else node.name
    if requant is None and not is_weighted:
        requant = node.name
    out = None if requant is None else graph.types[requant].elem
    return ArrayLayer(index, node.name, node.op.kind, requant, sources, *_shapes(graph, node), act, weight, out, macs,
                      sums)


Shapes = tuple[Shape3, Shape3, Window, int]


def _shapes(graph: Graph, node: Node) -> Shapes:
    """Input and output shape, window, groups."""
    op, x, out = node.op, graph.types[node.inputs[0]].shape, graph.types[node.name].shape
    if isinstance(op, Linear):
        return (x[-1], 1, prod(x[:-1])), (out[-1], 1, prod(out[:-1])), POINT, 1
    if isinstance(op, Conv):
        kernel = graph.types[node.inputs[1]].shape[2:]
        return as_image(x), as_image(out), _window(kernel, op.stride, op.pads, op.dilation), op.groups
    if isinstance(op, MaxPool):
        return as_image(x), as_image(out), _window(op.kernel, op.stride, op.pads, op.dilation), 1
    if isinstance(op, AvgPool):
        window = op.window(x[1:])
        return as_image(x), as_image(out), _window(window.kernel, window.stride, window.pads, window.dilation), 1
    return as_image(x), as_image(out), POINT, 1


def as_image(shape: tuple[int, ...]) -> Shape3:
    """A shape (C), (C, W) or (C, H, W) as (C, H, W)."""
    channels, *size = shape
    return (channels, *_pair(tuple(size), 1)) if size else (channels, 1, 1)


def _window(kernel: tuple[int, ...], stride: tuple[int, ...], pads: tuple[int, ...],
            dilation: tuple[int, ...]) -> Window:
    rank = len(kernel)
    begins, ends = _pair(pads[:rank], 0), _pair(pads[rank:], 0)
    return Window(_pair(kernel, 1), _pair(stride[:rank], 1), (*begins, *ends), _pair(dilation[:rank], 1))


def _pair(values: tuple[int, ...], fill: int) -> Pair:
    """One or two values as (height, width)."""
    return (fill, values[0]) if len(values) == 1 else (values[0], values[1])


def _requant(graph: Graph, node: Node) -> str | None:
    """The Requant that reads the accumulator channel by channel, if there is one that the output stages can do."""
    shape = graph.types[node.name].shape
    channel_axis = len(shape) - 1 if isinstance(node.op, Linear) else 0
    for user in graph.users[node.name]:
        op = user.op
        per_channel = isinstance(op, Requant) and (op.axis == channel_axis or graph.types[user.inputs[1]].shape == (1,))
        if per_channel and _has_rounding(op):
            return user.name
    return None


@dataclass(frozen=True, eq=False)
class LayerConstants:
    """A layer's constants, unrolled: `weights` (O, I, n_kij) with zeros between groups (of all sources one after the
    other), and per output channel the accumulator's start value and the parameters of the output stage, each of shape
    (O,)."""

    weights: IntArray
    bias: IntArray
    multiplier: IntArray
    offset: IntArray
    shift: IntArray


def layer_constants(graph: Graph, layer: ArrayLayer) -> LayerConstants:
    """Read a layer's constants from its graph; a layer without Requant has multiplier 1."""
    node, channels = graph.node[layer.name], layer.out_shape[0]
    bias = None if layer.is_diagonal else graph.constant(node, 2)
    rescale = tuple(_per_channel(values, channels, default)
                    for values, default in zip(_rescale(graph, layer), (1, 0, 0), strict=True))
    weights = _identity(layer) if layer.is_diagonal else _dense_weights(graph, layer)
    return LayerConstants(weights, _per_channel(bias, channels, 0), *rescale)


def _rescale(graph: Graph, layer: ArrayLayer) -> Iterator[IntArray | None]:
    """Multiplier, offset and shift of the output stage."""
    node = graph.node[layer.requant] if layer.requant is not None else None
    if node is not None and isinstance(node.op, Requant):
        yield from (graph.constant(node, i) for i in (1, 2, 3))
    else:
        divisor = 1 if node is None else _divisor(graph, node)
        yield from (None, None, np.array(divisor.bit_length() - 1))


def _per_channel(values: IntArray | None, channels: int, default: int) -> IntArray:
    return np.array(np.broadcast_to(np.int64(default) if values is None else values, (channels,)), np.int64)


def _identity(layer: ArrayLayer) -> IntArray:
    """Weights of a sum, difference, pooling or plain Requant: 1 on the diagonal of every source and kernel position."""
    signs = (1, -1) if layer.kind == Sub.kind else (1, 1)
    blocks = [np.eye(layer.out_shape[0], dtype=np.int64) * sign for sign in signs[:len(layer.sources)]]
    return np.repeat(np.concatenate(blocks, axis=1)[:, :, np.newaxis], layer.n_kij, axis=2)


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
