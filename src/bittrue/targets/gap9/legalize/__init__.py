"""From a frozen graph to a network of kernels (legalization): sums, activations and requantizations become one layer,
functions of bytes one table; what only moves becomes a place in memory where it can."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ....errors import Diagnostic, Unsupported, declare
from ....ir import Graph, Node, Op
from ....ir.graph import Input
from ....ir.ops import (
    Abs,
    Add,
    AvgPool,
    Clip,
    Concat,
    Conv,
    Flatten,
    LeakyRelu,
    Linear,
    Lookup,
    MaxPool,
    Pad,
    Relu,
    Requant,
    Reshape,
    Slice,
    Transpose,
)
from ....passes import FuseActivation, RemoveDead
from ..network import Network
from . import elements, entry, moves, sums, window
from .order import ordered
from .place import place
from .walk import Walk

__all__ = ["legalize", "problems"]

declare({
    "BT5540": "the cluster has no kernel for an op",
    "BT5541": "weights are no signed bytes",
    "BT5542": "values are wider than a kernel reads or sums up",
    "BT5543": "a requantization or activation of sums is none that a kernel has",
    "BT5544": "a tensor would have to move in memory",
    "BT5545": "a function reads or makes more than bytes",
    "BT5546": "a concatenation is not along the channels",
    "BT5547": "an addition repeats an operand",
    "BT5548": "a slice or a padding is none that a kernel has",
    "BT5549": "averages are wider than bytes",
})

HANDLERS: dict[type[Op], Callable[[Walk, Node], None]] = {
    Input: entry.entry,
    Conv: sums.conv, Linear: sums.linear, Add: sums.add,
    MaxPool: window.max_pool, AvgPool: window.avg_pool,
    Requant: elements.element, Relu: elements.element, Clip: elements.element, Abs: elements.element,
    LeakyRelu: elements.element, Lookup: elements.element,
    Concat: moves.concat, Pad: moves.pad, Slice: moves.cut,
    Reshape: moves.reshape, Flatten: moves.reshape, Transpose: moves.transpose,
}


def legalize(graph: Graph) -> Network:
    """The kernels that compute a graph, and how their tensors lie in memory.

    Raises `Unsupported` (BT5530, BT5540..BT5549) with everything that no kernel can compute.
    """
    walk = _walked(graph)
    walk.found.raise_as(Unsupported)
    place(walk)
    inputs = tuple(node.name for node in walk.graph.inputs)
    aliases = {name: tensor for name, tensor in walk.values.items() if name != tensor}
    network = Network(graph.name, walk.tensors, tuple(walk.layers), inputs,
                      tuple(walk.values[name] for name in walk.graph.outputs), aliases)
    return replace(network, layers=ordered(network))


def problems(graph: Graph) -> tuple[Diagnostic, ...]:
    """Everything that keeps a graph from the cluster's kernels; nothing if they can compute it."""
    return tuple(_walked(graph).found)


def _walked(graph: Graph) -> Walk:
    """The walk over a graph whose activations are parts of its requantizations where that is exact."""
    original = RemoveDead().run(graph).graph
    fused = FuseActivation().run(original).graph
    walk = Walk(fused, original, wishes=entry.wishes_of(fused))
    walk.run(HANDLERS)
    return walk
