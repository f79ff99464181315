"""Removes what no output depends on."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..ir import Graph
from .base import Pass, PassResult, Property


def live(graph: Graph) -> set[str]:
    """Names of all nodes and constants that some output depends on, and of all inputs."""
    names = {*graph.outputs, *(node.name for node in graph.inputs)}
    for node in reversed(graph.nodes):
        if node.name in names:
            names.update(node.inputs)
    return names


NOTHING_DEAD = Property("no unused node or constant",
                        lambda graph: live(graph) == {*graph.constants, *(node.name for node in graph.nodes)})


@dataclass(frozen=True)
class RemoveDead(Pass):
    """Drops nodes and constants that no output depends on. Inputs stay: they are the graph's interface."""

    def ensures(self) -> frozenset[Property]:
        return frozenset({NOTHING_DEAD})

    def run(self, graph: Graph) -> PassResult:
        names = live(graph)
        nodes = tuple(node for node in graph.nodes if node.name in names)
        constants = {name: constant for name, constant in graph.constants.items() if name in names}
        modified = len(nodes) < len(graph.nodes) or len(constants) < len(graph.constants)
        return PassResult(replace(graph, nodes=nodes, constants=constants) if modified else graph, modified)
