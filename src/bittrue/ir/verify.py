"""The verifier: a table of rules that every graph obeys. It runs when a graph is built, read, or changed by a pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np

from ..errors import BadInput, Diagnostic, Diagnostics, declare
from .graph import Graph, Input, Node
from .op import Kind, RuleViolation
from .ops.requant import REQUANT_LIMIT, Requant
from .types import MAX_ELEMENTS, MAX_TOTAL_ELEMENTS

declare({
    "BT1001": "a name is used twice",
    "BT1002": "a node reads a name that is not defined before it",
    "BT1003": "a node has the wrong number or kind of operands",
    "BT1004": "a constant does not fit its integer type",
    "BT1005": "an op refuses its operands",
    "BT1006": "an output is not a node, or there is none",
    "BT1007": "a value can leave its declared integer type",
    "BT1008": "a requantization leaves 64-bit arithmetic",
    "BT1009": "an input is not listed first, or there is none",
    "BT1010": "a tensor is wider than 32 bits",
    "BT1011": "the tensors of a graph are too large together",
})

Problem = tuple[str, str, str]
"""where, why, fix"""


def verified(graph: Graph) -> Graph:
    """The same graph, or `BadInput` with every problem found.

    Structure is checked before types, and types before ranges: a later stage runs only on what the earlier one passed.
    """
    for stage in STAGES:
        found = Diagnostics()
        for code, rule in stage.items():
            found.items += [Diagnostic(code, f"graph {graph.name}, {where}", why, fix)
                            for where, why, fix in rule(graph)]
        found.raise_as(BadInput)
    return graph


def _unique_names(graph: Graph) -> Iterator[Problem]:
    counts = Counter((*graph.constants, *(node.name for node in graph.nodes)))
    for name in (name for name, count in counts.items() if count > 1 or not name):
        yield f"name {name!r}", "it names more than one thing, or is empty", "give every node and constant its own name"


def _defined_names(graph: Graph) -> Iterator[Problem]:
    known = set(graph.constants)
    for node in graph.nodes:
        for name in (name for name in node.inputs if name not in known):
            yield f"node {node.name}", f"it reads {name!r}, which nothing before it defines", \
                "define it first: nodes stand in topological order"
        known.add(node.name)


def _operands(graph: Graph) -> Iterator[Problem]:
    for node in graph.nodes:
        formal = node.op.operands
        variadic = any(o.variadic for o in formal)
        least = sum(not o.optional for o in formal)
        if len(node.inputs) < least or (len(node.inputs) > len(formal) and not variadic):
            yield f"node {node.name}", f"{node.op.kind} has {len(node.inputs)} operands", \
                f"give it {', '.join(o.name + '?' * o.optional + '...' * o.variadic for o in formal) or 'none'}"
            continue
        for position, name in enumerate(node.inputs):
            wanted = formal[min(position, len(formal) - 1)]
            if (name in graph.constants) != (wanted.kind is Kind.CONSTANT):
                yield f"node {node.name}", f"operand {wanted.name} of {node.op.kind} is not a {wanted.kind.value}", \
                    f"give it a {wanted.kind.value}"


def _outputs(graph: Graph) -> Iterator[Problem]:
    names = {node.name for node in graph.nodes}
    if not graph.outputs:
        yield "outputs", "there is none", "name at least one node as output"
    for name in (name for name in graph.outputs if name not in names):
        yield f"output {name!r}", "no node has this name", "name an existing node"


def _inputs(graph: Graph) -> Iterator[Problem]:
    flags = [isinstance(node.op, Input) for node in graph.nodes]
    if not any(flags) or flags != sorted(flags, reverse=True):
        yield "inputs", "inputs are missing or stand behind other nodes", "declare the inputs first"


def _constants(graph: Graph) -> Iterator[Problem]:
    for name, constant in graph.constants.items():
        if constant.values.dtype != np.int64 or not constant.elem.holds(constant.values):
            yield f"constant {name}", f"it holds {constant.values.min()}..{constant.values.max()}, which " \
                f"{constant.elem} ({constant.elem.min}..{constant.elem.max}) cannot hold", "declare a wider type"


def _shape_rules(graph: Graph) -> Iterator[Problem]:
    types = {name: constant.type for name, constant in graph.constants.items()}
    for node in graph.nodes:
        if not all(name in types for name in node.inputs):
            continue  # follows from a problem already named
        where = f"node {node.name} ({node.op.kind})"
        try:
            output = node.op.infer(*(types[name] for name in node.inputs))
        except RuleViolation as problem:
            yield where, problem.why, problem.fix
            continue
        if 1 <= output.size <= MAX_ELEMENTS:
            types[node.name] = output
        else:
            yield where, f"its output {output} has {output.size} elements", f"keep it within 1 to {MAX_ELEMENTS}"


def _tensor_widths(graph: Graph) -> Iterator[Problem]:
    for node in graph.nodes:
        if graph.types[node.name].elem.bits > 32:
            yield f"node {node.name} ({node.op.kind})", f"its output is {graph.types[node.name]}", \
                "tensors have at most 32 bits"


def _total_size(graph: Graph) -> Iterator[Problem]:
    """Bounds the memory that the range analysis takes, whatever a file claims."""
    total = sum(graph.types[node.name].size for node in graph.nodes)
    if total > MAX_TOTAL_ELEMENTS:
        largest = max(graph.nodes, key=lambda node: graph.types[node.name].size).name
        yield f"node {largest}", f"all tensors together have {total} elements for one sample, this one " \
            f"{graph.types[largest].size}", f"keep them within {MAX_TOTAL_ELEMENTS}: use a smaller input or network"


def _value_ranges(graph: Graph) -> Iterator[Problem]:
    for node in graph.nodes:
        reach, elem = graph.ranges[node.name], graph.types[node.name].elem
        if not reach.within(elem):
            yield f"node {node.name} ({node.op.kind})", f"its values reach {reach.lo.min()}..{reach.hi.max()}, " \
                f"beyond {elem} ({elem.min}..{elem.max})", "declare a wider accumulator or output type"


def _requant_shifts(graph: Graph) -> Iterator[Problem]:
    for node, op in _requants(graph):
        shift = graph.constants[node.inputs[3]].values
        if shift.min() < 0 or int(shift.max()) + op.slope_shift > 61:
            yield f"node {node.name} (Requant)", f"shifts are {shift.min()}..{shift.max()} plus {op.slope_shift} for " \
                "the slope; 0..61 are possible", "use a multiplier and shift of fewer bits"


def _requant_width(graph: Graph) -> Iterator[Problem]:
    for node, op in _requants(graph):
        multiplier, offset = (graph.constants[name].values for name in node.inputs[1:3])
        reach = op.magnitude(graph.ranges[node.inputs[0]], multiplier, offset)
        if reach >= REQUANT_LIMIT:
            yield f"node {node.name} (Requant)", f"acc * multiplier + offset (times the slope) reaches {reach:.3g}, " \
                "over 2**62", "use a multiplier and shift of fewer bits"


def _requants(graph: Graph) -> Iterator[tuple[Node, Requant]]:
    return ((node, node.op) for node in graph.nodes if isinstance(node.op, Requant))


STAGES: tuple[dict[str, Callable[[Graph], Iterator[Problem]]], ...] = (
    {"BT1001": _unique_names, "BT1002": _defined_names, "BT1003": _operands, "BT1006": _outputs, "BT1009": _inputs,
     "BT1004": _constants},
    {"BT1005": _shape_rules},
    {"BT1010": _tensor_widths, "BT1011": _total_size},
    {"BT1008": _requant_shifts},
    {"BT1008": _requant_width},
    {"BT1007": _value_ranges},
)
"""The rules by diagnostic code, in the order in which they may rely on each other."""

