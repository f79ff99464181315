"""What the tests of single passes share: rewriting of texts, and equality of values on random graphs."""

from __future__ import annotations

import numpy as np
from strategies import batch

from bittrue.engine.oracle import Oracle
from bittrue.ir import Graph
from bittrue.ir.text import parse_graph, print_graph
from bittrue.passes import Pass, run_passes


def check_text(step: Pass, before: str, after: str, but: frozenset[str] = frozenset()) -> None:
    """The pass turns one text form into the other (types and spaces as printed), and keeps all values."""
    graph = parse_graph(before)
    assert print_graph(run_passes(graph, [step]).graph) == print_graph(parse_graph(after))
    check_values(step, graph, 0, but)


def check_values(step: Pass, graph: Graph, seed: int, but: frozenset[str] = frozenset()) -> None:
    """All tensors that the pass leaves keep their values, except those named; it has nothing to do a second time."""
    result = run_passes(graph, [step])
    inputs = batch(graph, seed, 6)
    before, after = Oracle(graph).run(inputs), Oracle(result.graph).run(inputs)
    for name in (name for name in after if name not in but):
        assert np.array_equal(before[name], after[name]), name
    assert not run_passes(result.graph, [step]).modified
