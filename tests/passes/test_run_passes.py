"""The pass runner: verifies after every pass, names the one that is wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import batch, graphs

from bittrue.engine.oracle import Oracle
from bittrue.errors import BadInput
from bittrue.ir import Constant, Graph, IntType, Node
from bittrue.ir.ops import Clip, Relu
from bittrue.ir.text import parse_graph
from bittrue.passes import STANDARD, Pass, PassResult, Property, RemoveDead, run_passes

GRAPH = parse_graph('graph "g"\n@k: u8[1] = [1]\n%x = Input(tensor=i8[3])\n%y = Relu(%x)\noutput %y')


@dataclass(frozen=True)
class Doing(Pass):
    """Replaces nodes; says `modified` whatever it did."""

    nodes: tuple[Node, ...]
    modified: bool = True
    required: frozenset[Property] = frozenset()
    ensured: frozenset[Property] = frozenset()

    def requires(self) -> frozenset[Property]:
        return self.required

    def ensures(self) -> frozenset[Property]:
        return self.ensured

    def run(self, graph: Graph) -> PassResult:
        return PassResult(replace(graph, nodes=self.nodes), self.modified)


NEVER = frozenset({Property("a graph as no graph is", lambda graph: False)})
SAME, X, Y = GRAPH.nodes, *GRAPH.nodes


@pytest.mark.parametrize(("wrong", "codes", "why"), [
    (Doing((X, replace(Y, inputs=("z",)))), ["BT1301", "BT1002"], "the graph is broken after this pass"),
    (Doing((X, replace(Y, op=Clip(5, 4)))), ["BT1301", "BT1005"], "the graph is broken after this pass"),
    (Doing(SAME, False, required=NEVER), ["BT1302"], "it requires 'a graph as no graph is', which is not so"),
    (Doing(SAME, False, ensured=NEVER), ["BT1303"], "it ensures 'a graph as no graph is', which is not so"),
    (Doing((replace(X, name="in"), replace(Y, inputs=("in",)))), ["BT1304"], "it changed inputs or outputs"),
    (Doing(SAME, True), ["BT1305"], "it says modified=True, which is wrong"),
    (Doing((X, replace(Y, op=Clip(0, 4))), False), ["BT1305"], "it says modified=False, which is wrong"),
])
def test_a_wrong_pass_is_named(wrong: Pass, codes: list[str], why: str) -> None:
    with pytest.raises(BadInput) as caught:
        run_passes(GRAPH, [RemoveDead(), wrong])
    assert [d.code for d in caught.value.diagnostics] == codes
    assert caught.value.diagnostics[0].where == "graph g, pass Doing"
    assert why in caught.value.diagnostics[0].why


def test_a_broken_input_is_not_the_pass_s_fault() -> None:
    broken = replace(GRAPH, constants={"k": Constant(np.array([300]), IntType(8, False))})
    with pytest.raises(BadInput, match="BT1004"):
        run_passes(broken, [RemoveDead()])


def test_modified_is_of_all_passes() -> None:
    first = run_passes(GRAPH, [RemoveDead(), RemoveDead()])
    assert first.modified
    assert first.graph.constants == {}
    second = run_passes(first.graph, STANDARD)
    assert not second.modified
    assert second.graph is first.graph


def test_no_pass_changes_nothing() -> None:
    assert run_passes(GRAPH, []) == PassResult(GRAPH, False)


@given(graphs(dead=True, max_nodes=8), st.integers(0, 2**32))
@settings(deadline=None, max_examples=150)
def test_standard_passes_keep_all_outputs_and_then_find_nothing_more(graph: Graph, seed: int) -> None:
    result = run_passes(graph, STANDARD)
    inputs = batch(graph, seed, 5)
    before, after = Oracle(graph).run(inputs), Oracle(result.graph).run(inputs)
    for name in graph.outputs:
        assert np.array_equal(before[name], after[name])
    assert not run_passes(result.graph, STANDARD).modified
    assert all(node.op != Relu() or node.inputs for node in result.graph)
