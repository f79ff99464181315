"""The rim of a graph: real values become integers before the first node, integers become real values after the last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import BadInput, declare, fail
from ..ir import Graph, IntArray, Node

declare({"BT4004": "a tensor has no scale annotation"})


def to_integers(graph: Graph, real: Mapping[str, NDArray[Any]]) -> dict[str, IntArray]:
    """Quantize real inputs (batch, *shape) with the scale annotation of their input node.

    q = clamp(round_half_even(x / scale)), as Brevitas and `torch.round` do it. For float32 values and scales the
    float64 quotient lies on the right side of every tie: x = (k + 1/2) * scale is exact in 53 bits. Raises `BadInput`
    (BT4004) for an input without a scale.
    """
    return {name: _quantize(graph, graph.node[name], np.asarray(values, np.float64)) for name, values in real.items()}


def _quantize(graph: Graph, node: Node, values: NDArray[np.float64]) -> IntArray:
    elem = graph.types[node.name].elem
    integers: IntArray = np.clip(np.rint(values / _steps(node, values.ndim)), elem.min, elem.max).astype(np.int64)
    return integers


def to_real(graph: Graph, name: str, integers: IntArray) -> NDArray[np.float64]:
    """Real values, float64, of a tensor of the graph: integer * scale. Raises `BadInput` (BT4004) without a scale."""
    real: NDArray[np.float64] = integers * _steps(graph.node[name], integers.ndim)
    return real


def _steps(node: Node, rank: int) -> NDArray[np.float64]:
    """The scale of a node, shaped to broadcast against a batch of `rank` axes."""
    if node.scale is None:
        fail(BadInput, "BT4004", f"tensor {node.name}", "it has no scale annotation, so it has no real values",
             "give integers, or annotate the node with a Scale")
    return np.asarray(node.scale.values, np.float64).reshape(-1, *(1,) * (rank - 2 - node.scale.axis))
