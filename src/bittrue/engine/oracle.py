"""The oracle: runs every op by its own definition, nothing else. Slow and easy to believe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..ir import Graph, Input, IntArray
from .base import Trace, checked_inputs


@dataclass(frozen=True)
class Oracle:
    """The plain NumPy executor.

    >>> from bittrue.ir import GraphBuilder
    >>> from bittrue.ir.ops import Linear
    >>> b = GraphBuilder("tiny")
    >>> graph = b.build(b.add("y", Linear(), b.input("x", (2,), "u4"), b.constant("w", [[1, -2]], "i4")))
    >>> import numpy as np
    >>> Oracle(graph).run({"x": np.array([[3, 1]])})["y"].tolist()
    [[1]]
    """

    graph: Graph
    name: str = "oracle"

    def run(self, inputs: Mapping[str, IntArray]) -> Trace:
        """Every tensor of the graph; see `Executor.run`."""
        trace = checked_inputs(self.graph, inputs)
        values = {name: constant.values for name, constant in self.graph.constants.items()} | trace
        for node in self.graph.nodes:
            if not isinstance(node.op, Input):
                trace[node.name] = values[node.name] = node.op.run(*(values[name] for name in node.inputs))
        return trace
