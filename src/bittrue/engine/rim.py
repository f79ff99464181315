"""The rim of a graph: real values become integers before the first node, integers become real values after the last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import BadInput, declare, fail
from ..ir import Graph, IntArray, Node, Rounding, Scale

declare({"BT4004": "a tensor has no scale annotation"})


def to_integers(graph: Graph, real: Mapping[str, NDArray[Any]]) -> dict[str, IntArray]:
    """Quantize real inputs (batch, *shape) as the scale annotation of their input node says.

    q = clamp(round(x / scale)). For float32 values and scales the float64 quotient lies on the right side of every tie:
    x = (k + 1/2) * scale is exact in 53 bits. Raises `BadInput` (BT4004) for an input without a scale.
    """
    return {name: _quantize(graph, graph.node[name], np.asarray(values, np.float64)) for name, values in real.items()}


def _quantize(graph: Graph, node: Node, values: NDArray[np.float64]) -> IntArray:
    scale, elem = _scale(node), graph.types[node.name].elem
    lo, hi = scale.clamp or (elem.min, elem.max)
    integers: IntArray = np.clip(_rounded(values / _steps(scale, values.ndim), scale.rounding), lo, hi).astype(np.int64)
    return integers


def _rounded(x: NDArray[np.float64], rounding: Rounding) -> NDArray[np.float64]:
    """Exact: the fraction of a float is a float."""
    below = np.floor(x)
    fraction = x - below
    if rounding is Rounding.TOWARD_ZERO:
        return np.trunc(x)
    tie = {Rounding.FLOOR: np.zeros_like(x, np.bool_), Rounding.HALF_UP: fraction == 0.5,
           Rounding.HALF_EVEN: (fraction == 0.5) & (below % 2 == 1), Rounding.HALF_AWAY: (fraction == 0.5) & (x > 0)}
    rounded: NDArray[np.float64] = below + (((fraction > 0.5) & (rounding is not Rounding.FLOOR)) | tie[rounding])
    return rounded


def to_real(graph: Graph, name: str, integers: IntArray) -> NDArray[np.float64]:
    """Real values, float64, of a tensor of the graph: integer * scale. Raises `BadInput` (BT4004) without a scale."""
    real: NDArray[np.float64] = integers * _steps(_scale(graph.node[name]), integers.ndim)
    return real


def _scale(node: Node) -> Scale:
    if node.scale is None:
        fail(BadInput, "BT4004", f"tensor {node.name}", "it has no scale annotation, so it has no real values",
             "give integers, or annotate the node with a Scale")
    return node.scale


def _steps(scale: Scale, rank: int) -> NDArray[np.float64]:
    """The values of a scale, shaped to broadcast against a batch of `rank` axes."""
    return np.asarray(scale.values, np.float64).reshape(-1, *(1,) * (rank - 2 - scale.axis))
