"""What a pass is, and the runner that checks the graph after every one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..errors import BadInput, Diagnostic, Diagnostics, declare
from ..ir import Graph, TensorType, verified

declare({
    "BT1301": "a pass broke the graph",
    "BT1302": "a pass was run on a graph that lacks what it requires",
    "BT1303": "a pass did not do what it promises",
    "BT1304": "a pass changed the inputs or outputs of the graph",
    "BT1305": "a pass changed the graph and denies it, or the reverse",
})


@dataclass(frozen=True)
class Property:
    """Something that can be true of a graph; `name` says it in words."""

    name: str
    holds: Callable[[Graph], bool]


@dataclass(frozen=True)
class PassResult:
    """The graph after a pass, and whether it differs from the one before."""

    graph: Graph
    modified: bool


class Pass(ABC):
    """A rewriting of graphs, as a frozen dataclass whose fields are its options.

    A pass keeps the inputs, the names and types of the outputs, and their values for every input. Other tensors may go;
    those that stay keep their values unless the pass says otherwise.
    """

    def requires(self) -> frozenset[Property]:
        """What must be true of a graph that it gets."""
        return frozenset()

    def ensures(self) -> frozenset[Property]:
        """What is true of every graph that it gives back."""
        return frozenset()

    @abstractmethod
    def run(self, graph: Graph) -> PassResult:
        """The rewritten graph; it need not be verified."""


def run_passes(graph: Graph, passes: Iterable[Pass]) -> PassResult:
    """Run passes one after the other; `modified` says whether any of them changed the graph.

    Raises `BadInput`: the verifier's codes for a broken input; otherwise BT1301..BT1305 naming the pass, and for BT1301
    also what the verifier found.
    """
    graph, modified = verified(graph), False
    for step in passes:
        result = _checked(step, graph)
        graph, modified = result.graph, modified or result.modified
    return PassResult(graph, modified)


def _checked(step: Pass, before: Graph) -> PassResult:
    """The result of one pass, after all checks."""
    _demand(step, before, step.requires(), "BT1302", "requires", "run a pass first that ensures it")
    result = step.run(before)
    try:
        verified(result.graph)
    except BadInput as problem:
        raise BadInput(Diagnostic("BT1301", _where(step, before), "the graph is broken after this pass: see the next "
                                  "lines", "report this; leave the pass out"), *problem.diagnostics) from problem
    found = Diagnostics()
    if _interface(result.graph) != _interface(before):
        found.add("BT1304", _where(step, before), f"it changed inputs or outputs: {_interface(before)} became "
                  f"{_interface(result.graph)}", "report this; leave the pass out")
    if result.modified == (result.graph == before):
        found.add("BT1305", _where(step, before), f"it says modified={result.modified}, which is wrong",
                  "report this; leave the pass out")
    found.raise_as(BadInput)
    _demand(step, result.graph, step.ensures(), "BT1303", "ensures", "report this; leave the pass out")
    return result


def _demand(step: Pass, graph: Graph, properties: frozenset[Property], code: str, verb: str, fix: str) -> None:
    found = Diagnostics()
    for missing in sorted(p.name for p in properties if not p.holds(graph)):
        found.add(code, _where(step, graph), f"it {verb} {missing!r}, which is not so", fix)
    found.raise_as(BadInput)


def _where(step: Pass, graph: Graph) -> str:
    return f"graph {graph.name}, pass {type(step).__name__}"


def _interface(graph: Graph) -> tuple[dict[str, TensorType], dict[str, TensorType]]:
    return {node.name: graph.types[node.name] for node in graph.inputs}, {o: graph.types[o] for o in graph.outputs}
