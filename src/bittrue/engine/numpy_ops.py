"""Nodes in NumPy: by their op's definition, sums of products through BLAS where float64 is proven exact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ir import Graph, Input, IntArray, Node
from ..ir.ops import Conv, Linear
from ..ir.ops.spatial import pad_spatial

EXACT_FLOAT = 1 << 53
"""Integers below this magnitude, and sums of them that stay below it, are exact in float64."""


@dataclass(frozen=True)
class NumpyPlan:
    """Computes the tensors `wanted` of a graph without kernels."""

    graph: Graph
    wanted: tuple[str, ...]

    def run(self, inputs: Mapping[str, NDArray[Any]], batch: int) -> dict[str, IntArray]:
        """The wanted tensors for a batch of checked inputs: int64 (batch, *shape)."""
        arrays: dict[str, IntArray] = {name: array.astype(np.int64, copy=False) for name, array in inputs.items()}
        for node in self.graph.nodes:
            if not isinstance(node.op, Input):
                arrays[node.name] = run_node(self.graph, node, arrays)
        return {name: arrays[name] for name in self.wanted}


def run_node(graph: Graph, node: Node, arrays: Mapping[str, IntArray]) -> IntArray:
    """A node's output, int64, from its operands by name."""
    operands = [graph.constants[name].values if name in graph.constants else arrays[name].astype(np.int64, copy=False)
                for name in node.inputs]
    if isinstance(node.op, Conv | Linear) and product_bound(graph, node) < EXACT_FLOAT:
        return _conv(node.op, *operands) if isinstance(node.op, Conv) else _linear(*operands)
    return node.op.run(*operands)


def product_bound(graph: Graph, node: Node) -> int:
    """No partial sum of the node's products, in any order, exceeds this magnitude: max|x| * max over o of sum|w[o]|."""
    weight, reach = graph.constants[node.inputs[1]].values, graph.ranges[node.inputs[0]]
    largest = max(abs(int(reach.lo.min())), abs(int(reach.hi.max())))
    return largest * int(np.abs(weight).sum(axis=tuple(range(1, weight.ndim))).max())


def _linear(x: IntArray, weight: IntArray, *bias: IntArray) -> IntArray:
    acc: IntArray = (x.astype(np.float64) @ weight.T.astype(np.float64)).astype(np.int64)
    return acc + bias[0] if bias else acc


def _conv(op: Conv, x: IntArray, weight: IntArray, *bias: IntArray) -> IntArray:
    kernel, groups = weight.shape[2:], op.groups
    columns = op.window(kernel).columns(pad_spatial(x, op.pads, 0))  # (N, I, *S', *K)
    rank, spatial = len(kernel), columns.shape[2:2 + len(kernel)]
    grouped = columns.reshape(len(x), groups, x.shape[1] // groups, *columns.shape[2:])
    order = (0, 1, *range(3, 3 + rank), 2, *range(3 + rank, 3 + 2 * rank))
    rows = grouped.transpose(order).reshape(len(x), groups, prod(spatial), -1).astype(np.float64)
    flat = weight.reshape(groups, weight.shape[0] // groups, -1).astype(np.float64)
    product = np.matmul(flat, rows.transpose(0, 1, 3, 2))
    acc: IntArray = product.astype(np.int64).reshape(len(x), weight.shape[0], *spatial)
    return acc + bias[0].reshape(-1, *(1,) * rank) if bias else acc
