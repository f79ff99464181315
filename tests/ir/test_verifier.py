"""The verifier: for every rule a graph that breaks it, and what the user reads; several problems come at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import batch, graphs

from bittrue.engine.oracle import Oracle
from bittrue.errors import BadInput, catalogue
from bittrue.ir import Constant, Graph, GraphBuilder, Input, IntType, Node, TensorType, verified
from bittrue.ir.ops import Add, Conv, Flatten, Linear, Pad, Relu, Requant
from bittrue.ir.verify import STAGES

I8, U8 = IntType(8, True), IntType(8, False)
X = Node("x", Input(TensorType((3,), U8)))


def constant(values: object, elem: IntType = I8) -> Constant:
    return Constant(np.array(values, dtype=np.int64), elem)


def requant(m: int = 1, o: int = 0, s: int = 0, slope: int = 0, rise: int = 1) -> Graph:
    """A graph of one requantization: multiplier, offset and shift as given, the slope rise / 2**slope."""
    b = GraphBuilder("g")
    b.input("x", (3,), "i32")
    for name, value in (("m", m), ("o", o), ("s", s)):
        b.constant(name, [value], IntType(63, True))
    b.add("y", Requant(I8, -128, 127, slope_multiplier=rise, slope_shift=slope), "x", "m", "o", "s")
    return Graph("g", tuple(b.nodes), b.constants, ("y",))


def graph(*nodes: Node, outputs: tuple[str, ...] = ("y",), **constants: Constant) -> Graph:
    return Graph("g", nodes, constants, outputs)


BROKEN: list[tuple[str, Callable[[], Graph], str, str]] = [
    ("BT1001", lambda: graph(X, Node("y", Relu(), ("x",)), Node("y", Relu(), ("x",))), "name 'y'",
     "it names more than one thing"),
    ("BT1001", lambda: graph(X, Node("y", Relu(), ("x",)), x=constant([1])), "name 'x'", "more than one"),
    ("BT1001", lambda: graph(X, Node("", Relu(), ("x",)), outputs=("x",)), "name ''", "or is empty"),
    ("BT1002", lambda: graph(X, Node("y", Relu(), ("z",))), "node y", "it reads 'z', which nothing before it defines"),
    ("BT1002", lambda: graph(X, Node("y", Relu(), ("z",)), Node("z", Relu(), ("x",))), "node y", "nothing before it"),
    ("BT1003", lambda: graph(X, Node("y", Linear(), ("x",))), "node y", "Linear has 1 operands"),
    ("BT1003", lambda: graph(X, Node("y", Relu(), ("x", "x"))), "node y", "Relu has 2 operands"),
    ("BT1003", lambda: graph(X, Node("y", Linear(), ("x", "x"))), "node y",
     "operand weight of Linear is not a constant"),
    ("BT1003", lambda: graph(X, Node("y", Relu(), ("k",)), k=constant([1])), "node y",
     "operand x of Relu is not a tensor"),
    ("BT1004", lambda: graph(X, Node("y", Linear(), ("x", "w")), w=constant([[1, 2, 128]])), "constant w",
     "it holds 1..128, which i8 (-128..127) cannot hold"),
    ("BT1005", lambda: graph(X, Node("y", Linear(), ("x", "w")), w=constant([[1, 2]])), "node y (Linear)",
     "input u8[3] does not fit weight i8[1,2]"),
    ("BT1005", lambda: graph(X, Node("y", Linear(), ("x", "w")), w=constant(np.zeros((0, 3)))), "node y (Linear)",
     "its output i32[0] has 0 elements"),
    ("BT1005", lambda: graph(X, Node("y", Pad((1 << 40, 0)), ("x",))), "node y (Pad)", "has 1099511627779 elements"),
    ("BT1005", lambda: graph(Node("x", Input(TensorType((2, 0), U8))), outputs=("x",)), "node x (Input)",
     "has 0 elements"),
    ("BT1006", lambda: graph(X, outputs=()), "outputs", "there is none"),
    ("BT1006", lambda: graph(X, outputs=("k",), k=constant([1])), "output 'k'", "no node has this name"),
    ("BT1007", lambda: graph(X, Node("y", Add(U8), ("x", "x"))), "node y (Add)",
     "its values reach 0..510, beyond u8 (0..255)"),
    ("BT1007", lambda: graph(X, Node("y", Linear(U8), ("x", "w")), w=constant([[1, -1, 0]])), "node y (Linear)",
     "its values reach -255..255, beyond u8 (0..255)"),
    ("BT1008", lambda: requant(s=62), "node y (Requant)", "shifts are 62..62 plus 0 for the slope; 0..61 are possible"),
    ("BT1008", lambda: requant(s=-1), "node y (Requant)", "shifts are -1..-1"),
    ("BT1008", lambda: requant(s=60, slope=2), "node y (Requant)", "60..60 plus 2 for the slope"),
    ("BT1008", lambda: requant(m=1 << 31), "node y (Requant)", "reaches 4.61e+18, over 2**62"),
    ("BT1008", lambda: requant(m=1 << 20, rise=1 << 12), "node y (Requant)", "(times the slope) reaches 9.22e+18"),
    ("BT1008", lambda: requant(o=(1 << 62) - 1), "node y (Requant)", "over 2**62"),
    ("BT1009", lambda: graph(X, Node("y", Relu(), ("x",)), Node("z", X.op)), "inputs", "stand behind other nodes"),
    ("BT1009", lambda: graph(outputs=()), "inputs", "inputs are missing"),
    ("BT1010", lambda: graph(X, Node("y", Add(IntType(33, False)), ("x", "x"))), "node y (Add)",
     "its output is u33[3]"),
    ("BT1011", lambda: graph(Node("x", Input(TensorType((1 << 27,), U8))), Node("y", Relu(), ("x",))), "node x",
     "all tensors together have 268435456 elements"),
]


@pytest.mark.parametrize(("code", "broken", "where", "why"), BROKEN)
def test_rule(code: str, broken: Callable[[], Graph], where: str, why: str) -> None:
    with pytest.raises(BadInput) as caught:
        verified(broken())
    found = [d for d in caught.value.diagnostics if d.code == code and d.where == f"graph g, {where}"]
    assert found, str(caught.value)
    assert why in found[0].why
    assert found[0].fix


def test_every_rule_has_a_broken_graph() -> None:
    codes = {code for stage in STAGES for code in stage}
    assert codes == {code for code, *_ in BROKEN} == {code for code in catalogue() if code.startswith("BT10")}


def test_several_problems_are_reported_at_once() -> None:
    broken = graph(X, Node("a", Relu(), ("q",)), Node("a", Linear(), ("x",)), outputs=("nothing",),
                   w=constant([200]), v=constant([-1], U8))
    with pytest.raises(BadInput) as caught:
        verified(broken)
    codes = [d.code for d in caught.value.diagnostics]
    assert codes == ["BT1001", "BT1002", "BT1003", "BT1006", "BT1004", "BT1004"]


def test_shape_problems_of_independent_nodes_come_together_and_their_consequences_do_not() -> None:
    broken = graph(X, Node("a", Linear(), ("x", "w")), Node("b", Relu(), ("a",)), Node("y", Conv(), ("x", "w")),
                   w=constant([[1, 2]]))
    with pytest.raises(BadInput) as caught:
        verified(broken)
    assert [d.where for d in caught.value.diagnostics] == ["graph g, node a (Linear)", "graph g, node y (Conv)"]


def test_a_sound_graph_is_handed_back() -> None:
    sound = graph(X, Node("y", Linear(IntType(9, True)), ("x", "w")), w=constant([[1, -1, 0]]))
    assert verified(sound) is sound
    assert (sound.ranges["y"].lo.tolist(), sound.ranges["y"].hi.tolist()) == ([-255], [255])


def test_ranges_of_merged_axes_stay_per_channel() -> None:
    b = GraphBuilder("g")
    x = b.input("x", (1, 1, 2), "u1")
    y = b.add("y", Flatten(), b.add("c", Conv(), x, b.constant("w", [[[[1]]], [[[-3]]]], "i4")))
    ranges = b.build(y).ranges
    assert ranges["c"].hi.ravel().tolist() == [1, 0]
    assert (ranges["y"].lo.tolist(), ranges["y"].hi.tolist()) == ([0, 0, -3, -3], [1, 1, 0, 0])


@given(graphs(), st.integers(0, 2**32))
@settings(deadline=None, max_examples=200)
def test_values_never_leave_their_ranges_and_shapes(graph: Graph, seed: int) -> None:
    trace = Oracle(graph).run(batch(graph, seed, 6))
    for name, tensor in ((node.name, graph.types[node.name]) for node in graph):
        reach, values = graph.ranges[name], trace[name]
        assert values.shape == (6, *tensor.shape)
        assert values.dtype == np.int64
        assert reach.lo.ndim == reach.hi.ndim == len(tensor.shape)
        assert ((reach.lo <= values) & (values <= reach.hi)).all()
        assert reach.within(tensor.elem)
