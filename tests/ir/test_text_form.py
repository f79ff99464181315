"""The text form: exact inverses, readable lines, complete diagnostics."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import graphs

from bittrue.errors import BadInput
from bittrue.ir import Graph, GraphBuilder, IntType, Rounding, Scale
from bittrue.ir.ops import Conv, Flatten, Linear, MaxPool, Relu, Requant
from bittrue.ir.text import parse_graph, print_graph

TINY = """\
graph "tiny"
@w: i4[2,3] = [[1, -2, 3], [0, 4, 5]]
@m: i8[2] = [3, 5]
@o: i8[2] = [0, -1]
@s: u3[2] = [4, 4]
%x: u4[3] = Input(tensor=u4[3]) scale(0.1)
%acc: i32[2] = Linear(%x, @w)
%y: i4[2] = Requant(%acc, @m, @o, @s, out=i4, lo=-8, hi=7, rounding=HALF_EVEN) scale(0.5, 0.25)
output %y
"""


@given(graphs())
@settings(deadline=None, max_examples=150)
def test_round_trip_is_exact_on_random_graphs(graph: Graph) -> None:
    text = print_graph(graph)
    again = parse_graph(text)
    assert again == graph
    assert print_graph(again) == text


def test_readable_form() -> None:
    graph = parse_graph(TINY)
    assert print_graph(graph) == TINY
    assert graph.node["y"].op == Requant(IntType(4, True), -8, 7, Rounding.HALF_EVEN)
    assert graph.node["y"].scale == Scale((0.5, 0.25))
    assert graph.constants["o"].values.tolist() == [0, -1]


def test_free_form() -> None:
    loose = TINY.replace("\n", "  # a comment: 100%\r\n\r\n").replace(",", " , ").replace("%acc: i32[2] =", "%acc =")
    loose = loose.replace("[2 , 3]", "[2,3]").replace("# a comment", "# ünïcode, [1, ")
    assert parse_graph(loose) == parse_graph(TINY)


@given(st.text(), st.text(min_size=1), st.lists(st.floats(allow_nan=False)), st.integers(-3, 3))
@settings(deadline=None)
def test_any_name_and_any_scale(graph_name: str, name: str, values: list[float], axis: int) -> None:
    b = GraphBuilder(graph_name)
    x = b.input(name, (2,), "u4")
    graph = b.build(b.add(name + "'", Relu(), x, scale=Scale(tuple(values), axis)))
    assert parse_graph(print_graph(graph)) == graph


@pytest.mark.parametrize("elem", ["u1", "i2", "u8", "i8", "u12", "i16", "i31", "u32", "i63", "u63"])
def test_large_constants_are_exact(elem: str) -> None:
    kind = IntType.parse(elem)
    values = np.random.default_rng(0).integers(kind.min, kind.max, (17, 31), dtype=np.int64, endpoint=True)
    values[0, :2] = kind.min, kind.max
    b = GraphBuilder("g")
    b.constant("unused", values, kind)
    graph = b.build(b.input("x", (2,), "u4"))
    text = print_graph(graph)
    assert 'bytes "' in text
    assert parse_graph(text) == graph
    assert parse_graph(text).constants["unused"].values.flags.writeable is False


def test_one_dimensional_ops_print_their_geometry() -> None:
    b = GraphBuilder("g")
    conv = Conv((2,), (1, 0), (1,), groups=2)
    c = b.add("c/1", conv, b.input("x y", (2, 7), "i8"), b.constant("w", np.ones((2, 1, 3)), "i2"))
    graph = b.build(b.add("f", Flatten(), b.add("p", MaxPool((2,), (2,), (0, 1), (1,)), c)))
    assert print_graph(graph).splitlines()[2:] == [
        '%"x y": i8[2,7] = Input(tensor=i8[2,7])',
        '%c/1: i32[2,3] = Conv(%"x y", @w, stride=(2,), pads=(1, 0), dilation=(1,), groups=2)',
        "%p: i32[2,2] = MaxPool(%c/1, kernel=(2,), stride=(2,), pads=(0, 1), dilation=(1,))",
        "%f: i32[4] = Flatten(%p)",
        "output %f",
    ]


def problems(text: str) -> list[tuple[str, str, str]]:
    with pytest.raises(BadInput) as caught:
        parse_graph(text)
    assert all(d.fix for d in caught.value.diagnostics)
    return [(d.code, d.where, d.why) for d in caught.value.diagnostics]


@pytest.mark.parametrize(("old", "new", "code", "where", "why"), [
    ('graph "tiny"', "graph tiny", "BT1211", "line 1, column 7", "a name in quotes is expected, not 'tiny'"),
    ('graph "tiny"', r'graph "\q"', "BT1211", "line 1, column 7", "is no quoted text"),
    ('graph "tiny"', "", "BT1216", "line 1, column 1", "there are 0 graph lines"),
    ('graph "tiny"', 'graph "a" "b"', "BT1211", "line 1, column 11", "the end of the line is expected"),
    ("@w: i4[2,3]", "@w: i4", "BT1211", "line 2, column 5", "a tensor type is expected, not 'i4 = [[1"),
    ("@w: i4[2,3]", "@w: i94[2,3]", "BT1211", "line 2, column 5", "1 to 63 bits, not 94"),
    ("@w: i4[2,3]", "@w: i4[2,,3]", "BT1211", "line 2, column 5", "'i4[2,,3]' is no tensor type"),
    ("[[1, -2, 3], ", "[[1, -2], ", "BT1211", "line 2, column 15", "the values cannot be read"),
    ("[[1, -2, 3], ", "[[1, -2, 3.5], ", "BT1211", "line 2, column 15", "only integers, commas and brackets"),
    ("[[1, -2, 3], ", "[[1, -2, 3]], ", "BT1211", "line 2, column 15", "the values cannot be read"),
    ("[[1, -2, 3], ", f"[[1, -2, {10**30}], ", "BT1211", "line 2, column 15", "the values cannot be read"),
    ("[[1, -2, 3], ", "[" * 100000, "BT1211", "line 2, column 15", "the values cannot be read"),
    ("[[1, -2, 3], [0, 4, 5]]", "[[1, -2, 3]]", "BT1214", "line 2, column 15", "have the shape (1, 3), not (2, 3)"),
    ("[[1, -2, 3], [0, 4, 5]]", 'bytes "AAAA"', "BT1214", "line 2, column 21", "there are 3 bytes of values, not 6"),
    ("[[1, -2, 3], [0, 4, 5]]", 'bytes "A*A"', "BT1211", "line 2, column 21", "this is not base64"),
    ("@m: i8[2]", "@w: i8[2]", "BT1212", "line 3, column 1", "'w' is already defined"),
    ("%acc: i32[2] =", "%x: i32[2] =", "BT1212", "line 7, column 1", "'x' is already defined"),
    ("%acc: i32[2]", "%acc: i31[2]", "BT1215", "line 7, column 7", "%acc is declared i31[2], but is i32[2]"),
    ("Linear(%x, @w)", "Linear(%x, %w)", "BT1213", "line 7, column 27", "w is a constant"),
    ("Linear(%x, @w)", "Linear(@x, @w)", "BT1213", "line 7, column 23", "x is a tensor"),
    ("Linear(%x, @w)", "Linear(%z, @w)", "BT1213", "line 7, column 23", "no line defines %z"),
    ("Linear(%x, @w)", "Linear(%x, @w", "BT1211", "line 7, column 29", "')' is expected, not the end of the line"),
    ("Linear(%x, @w)", "Linear(%x @w)", "BT1211", "line 7, column 26", "')' is expected, not '@w)'"),
    ("Linear(%x, @w)", "Linear(acc=i32, %x)", "BT1211", "line 7, column 32", "a word is expected, not '%x)'"),
    ("Linear(%x, @w)", "Linear(%x, @w, acc=)", "BT1211", "line 7, column 35", "an integer is expected, not ')'"),
    ("Linear(%x, @w)", "Linear(%x, @w, acc=i32, acc=i32)", "BT1211", "line 7, column 40", "acc is given twice"),
    ("Linear(%x, @w)", "Linear(%x, @w, acc=3)", "BT1204", "line 7, column 16 (Linear)", "3 is no text"),
    ("Linear(%x, @w)", "Lin(%x, @w)", "BT1201", "line 7, column 16", "there is no op 'Lin'"),
    ("Linear(%x, @w)", "Linear(%x, @w, a=1)", "BT1202", "line 7, column 16", "no attribute 'a'"),
    ("out=i4, ", "", "BT1203", "line 8, column 13", "Requant needs the attribute 'out'"),
    ("lo=-8", f"lo={'9' * 5000}", "BT1211", "line 8, column 50", "digits"),
    ("lo=-8", "lo=-8.0", "BT1211", "line 8, column 50", "an integer is expected, not '-8.0"),
    ("scale(0.1)", "scale(a)", "BT1211", "line 6, column 39", "a number is expected, not 'a)'"),
    ("output %y", "output y", "BT1211", "line 9, column 8", "a name with % or @ is expected, not 'y'"),
    ("output %y", "output %z", "BT1213", "line 9, column 8", "no line defines %z"),
    ("output %y", "return %y", "BT1211", "line 9, column 1", "graph, output, @constant or %node is expected"),
    ("output %y", "", "BT1006", "graph tiny, outputs", "there is none"),
    ("lo=-8", "lo=-9", "BT1005", "graph tiny, node y (Requant)", "the clamp -9..7 is not within i4"),
])
def test_problem(old: str, new: str, code: str, where: str, why: str) -> None:
    assert old in TINY
    found = problems(TINY.replace(old, new, 1))
    assert any(f[:2] == (code, where) and why in f[2] for f in found), found


def test_problems_of_independent_lines_come_at_once() -> None:
    text = TINY.replace("i4[2,3]", "i4(2,3)").replace("Linear(", "Lin(").replace("rounding=", "round=").replace(
        "output %y", "output %z")
    assert [(code, where) for code, where, _ in problems(text)] == [
        ("BT1211", "line 2, column 5"), ("BT1201", "line 7, column 16"), ("BT1202", "line 8, column 13"),
        ("BT1213", "line 9, column 8")]


@given(st.integers(0, len(TINY) - 1), st.characters() | st.sampled_from("%@[](),=-01\n"), st.booleans())
@settings(deadline=None, max_examples=300)
def test_a_damaged_text_is_read_or_refused_with_a_diagnostic(place: int, character: str, insert: bool) -> None:
    damaged = TINY[:place] + character + TINY[place + (not insert):]
    with contextlib.suppress(BadInput):
        graph = parse_graph(damaged)
        assert parse_graph(print_graph(graph)) == graph


def test_types_of_nodes_may_be_left_out() -> None:
    graph = parse_graph(TINY.replace("%acc: i32[2]", "%acc").replace("%x: u4[3]", "%x"))
    assert graph == parse_graph(TINY)
    assert graph.node["acc"].op == Linear()
