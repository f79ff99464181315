"""Moves biases into the requantizations that follow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ir import Constant, Graph, IntArray, IntType, Node
from ..ir.ops import Conv, ConvTranspose, Linear, Requant
from ..ir.ops.requant import REQUANT_LIMIT
from ..ir.types import Range
from .base import Pass, PassResult, Property

BIAS = 2
"""Position of the bias among the operands of a weighted layer."""


@dataclass(frozen=True)
class Fold:
    """A bias that can move: from this layer to this requantization, whose parameters (C,) become these."""

    layer: Node
    requant: Node
    multiplier: IntArray
    offset: IntArray
    shift: IntArray


def folds(graph: Graph) -> Iterator[Fold]:
    """All biases that can move: the requantization is the only reader, works on the layer's channel axis, and stays
    within 64-bit arithmetic; the accumulator holds the sums without bias."""
    for layer in graph.nodes:
        users = graph.users[layer.name]
        if _has_bias(layer) and len(users) == 1 and isinstance(users[0].op, Requant) and layer.name not in \
                graph.outputs and (fold := _fold(graph, layer, users[0], users[0].op)):
            yield fold


def _has_bias(layer: Node) -> bool:
    return isinstance(layer.op, Conv | ConvTranspose | Linear) and len(layer.inputs) > BIAS


def _fold(graph: Graph, layer: Node, requant: Node, op: Requant) -> Fold | None:
    if op.axis != (len(graph.types[layer.name].shape) - 1 if isinstance(layer.op, Linear) else 0):
        return None
    bias = graph.constants[layer.inputs[BIAS]].values
    multiplier, offset, shift = (np.broadcast_to(graph.constants[name].values, bias.shape)
                                 for name in requant.inputs[1:])
    moved: NDArray[Any] = offset.astype(object) + bias.astype(object) * multiplier.astype(object)
    if max(map(abs, moved)) >= REQUANT_LIMIT:
        return None
    sums = _without_bias(graph, layer)
    fold = Fold(layer, requant, multiplier, moved.astype(np.int64), shift)
    fits = sums.within(graph.types[layer.name].elem) and op.magnitude(sums, multiplier, fold.offset) < REQUANT_LIMIT
    return fold if fits else None


def _without_bias(graph: Graph, layer: Node) -> Range:
    x, weight = layer.inputs[:BIAS]
    reach = graph.ranges[x].broadcast(graph.types[x].shape)
    return layer.op.bounds(reach, graph.ranges[weight])


NOTHING_TO_FOLD = Property("no bias that could move into a requantization", lambda graph: not any(folds(graph)))


@dataclass(frozen=True)
class FoldBias(Pass):
    """Moves the bias of a convolution or fully connected layer into the offset of the Requant that alone reads it:

        (acc + bias) * multiplier + offset = acc * multiplier + (offset + bias * multiplier).

    The layer keeps its name, but its accumulator is now without bias. The old constants stay for RemoveDead.
    """

    def ensures(self) -> frozenset[Property]:
        return frozenset({NOTHING_TO_FOLD})

    def run(self, graph: Graph) -> PassResult:
        nodes, constants = graph.node.copy(), dict(graph.constants)
        found = list(folds(graph))
        for fold in found:
            names = [_enter(constants, nodes, f"{fold.requant.name}.{part}", values) for part, values in
                     (("multiplier", fold.multiplier), ("offset", fold.offset), ("shift", fold.shift))]
            nodes[fold.layer.name] = replace(fold.layer, inputs=fold.layer.inputs[:BIAS])
            nodes[fold.requant.name] = replace(fold.requant, inputs=(fold.layer.name, *names))
        changed = replace(graph, nodes=tuple(nodes.values()), constants=constants) if found else graph
        return PassResult(changed, bool(found))


def _enter(constants: dict[str, Constant], nodes: dict[str, Node], name: str, values: IntArray) -> str:
    """Add a constant under a free name, which is returned."""
    elem = IntType.smallest(int(values.min()), int(values.max()))
    free = name
    while free in constants or free in nodes:
        free += "_"
    frozen = values.copy()
    frozen.flags.writeable = False
    constants[free] = Constant(frozen, elem)
    return free
