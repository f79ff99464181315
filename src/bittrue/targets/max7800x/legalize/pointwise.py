"""Handlers of what changes single values outside of a convolution: by an identity convolution, if it does anything."""

from __future__ import annotations

from dataclasses import replace

from ....ir import Node
from ....ir.ops import Clip, Requant, Slice
from ..network import INPUT, Activation
from .kernel import identity
from .output import Refusal, Stage, stage
from .products import convolution, limits, only_user
from .value import Value
from .walk import Refused, Walk


def requant(walk: Walk, node: Node) -> None:
    """The saturation of an element-wise sum, or a shift of data."""
    source = walk.values[node.inputs[0]]
    if not source.saturated and limits(walk.graph, node, -128, 127):
        walk.values[node.name] = replace(source, saturated=True)
        return
    if not source.saturated and not walk.graph.ranges[node.inputs[0]].within(walk.graph.types[node.name].elem):
        raise Refused("BT5376", "it shifts or limits an element-wise sum that has not been saturated to 8 bits",
                      "saturate sums to -128..127 first (Requant with multiplier 1, offset 0, shift 0)")
    data = _image(walk, node)
    made = stage(identity(data.in_channels), None, node, walk.graph, node.inputs[0])
    if isinstance(made, Refusal):
        raise Refused("BT5380", made.why, made.fix)
    convolution(walk, data, made, 0, 1, node.name)


def relu(walk: Walk, node: Node) -> None:
    """Nothing on values that are not negative."""
    if int(walk.graph.ranges[node.inputs[0]].lo.min()) >= 0:
        walk.values[node.name] = walk.data(node.inputs[0])
    else:
        _activated(walk, node, Activation.RELU, node.name)


def clip(walk: Walk, node: Node) -> None:
    """Nothing where no value is clipped, else a ReLU."""
    op, reach = node.op, walk.graph.ranges[node.inputs[0]]
    assert isinstance(op, Clip)
    if int(reach.hi.max()) > op.hi or (int(reach.lo.min()) < op.lo != 0):
        raise Refused("BT5383", f"it clips to {op.lo}..{op.hi}; the accelerator limits to -128..127 or 0..127",
                      "use ReLU, or 8-bit activations")
    relu(walk, node) if op.lo == 0 else walk.values.update({node.name: walk.data(node.inputs[0])})


def magnitude(walk: Walk, node: Node) -> None:
    """Abs, limited to 127."""
    limit = only_user(walk, node.name, Requant)
    if limit is None or not limits(walk.graph, limit, 0, 127):
        raise Refused("BT5383", "its result is not limited to 127", "limit it: Requant with the clamp 0..127")
    _activated(walk, node, Activation.ABS, limit.name)
    walk.taken.add(node.name)


def channels(walk: Walk, node: Node) -> None:
    """Some channels of a tensor."""
    op, shape = node.op, walk.graph.types[node.inputs[0]].shape
    assert isinstance(op, Slice)
    if tuple(zip(op.starts[1:], op.ends[1:], strict=True)) != tuple((0, n) for n in shape[1:]):
        raise Refused("BT5379", f"it cuts out {op.starts}..{op.ends} of {shape}; rows and columns cannot be left out",
                      "slice channels only")
    source = walk.values[node.inputs[0]]
    if source.stored and not source.flat and source.sources == (INPUT,):
        walk.values[node.name] = replace(source, shape=walk.graph.types[node.name].shape, cut=op.starts[0],
                                         in_channels=op.ends[0] - op.starts[0])
        return
    weight = identity(shape[0])[op.starts[0]:op.ends[0]]
    convolution(walk, _image(walk, node), Stage(weight, None, 2, 7, Activation.NONE), 0, 1, node.name)


def _activated(walk: Walk, node: Node, activation: Activation, last: str) -> None:
    data = _image(walk, node)
    convolution(walk, data, Stage(identity(data.in_channels), None, 2, 7, activation), 0, 1, last)


def _image(walk: Walk, node: Node) -> Value:
    """The operand as data, not flattened."""
    data = walk.data(node.inputs[0])
    if data.flat:
        raise Refused("BT5383", "it reads a flattened vector", "move it before the flattening")
    return data
