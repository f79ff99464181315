"""Stores equal constants once."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..ir import Constant, Graph, IntType
from ..ir.types import Shape
from .base import Pass, PassResult, Property

Key = tuple[IntType, Shape, bytes]


def first_names(graph: Graph) -> dict[str, str]:
    """For every constant the first one that equals it (type, shape, values): possibly itself."""
    first: dict[Key, str] = {}
    return {name: first.setdefault(_key(constant), name) for name, constant in graph.constants.items()}


def _key(constant: Constant) -> Key:
    return constant.elem, constant.values.shape, constant.values.tobytes()


CONSTANTS_DIFFER = Property("no two equal constants", lambda graph: len(set(first_names(graph).values()))
                            == len(graph.constants))


@dataclass(frozen=True)
class MergeConstants(Pass):
    """Lets all users of equal constants (type, shape and values) share the first of them; the others go."""

    def ensures(self) -> frozenset[Property]:
        return frozenset({CONSTANTS_DIFFER})

    def run(self, graph: Graph) -> PassResult:
        first = first_names(graph)
        if all(name == other for name, other in first.items()):
            return PassResult(graph, False)
        nodes = tuple(replace(node, inputs=tuple(first.get(name, name) for name in node.inputs)) for node in graph)
        constants = {name: graph.constants[name] for name, other in first.items() if name == other}
        return PassResult(replace(graph, nodes=nodes, constants=constants), True)
