"""The requantization behind sums: which nodes a kernel's output stage stands for, and its table."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ....ir import I32, Graph, IntArray, IntType, Node
from ....ir.ops import Clip, Flatten, LeakyRelu, Relu, Requant, Reshape
from ..kernels import NO_REQUANT, Kind, RequantTable, plan_requant
from .layout import Layout
from .ties import Numbers, half_up
from .walk import BYTES, Refused, Walk, storage

IDENTITY: Numbers = (np.array([1]), np.array([0]), np.array([0]))
UNCLAMPED = Requant(I32, I32.min, I32.max)


@dataclass(frozen=True)
class Stage:
    """What a kernel does with its sums; without `op` they are stored as they are."""

    last: str
    """The node whose value is stored."""
    acc: str
    """The node whose values are the sums."""
    op: Requant | None = None
    numbers: Numbers = IDENTITY

    def part(self, walk: Walk, layout: Layout, channels: slice = slice(None)) -> RequantTable:
        """The table for some channels. Raises `Refused` (BT5543), `Unsupported` (BT5530)."""
        if self.op is None:
            return NO_REQUANT
        shape, where = walk.graph.types[self.acc].shape, f"node {self.last} ({walk.graph.node[self.last].op.kind})"
        sums = walk.graph.ranges[self.acc]
        if not sums.within(I32):
            raise Refused("BT5542", f"its sums reach {int(sums.hi.max())}; kernels have {I32}",
                          "use smaller operands", self.acc)
        reach = [_of_channels(end, channels) for end in layout.reach(sums, shape)]
        multiplier, offset, shift = _alike(self.numbers)
        if multiplier.size > 1:
            index = layout.along(shape, self.op.axis)
            if index is None:
                raise Refused("BT5543", f"its parameters lie along axis {self.op.axis}, not along the channels",
                              "let scales differ along the channels only, or use one for all", self.last)
            multiplier, offset, shift = (a[index][channels] for a in (multiplier, offset, shift))
        return _fastest(self.op, (multiplier, offset, shift), (reach[0], reach[1]), where)


def _fastest(op: Requant, numbers: Numbers, reach: tuple[IntArray, IntArray], where: str) -> RequantTable:
    """The table of a requantization; ties to even are rounded up where nobody can tell."""
    simpler = half_up(op, numbers, reach)
    if simpler is not None:
        table = plan_requant(*simpler, reach, where)
        if table.kind is not Kind.GENERAL:
            return table
    return plan_requant(op, numbers, reach, where)


def _of_channels(values: IntArray, channels: slice) -> IntArray:
    return values[channels] if values.size > 1 else values


def _alike(numbers: Numbers) -> Numbers:
    """One value for all channels, if all have the same."""
    same = all(bool((a == a[:1]).all()) for a in numbers)
    return (numbers[0][:1], numbers[1][:1], numbers[2][:1]) if same else numbers


def numbers_of(graph: Graph, node: Node) -> Numbers:
    """The parameters of a Requant, short if all channels have the same."""
    multiplier, offset, shift = (graph.constants[name].values for name in node.inputs[1:])
    return _alike((multiplier, offset, shift))


def stage_behind(walk: Walk, acc: str) -> Stage:
    """The output stage of sums. Sums that fit bytes are stored as bytes."""
    found = absorbed(walk, acc, walk.only_user(acc))
    if found is not None:
        return found
    elem = storage(walk.graph, acc)
    if elem not in BYTES:
        return Stage(acc, acc)
    kind = IntType.parse(elem)
    return Stage(acc, acc, Requant(kind, kind.min, kind.max))


def absorbed(walk: Walk, acc: str, node: Node | None) -> Stage | None:
    """The stage that a chain of nodes from `node` on is: a Requant, or activations that leave bytes.

    A Flatten or Reshape in between changes nothing. None if the chain begins with anything else.
    """
    best, op, source = None, UNCLAMPED, acc
    while node is not None:
        if isinstance(node.op, Requant) and op == UNCLAMPED:
            return _requant_stage(walk, node, source, node.op)
        if isinstance(node.op, Relu | Clip | LeakyRelu):
            behind = _activated(op, node.op)
            if behind is None:
                return best
            op, best = behind, _bytes_stage(walk, node.name, acc, behind) or best
        elif isinstance(node.op, Flatten | Reshape):
            source = node.name
        else:
            return best
        node = walk.only_user(node.name)
    return best


def _requant_stage(walk: Walk, node: Node, acc: str, op: Requant) -> Stage:
    if storage(walk.graph, node.name) not in BYTES:
        raise Refused("BT5545", f"it makes {walk.graph.types[node.name]}; kernels requantize to bytes",
                      "requantize to 8 bits", node.name)
    return Stage(node.name, acc, op, numbers_of(walk.graph, node))


def _activated(op: Requant, activation: Relu | Clip | LeakyRelu) -> Requant | None:
    """A requantization that only clamps, with an activation behind it."""
    if isinstance(activation, LeakyRelu):
        return replace(op, rounding=activation.rounding, slope_multiplier=activation.slope_multiplier,
                       slope_shift=activation.slope_shift) if op == UNCLAMPED else None
    lo, hi = (activation.lo, activation.hi) if isinstance(activation, Clip) else (0, I32.max)
    return replace(op, lo=min(max(op.lo, lo), hi), hi=min(max(op.hi, lo), hi))


def _bytes_stage(walk: Walk, last: str, acc: str, op: Requant) -> Stage | None:
    elem = storage(walk.graph, last)
    if elem not in BYTES:
        return None
    kind = IntType.parse(elem)
    lo, hi = (min(max(end, kind.min), kind.max) for end in (op.lo, op.hi))
    return Stage(last, acc, replace(op, out=kind, lo=lo, hi=hi))
