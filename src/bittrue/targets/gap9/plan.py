"""How a graph runs on the cluster: its layers, their tiles, the place of every buffer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from ...errors import Unsupported, declare, fail
from ...ir import Graph
from .legalize import legalize
from .network import Network
from .options import Gap9Options
from .planning import Limits, plan
from .planning.limits import KIB
from .program import Program, Step

declare({"BT5576": "there is nothing to compute"})

NAME = "gap9"


@dataclass(frozen=True, eq=False)
class Gap9Plan:
    """Everything that is decided for one network."""

    program: Program
    options: Gap9Options

    @property
    def network(self) -> Network:
        """The layers."""
        return self.program.network

    @property
    def total_cycles(self) -> int:
        """The estimate for one inference."""
        return sum(self.program.cycles)

    def to_json(self) -> dict[str, Any]:
        """The decisions, for people and to notice when a model is planned differently."""
        program = self.program
        return {"target": NAME, "options": self.options.to_json(), "cycles": self.total_cycles,
                "memory": {"l1": program.near, "arena": program.arena, "constants": len(program.constants),
                           "external": len(program.external), "spare": program.spare},
                "layers": [_layer_json(self, index, list(steps))
                           for index, steps in groupby(program.steps, lambda step: step.layer)]}


def _layer_json(found: Gap9Plan, index: int, steps: list[Step]) -> dict[str, Any]:
    layer = found.network.layers[index]
    return {"name": layer.name, "kernel": layer.kernel, "nodes": list(layer.nodes), "macs": layer.macs,
            "cycles": found.program.cycles[index], "tiles": [str(step.region) for step in steps]}


def make_plan(graph: Graph, given: Mapping[str, Any] | None) -> Gap9Plan:
    """Make layers of a graph and place them.

    Raises `BadInput` (BT5003) for wrong options, `Unsupported` with everything that keeps the graph from the cluster.
    """
    options = Gap9Options.parse(NAME, given)
    limits = Limits(options.l1 * KIB, options.l2 * KIB, options.l3 * KIB)
    network = legalize(graph)
    if not network.layers:
        fail(Unsupported, "BT5576", f"graph {graph.name}", "its outputs are its inputs, in the order of the memory",
             "use the inputs themselves, or add a layer")
    return Gap9Plan(plan(network, limits), options)
