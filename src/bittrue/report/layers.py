"""The layers of a graph as rows: what `bittrue info` prints."""

from __future__ import annotations

from dataclasses import dataclass

from ..ir import Graph, IntType, Node


@dataclass(frozen=True)
class LayerRow:
    """One node: its type, what its values can be, how many bits that needs, and its work."""

    name: str
    op: str
    type: str
    lo: int
    hi: int
    bits: int
    macs: int
    constants: int
    """Bits of constants that it reads, at their declared widths."""


def layer_rows(graph: Graph) -> list[LayerRow]:
    """A row per node, in topological order."""
    return [_row(graph, node) for node in graph.nodes]


def _row(graph: Graph, node: Node) -> LayerRow:
    reach = graph.ranges[node.name]
    lo, hi = int(reach.lo.min()), int(reach.hi.max())
    constants = [graph.constants[name] for name in node.inputs if name in graph.constants]
    return LayerRow(node.name, node.op.kind, str(graph.types[node.name]), lo, hi, IntType.smallest(lo, hi).bits,
                    node.op.macs(*(graph.types[name] for name in node.inputs)),
                    sum(c.type.size * c.elem.bits for c in constants))
