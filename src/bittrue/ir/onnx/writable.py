"""What an ONNX file can hold, checked before anything is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ...errors import Diagnostics, Unsupported, fail
from ..graph import Graph, Input
from . import codes, rim
from .annotations import scale_problem
from .lowering import RULES
from .messages import ModelProto

LARGEST_FILE = (1 << 31) - 1
"""Bytes; protocol buffers end there."""

Problem = tuple[str, str, str]
"""where, why, fix"""


def check_writable(graph: Graph, *, float_outputs: bool) -> None:
    """Raise `Unsupported` (BT1112) with everything that keeps the graph from being written and read again."""
    found = Diagnostics()
    for rule in (_names, _kinds, _scales, *([_float_names] if float_outputs else [])):
        for where, why, fix in rule(graph):
            found.add(codes.NOT_WRITABLE, f"graph {graph.name!r}, {where}", why, fix)
    found.raise_as(Unsupported)


def check_size(model: ModelProto) -> None:
    """Raise `Unsupported` (BT1111) if the model's file would be over 2 GiB."""
    if model.ByteSize() > LARGEST_FILE:
        fail(Unsupported, codes.TOO_LARGE, f"graph {model.graph.name!r}", f"its file has {model.ByteSize()} bytes; an "
             "ONNX file ends at 2 GiB", "use a smaller network")


def _names(graph: Graph) -> Iterator[Problem]:
    for name in (graph.name, *graph.constants, *graph.node):
        if any(0xD800 <= ord(letter) < 0xE000 for letter in name):
            yield f"name {name!r}", "it holds half of a surrogate pair, which is no Unicode text", "rename it"
    for name, count in Counter(graph.outputs).items():
        if count > 1:
            yield f"output {name}", f"it is listed {count} times", "list it once"


def _kinds(graph: Graph) -> Iterator[Problem]:
    for node in graph.nodes:
        if node.op.kind not in RULES and not isinstance(node.op, Input):
            yield f"node {node.name}", f"no rule says what {node.op.kind} is in ONNX", \
                "enter one with bittrue.ir.onnx.lowering.rule"


def _scales(graph: Graph) -> Iterator[Problem]:
    for node in graph.nodes:
        if why := scale_problem(node.scale, graph.types[node.name]):
            yield f"node {node.name}", why, "annotate it with one finite positive scale, or one per channel"


def _float_names(graph: Graph) -> Iterator[Problem]:
    for name in graph.outputs:
        if name + rim.SUFFIX in {*graph.constants, *graph.node}:
            yield f"output {name}", f"its float output {name + rim.SUFFIX!r} is something else's name", "rename it"
