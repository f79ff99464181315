"""FuseActivation."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pass_cases import check_text, check_values
from strategies import SLOPES, Making, graphs, roundings

from bittrue.ir import I32, Graph, IntType, Op
from bittrue.ir.ops import Clip, LeakyRelu, Relu, Requant
from bittrue.ir.text import parse_graph
from bittrue.passes import FuseActivation, run_passes

HEAD = """
    graph "g"
    @m: i4[2] = [3, 5]
    @o: i8[2] = [10, -10]
    @s: u3[2] = [4, 5]
    @zero: u1[2] = [0, 0]
    %x = Input(tensor=i12[2,3,1])
"""
FUSED = "out=i8, lo=-18, hi=100, rounding=HALF_AWAY, slope_multiplier=13, slope_shift=6"
REQUANT = "@m, @o, @s, out=i8"


@pytest.mark.parametrize(("activation", "clamp"), [
    ("Relu(%r)", "lo=0, hi=100"),
    ("Clip(%r, lo=-5, hi=120)", "lo=-5, hi=100"),
    ("Clip(%r, lo=101, hi=120)", "lo=101, hi=101"),
    ("LeakyRelu(%r, slope_multiplier=0, slope_shift=4)", "lo=0, hi=100"),
    ("LeakyRelu(%r, slope_multiplier=16, slope_shift=4)", "lo=-90, hi=100"),
])
def test_activation_behind_a_requant_becomes_its_clamp(activation: str, clamp: str) -> None:
    check_text(FuseActivation(), f"""{HEAD}
        %r = Requant(%x, {REQUANT}, lo=-90, hi=100, rounding=HALF_EVEN, slope_multiplier=13, slope_shift=8) scale(0.5)
        %y = {activation}
        output %y
    """, f"""{HEAD}
        %y = Requant(%x, {REQUANT}, {clamp}, rounding=HALF_EVEN, slope_multiplier=13, slope_shift=8) scale(0.5)
        output %y
    """)


def test_leaky_relu_behind_a_requant_that_does_not_round() -> None:
    check_text(FuseActivation(), f"""{HEAD}
        %r = Requant(%x, @m, @o, @zero, out=i8, lo=-90, hi=100, rounding=FLOOR)
        %y = LeakyRelu(%r, slope_multiplier=13, slope_shift=6, rounding=HALF_AWAY) scale(2.0)
        output %y
    """, f"""{HEAD}
        %y = Requant(%x, @m, @o, @zero, {FUSED}) scale(2.0)
        output %y
    """)


def test_leaky_relu_on_values_that_are_never_negative() -> None:
    check_text(FuseActivation(), f"""{HEAD}
        %r = Requant(%x, {REQUANT}, lo=0, hi=100)
        %y = LeakyRelu(%r, slope_multiplier=13, slope_shift=6)
        output %y
    """, f"""{HEAD}
        %y = Requant(%x, {REQUANT}, lo=0, hi=100)
        output %y
    """)


@pytest.mark.parametrize(("activation", "clamp"), [
    ("Relu(%x)", "lo=2, hi=100"),  # round(25 / 2**4) = 2, also in the second channel
    ("Clip(%x, lo=-20, hi=2000)", "lo=-2, hi=100"),
    ("Clip(%x, lo=-2048, hi=18)", "lo=-90, hi=5"),
])
def test_activation_in_front_of_a_requant_becomes_its_clamp(activation: str, clamp: str) -> None:
    head = HEAD.replace("[3, 5]", "[3, 3]").replace("[10, -10]", "[25, 28]").replace("[4, 5]", "[4, 4]")
    check_text(FuseActivation(), f"""{head}
        %a = {activation}
        %y = Requant(%a, {REQUANT}, lo=-90, hi=100)
        output %y
    """, f"""{head}
        %y = Requant(%x, {REQUANT}, {clamp})
        output %y
    """)


def test_a_chain_becomes_one_node() -> None:
    head = HEAD.replace("[10, -10]", "[0, 0]")
    check_text(FuseActivation(), f"""{head}
        %a = Relu(%x)
        %b = Clip(%a, lo=0, hi=2047)
        %r = Requant(%b, {REQUANT}, lo=-90, hi=100)
        %c = Relu(%r)
        %y = Clip(%c, lo=-3, hi=50)
        output %y
    """, f"""{head}
        %y = Requant(%x, {REQUANT}, lo=0, hi=50)
        output %y
    """)


@pytest.mark.parametrize("tail", [
    # someone else reads the tensor between, or sees it
    f"%r = Requant(%x, {REQUANT}, lo=-90, hi=100)\n %y = Relu(%r)\n %z = Abs(%r)\n output %y, %z",
    f"%r = Requant(%x, {REQUANT}, lo=-90, hi=100)\n %y = Relu(%r)\n output %y, %r",
    # rounding twice is not rounding once
    f"%r = Requant(%x, {REQUANT}, lo=-90, hi=100)\n %y = LeakyRelu(%r, slope_multiplier=13, slope_shift=8)\n output %y",
    # the channels would need different clamps
    f"%a = Relu(%x)\n %y = Requant(%a, {REQUANT}, lo=-90, hi=100)\n output %y",
    # two slopes
    "%r = Requant(%x, @m, @o, @zero, out=i8, lo=-90, hi=100, slope_multiplier=1, slope_shift=2)\n"
    "%y = LeakyRelu(%r, slope_multiplier=13, slope_shift=8)\n output %y",
])
def test_what_would_not_be_exact_stays(tail: str) -> None:
    assert not run_passes(parse_graph(HEAD + tail), [FuseActivation()]).modified


def test_a_falling_requant_keeps_the_activation_in_front() -> None:
    text = HEAD.replace("[3, 5]", "[-3, -3]").replace("[10, -10]", "[0, 0]")
    tail = f"%a = Relu(%x)\n %y = Requant(%a, {REQUANT}, lo=-90, hi=100)\n output %y"
    assert not run_passes(parse_graph(text + tail), [FuseActivation()]).modified


def test_a_slope_over_one_stays_within_the_type() -> None:
    check_text(FuseActivation(), """
        graph "g"
        @one: u1[1] = [1]
        @zero: u1[1] = [0]
        %x = Input(tensor=i4[3])
        %r = Requant(%x, @one, @zero, @zero, out=i8, lo=-128, hi=127)
        %y = LeakyRelu(%r, slope_multiplier=5, slope_shift=1)
        output %y
    """, """
        graph "g"
        @one: u1[1] = [1]
        @zero: u1[1] = [0]
        %x = Input(tensor=i4[3])
        %y = Requant(%x, @one, @zero, @zero, out=i8, lo=-128, hi=127, slope_multiplier=5, slope_shift=1)
        output %y
    """)


@st.composite
def chains(draw: st.DrawFn) -> Graph:
    """Activations and requantizations in a row, with parameters that often allow to fuse."""
    m = Making(draw)
    channels = m.integer(1, 2)
    name = m.builder.input("x", (channels, 3), draw(st.sampled_from([I32, IntType(8, True), IntType(4, False)])))
    for _ in range(m.integer(2, 5)):
        elem = m.graph.types[name].elem
        shift, same = m.integer(0, 3), draw(st.booleans())
        lo, hi = sorted(m.integers(2, max(elem.min, -200), min(elem.max, 200)))
        activations: list[Op] = [Relu(), Clip(lo, hi), LeakyRelu(m.integer(0, 1 << shift), shift, draw(roundings))]
        if draw(st.booleans()):
            shape, farthest = (1 if same else channels,), draw(st.sampled_from([0, 99]))
            parameters = (m.constant(shape, IntType(4, True), m.integer(-1, 1), 5),
                          m.constant(shape, IntType(8, True), -farthest, farthest),
                          m.constant(shape, IntType(3, False), 0, draw(st.sampled_from([0, 4]))))
            multiplier, slope_shift = draw(st.sampled_from(SLOPES))
            out = draw(st.sampled_from([IntType(8, True), IntType(4, False)]))
            lo, hi = sorted(m.integers(2, out.min, out.max))
            m.add(Requant(out, lo, hi, draw(roundings), multiplier, slope_shift), name, *parameters)
        else:
            m.add(draw(st.sampled_from(activations)), name)
        name = m.builder.nodes[-1].name
    return m.builder.build(name)


@given(chains(), st.integers(0, 2**32))
@settings(deadline=None, max_examples=300)
def test_values_on_random_chains(graph: Graph, seed: int) -> None:
    check_values(FuseActivation(), graph, seed)


@given(graphs(["elementwise", "requant", "conv"], max_nodes=8), st.integers(0, 2**32))
@settings(deadline=None, max_examples=100)
def test_values_on_random_graphs(graph: Graph, seed: int) -> None:
    check_values(FuseActivation(), graph, seed)
