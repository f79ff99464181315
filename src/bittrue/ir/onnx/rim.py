"""The float rim: outputs `<name>_float` for people who want logits as floats. Nothing inside the graph reads them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..graph import Graph, Scale
from . import protos
from .lowering import RESULT, Body
from .messages import FunctionProto, ValueInfoProto

FLOAT64 = np.dtype(np.float64)
KIND = "Dequantize"
SUFFIX = "_float"


@dataclass(frozen=True)
class Dequantization:
    """What one float output adds: a call of `function` on the tensor `source` and `scale`."""

    source: str
    scale: NDArray[Any]
    function: FunctionProto
    output: ValueInfoProto


def dequantizations(graph: Graph) -> Iterator[Dequantization]:
    """One for each output with a scale, in order."""
    for name in graph.outputs:
        scale, shape = graph.node[name].scale, graph.types[name].shape
        if scale is not None:
            yield Dequantization(name, np.array(scale.values, FLOAT64), _function(scale, len(shape)),
                                 protos.value_info(name + SUFFIX, shape, FLOAT64))


def _function(scale: Scale, rank: int) -> FunctionProto:
    body = Body()
    factor, following = "scale", rank - 1 - scale.axis
    if len(scale.values) > 1 and following:
        factor = body.op("Unsqueeze", factor, body.constant(tuple(range(1, 1 + following))))
    body.finish(body.op("Mul", body.cast("x", FLOAT64), factor), FLOAT64)
    return FunctionProto(name=KIND, input=["x", "scale"], output=[RESULT], node=body.nodes)
