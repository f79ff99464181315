"""The verifier: a table of rules that every graph obeys. It runs when a graph is built, read, or changed by a pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np

from ..errors import BadInput, Diagnostic, Diagnostics, declare
from .graph import Graph, Input, Node
from .op import Kind, RuleViolation
from .ops.requant import REQUANT_LIMIT, Requant
from .types import MAX_ELEMENTS

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
        if why := _requant_overflow(graph, node, op):
            yield f"node {node.name} (Requant)", why, "use a multiplier and shift of fewer bits"


def _requants(graph: Graph) -> Iterator[tuple[Node, Requant]]:
    return ((node, node.op) for node in graph.nodes if isinstance(node.op, Requant))


def _requant_overflow(graph: Graph, node: Node, op: Requant) -> str | None:
    multiplier, offset = (graph.constants[name].values for name in node.inputs[1:3])
    reach = graph.ranges[node.inputs[0]]
    widest = max(abs(int(reach.lo.min())), abs(int(reach.hi.max())))
    value = (widest * int(np.abs(multiplier).max()) + int(np.abs(offset).max())) * max(1, op.slope_multiplier)
    if value >= REQUANT_LIMIT:
        return f"acc * multiplier + offset (times the slope) reaches {value:.3g}, over 2**62"
    return None


STAGES: tuple[dict[str, Callable[[Graph], Iterator[Problem]]], ...] = (
    {"BT1001": _unique_names, "BT1002": _defined_names, "BT1003": _operands, "BT1006": _outputs, "BT1009": _inputs,
     "BT1004": _constants},
    {"BT1005": _shape_rules},
    {"BT1010": _tensor_widths},
    {"BT1008": _requant_shifts},
    {"BT1008": _requant_width},
    {"BT1007": _value_ranges},
)
"""The rules by diagnostic code, in the order in which they may rely on each other."""

