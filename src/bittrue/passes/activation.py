"""Fuses activations with the requantizations beside them, where the result is exactly the same.

A requantization is a monotone function of the accumulator (per channel) followed by a clamp, and ReLU and Clip are
clamps. For a monotone R and lo <= hi:

    clamp(clamp(v, lo, hi), a, b)  =  clamp(v, clamp(lo, a, b), clamp(hi, a, b))      the activation stands behind
    R(clamp(acc, a, b))            =  clamp(R(acc), R(a), R(b))                       it stands before

The second needs the same R(a) and R(b) in all channels, since the clamp of a Requant is one for all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..ir import Graph, IntArray, Node, Op
from ..ir.ops import Clip, LeakyRelu, Relu, Requant
from ..ir.ops.requant import REQUANT_LIMIT
from .base import Pass, PassResult, Property

ACTIVATIONS = (Relu, LeakyRelu, Clip)


@dataclass(frozen=True)
class Clamp:
    """What an activation does on the values that reach it: limits below and above, None for no limit."""

    lo: int | None
    hi: int | None

    def of(self, value: int) -> int:
        """The clamped value."""
        raised = value if self.lo is None else max(value, self.lo)
        return raised if self.hi is None else min(raised, self.hi)


def clamp_of(op: Op, smallest: int) -> Clamp | None:
    """An activation as a clamp, if it is one on values of at least `smallest`."""
    if isinstance(op, Clip):
        return Clamp(op.lo, op.hi)
    if isinstance(op, Relu) or (isinstance(op, LeakyRelu) and op.slope_multiplier == 0):
        return Clamp(0, None)
    if isinstance(op, LeakyRelu) and (smallest >= 0 or op.slope_multiplier == 1 << op.slope_shift):
        return Clamp(None, None)
    return None


@dataclass(frozen=True)
class FuseActivation(Pass):
    """Fuses Relu, LeakyRelu and Clip with the Requant before or behind them, where exactly equal and where nobody else
    reads the tensor between them. The fused Requant has the name of the later of the two, so every tensor that stays
    keeps its values.

    A LeakyRelu is fused where it is a clamp (slope 0 or 1, or no negative values); behind a Requant also where that one
    does not round (shift 0), for rounding twice is not rounding once.
    """

    def ensures(self) -> frozenset[Property]:
        return frozenset({NOTHING_TO_FUSE})

    def run(self, graph: Graph) -> PassResult:
        nodes = graph.node.copy()
        for name in graph.node:
            while fused := _fused(graph, nodes, nodes[name]):
                del nodes[nodes[name].inputs[0]]
                nodes[name] = fused
        modified = len(nodes) < len(graph.nodes)
        return PassResult(replace(graph, nodes=tuple(nodes.values())) if modified else graph, modified)


def _fused(graph: Graph, nodes: dict[str, Node], node: Node) -> Node | None:
    """The node that replaces `node` and the one it reads, if they can be one. Names, users and ranges of the original
    graph stay true for all nodes that are left."""
    before = nodes.get(node.inputs[0]) if node.inputs else None
    if before is None or before.name in graph.outputs or len(graph.users[before.name]) > 1:
        return None
    if isinstance(before.op, Requant):
        op = _behind(graph, before, before.op, node.op)
        inputs = before.inputs
    elif isinstance(node.op, Requant) and isinstance(before.op, ACTIVATIONS):
        op = _in_front(graph, before, node, node.op)
        inputs = (*before.inputs, *node.inputs[1:])
    else:
        return None
    return None if op is None else Node(node.name, op, inputs, node.scale or before.scale)


def _behind(graph: Graph, requant: Node, op: Requant, activation: Op) -> Requant | None:
    """`activation(Requant)` as one Requant."""
    smallest = int(graph.ranges[requant.name].lo.min())
    if clamp := clamp_of(activation, smallest):
        return replace(op, lo=clamp.of(op.lo), hi=clamp.of(op.hi))
    if isinstance(activation, LeakyRelu):
        return _leaky(graph, requant, op, activation)
    return None


def _leaky(graph: Graph, requant: Node, op: Requant, leaky: LeakyRelu) -> Requant | None:
    """LeakyRelu behind a Requant that does not round: its slope and rounding become the Requant's own."""
    multiplier, offset, shift = (graph.constants[name].values for name in requant.inputs[1:])
    lo, hi = (min(max(int(end), op.out.min), op.out.max) for end in leaky.run(np.array([op.lo, op.hi])))
    fused = replace(op, lo=lo, hi=hi, rounding=leaky.rounding, slope_multiplier=leaky.slope_multiplier,
                    slope_shift=leaky.slope_shift)
    exact = not shift.any() and (op.slope_multiplier, op.slope_shift) == (1, 0)
    fits = fused.magnitude(graph.ranges[requant.inputs[0]], multiplier, offset) < REQUANT_LIMIT
    return fused if exact and fits else None


def _in_front(graph: Graph, activation: Node, requant: Node, op: Requant) -> Requant | None:
    """`Requant(activation)` as one Requant."""
    reach = graph.ranges[activation.inputs[0]]
    clamp = clamp_of(activation.op, int(reach.lo.min()))
    multiplier, offset, shift = (graph.constants[name].values for name in requant.inputs[1:])
    if clamp is None or multiplier.min() < 0 or op.magnitude(reach, multiplier, offset) >= REQUANT_LIMIT:
        return None
    lo = op.lo if clamp.lo is None else _everywhere(op, clamp.lo, multiplier, offset, shift)
    hi = op.hi if clamp.hi is None else _everywhere(op, clamp.hi, multiplier, offset, shift)
    return None if lo is None or hi is None else replace(op, lo=lo, hi=hi)


def _everywhere(op: Requant, value: int, *parameters: IntArray) -> int | None:
    """What a requantization over channels makes of `value`, if it is the same in all of them."""
    acc = np.full((1, parameters[0].size), value, np.int64)
    results = set(replace(op, axis=0).run(acc, *parameters).ravel().tolist())
    return results.pop() if len(results) == 1 else None


NOTHING_TO_FUSE = Property("no activation that could be fused with a requantization",
                           lambda graph: not any(_fused(graph, graph.node, node) for node in graph))
