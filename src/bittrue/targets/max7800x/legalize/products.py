"""Handlers of convolutions and linear layers, each with the requantization and activation behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import numpy as np

from ....ir import Graph, Node, Op
from ....ir.ops import Abs, Conv, ConvTranspose, Linear, Requant
from ..network import DATA_BITS, Activation, Layer, Operator, Pool, Weights
from ..transposed import transposed
from .fuse import fusible
from .kernel import dense, embedded
from .output import Refusal, Stage, stage
from .value import Value, dim_of
from .walk import Refused, Walk, reading

Wanted = TypeVar("Wanted", bound=Op)


def product(walk: Walk, node: Node) -> None:
    """A convolution or linear layer."""
    requant, absolute, last = _behind(walk, node)
    operands = [walk.graph.constants[name].values for name in node.inputs[1:]]
    weight, bias = operands[0], operands[1] if len(operands) > 1 else None
    if isinstance(node.op, ConvTranspose):
        weight = transposed(weight, node.op.groups)
    made = stage(weight, bias, requant, walk.graph, node.name)
    if isinstance(made, Refusal):
        raise Refused("BT5380", f"requantization {requant.name if requant else '(none)'}: {made.why}", made.fix)
    if absolute:
        made = replace(made, activation=Activation.ABS)
    GEOMETRY[type(node.op)](walk, node, made, last)
    walk.taken |= {node.name, *(n.name for n in (requant, absolute) if n)} - {last}


def _behind(walk: Walk, node: Node) -> tuple[Node | None, Node | None, str]:
    """The requantization behind a product, the magnitude behind that, and the name of the output stage's last node."""
    requant = only_user(walk, node.name, Requant)
    if requant is None:
        if node.name in walk.graph.outputs and not walk.graph.users[node.name]:
            return None, None, node.name
        raise Refused("BT5381", "its sums are not requantized, or read by several nodes",
                      "requantize sums to 8 bits; only the last layer's can leave as 32 bits")
    absolute = only_user(walk, requant.name, Abs)
    limit = only_user(walk, absolute.name, Requant) if absolute else None
    assert isinstance(requant.op, Requant)
    if limit is not None and limits(walk.graph, limit, 0, 127) and (requant.op.lo, requant.op.hi) == (-128, 127):
        return requant, absolute, limit.name
    return requant, None, requant.name


def only_user(walk: Walk, name: str, kind: type[Wanted]) -> Node | None:
    """The one node that reads a tensor, if it is of that kind and the tensor is no output."""
    users = walk.graph.users[name]
    return users[0] if len(users) == 1 and isinstance(users[0].op, kind) and name not in walk.graph.outputs else None


def limits(graph: Graph, node: Node, lo: int, hi: int) -> bool:
    """Whether a Requant only limits values to lo..hi."""
    op = node.op
    assert isinstance(op, Requant)
    multiplier, offset, shift = (graph.constants[n].values for n in node.inputs[1:])
    same = bool((multiplier == 1).all() and (offset == 0).all() and (shift == 0).all())
    return same and (op.lo, op.hi) == (lo, hi) and (op.slope_multiplier, op.slope_shift) == (1, 0)


def convolution(walk: Walk, source: Value, made: Stage, pad: int, groups: int, last: str) -> None:
    """A layer with 1x1 or 3x3 kernels (1-D data: of one element); its output is the tensor `last`."""
    if source.one_dimensional:
        layer = _layer(walk, source, replace(made, weight=made.weight[..., 0]), Operator.CONV1D, groups, last)
    else:
        layer = replace(_layer(walk, source, made, Operator.CONV2D, groups, last),
                        kernel=(made.weight.shape[2], made.weight.shape[3]), pad=(pad, pad))
    _finish(walk, layer, last)


def _conv(walk: Walk, node: Node, made: Stage, last: str) -> None:
    op, source = node.op, walk.data(node.inputs[0])
    assert isinstance(op, Conv)
    groups, made = _grouped(walk, op.groups, made, source)
    if len(op.stride) == 1:
        _conv1d(walk, op, source, made, groups, last)
        return
    kernel = embedded(made.weight, (op.pads[0], op.pads[1], op.pads[2], op.pads[3]))
    if kernel is None or op.dilation != (1, 1) or op.stride[0] != op.stride[1]:
        raise Refused("BT5382", f"it has kernel {made.weight.shape[2:]}, pads {op.pads}, stride {op.stride}, dilation "
                      f"{op.dilation}", "use kernels of 1x1, or of up to 3x3 with one pad of 0 to 2, one stride, no "
                      "dilation")
    made = replace(made, weight=kernel[0])
    if op.stride == (1, 1):
        convolution(walk, source, made, kernel[1], groups, last)
    else:
        _strided(walk, node, source, made, kernel[1], groups, last)


def _strided(walk: Walk, node: Node, source: Value, made: Stage, pad: int, groups: int, last: str) -> None:
    """A stride: 1x1 kernels skip while they read; 3x3 ones compute every pixel, and the next layer skips."""
    assert isinstance(node.op, Conv)
    skip = Pool(False, (1, 1), (node.op.stride[0], node.op.stride[1]))
    if made.weight.shape[2:] == (1, 1):
        size = (source.shape[0], *skip.output(dim_of(source.shape)))
        skipped = source.pooled(skip, size) or walk.stored(node.inputs[0]).pooled(skip, size)
        if skipped is not None:
            convolution(walk, skipped, made, 0, groups, last)
            return
    if made.wide:
        raise Refused("BT5382", f"it has the stride {node.op.stride} and 32-bit outputs, which no layer can skip",
                      "use stride 1 in the last layer")
    convolution(walk, source, made, pad, groups, last)
    every = replace(walk.values[last], shape=(walk.layers[-1].out_channels, *walk.layers[-1].out_dim))
    skipped = every.pooled(skip, walk.graph.types[last].shape)
    assert skipped is not None
    walk.values[last] = skipped


def _grouped(walk: Walk, groups: int, made: Stage, source: Value) -> tuple[int, Stage]:
    """Depthwise where the device has it; every other grouping is written out with zeros."""
    if groups == 1:
        return 1, made
    if groups == source.in_channels == made.weight.shape[0] and walk.device.depthwise:
        return groups, made
    return 1, replace(made, weight=dense(made.weight, groups))


def _conv1d(walk: Walk, op: Conv, source: Value, made: Stage, groups: int, last: str) -> None:
    if op.stride != (1,) or op.pads[0] != op.pads[1]:
        raise Refused("BT5382", f"it has the stride {op.stride} and pads {op.pads}",
                      "use stride 1 and the same pad on both sides")
    layer = _layer(walk, source, made, Operator.CONV1D, groups, last)
    _finish(walk, replace(layer, kernel=(made.weight.shape[2], 1), pad=(op.pads[0], 0), dilation=(op.dilation[0], 1)),
            last)


def _transpose(walk: Walk, node: Node, made: Stage, last: str) -> None:
    op, source = node.op, walk.data(node.inputs[0])
    assert isinstance(op, ConvTranspose)
    same = (op.stride, op.output_padding, op.dilation, made.weight.shape[2:]) == ((2, 2), (1, 1), (1, 1), (3, 3))
    if not same or len(set(op.pads)) != 1:
        raise Refused("BT5382", f"it has kernel {made.weight.shape[2:]}, stride {op.stride}, output padding "
                      f"{op.output_padding}, pads {op.pads}", "use 3x3 kernels, stride 2, output padding 1 and one pad")
    groups, made = _grouped(walk, op.groups, made, source)
    pad = op.pads[0]
    layer = _layer(walk, source, made, Operator.CONVTRANSPOSE2D, groups, last)
    _finish(walk, replace(layer, kernel=(3, 3), stride=(2, 2), pad=(pad, pad), output_pad=(1, 1)), last)


def _linear(walk: Walk, node: Node, made: Stage, last: str) -> None:
    source = walk.data(node.inputs[0])
    if len(walk.graph.types[node.inputs[0]].shape) != 1:
        raise Refused("BT5382", f"it reads {walk.graph.types[node.inputs[0]]}", "flatten images before linear layers")
    layer = _layer(walk, source, made, Operator.LINEAR, 1, last)
    _finish(walk, replace(layer, flatten=source.flat), last)


def _layer(walk: Walk, source: Value, made: Stage, operator: Operator, groups: int, name: str) -> Layer:
    """The layer that reads a value and convolves, without its geometry. What cannot be fused is made a layer before."""
    if not fusible(source, walk.device, operator, made.bias is not None):
        source = walk.copy(source)
    binary = made.bits == 2 and walk.device.binary_weights and bool((np.abs(made.weight) == 1).all())
    return replace(reading(source, name, operator), groups=groups, shift=made.shift, activation=made.activation,
                   weights=Weights(made.weight, 1 if binary else made.bits, binary, made.bias),
                   output_width=32 if made.wide else DATA_BITS)


def _finish(walk: Walk, layer: Layer, last: str) -> None:
    walk.values[last] = walk.append(layer, walk.graph.types[last].shape)


GEOMETRY: dict[type[Op], Callable[[Walk, Node, Stage, str], None]] = {
    Conv: _conv, ConvTranspose: _transpose, Linear: _linear,
}
