"""FoldBias."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pass_cases import check_text, check_values
from strategies import Making, graphs, narrow_types, roundings

from bittrue.ir import Graph, IntType
from bittrue.ir.ops import Conv, Linear, Requant
from bittrue.ir.text import parse_graph
from bittrue.passes import FoldBias, run_passes

LINEAR = """
    graph "g"
    @w: i4[2,3] = [[1, -2, 3], [0, 4, 5]]
    @b: i8[2] = [-7, 100]
    @m: u4[2] = [3, 5]
    @o: i8[2] = [10, -10]
    @s: u3[2] = [4, 5]
    %x = Input(tensor=u4[3])
    %acc = Linear(%x, @w, @b)
    %y = Requant(%acc, @m, @o, @s, out=i8, lo=-128, hi=127)
    output %y
"""


def test_bias_moves_times_the_multiplier() -> None:
    graph = run_passes(parse_graph(LINEAR), [FoldBias()]).graph
    assert graph.node["acc"].inputs == ("x", "w")
    assert graph.node["y"].inputs == ("acc", "y.multiplier", "y.offset", "y.shift")
    assert graph.constants["y.offset"].values.tolist() == [10 - 7 * 3, -10 + 100 * 5]
    assert str(graph.constants["y.offset"].type) == "i10[2]"
    check_values(FoldBias(), parse_graph(LINEAR), 0, but=frozenset({"acc"}))


def test_one_multiplier_for_all_channels_of_a_1d_image_becomes_one_for_each() -> None:
    before = """
        graph "g"
        @w: i4[2,1,2] = [[[1, -2]], [[0, 4]]]
        @b: i8[2] = [-7, 100]
        @m: u4[1] = [3]
        @o: i8[1] = [10]
        @s: u3[1] = [4]
        %x = Input(tensor=u4[1,5])
        %acc = Conv(%x, @w, @b, stride=(2,), pads=(0, 1), dilation=(1,))
        %y = Requant(%acc, @m, @o, @s, out=i8, lo=-128, hi=127)
        output %y
    """
    graph = run_passes(parse_graph(before), [FoldBias()]).graph
    parameters = [graph.constants[name].values.tolist() for name in graph.node["y"].inputs[1:]]
    assert parameters == [[3, 3], [10 - 21, 10 + 300], [4, 4]]
    assert isinstance(graph.node["acc"].op, Conv)
    check_values(FoldBias(), parse_graph(before), 0, but=frozenset({"acc"}))


def test_new_names_are_free_names() -> None:
    graph = run_passes(parse_graph(LINEAR.replace("@o", "@y.offset")), [FoldBias()]).graph
    assert graph.node["y"].inputs[2] == "y.offset_"


WIDE = (("@b: i8[2] = [-7, 100]", "@b: i8[2] = [-7, -100]"), ("@m: u4[2] = [3, 5]", f"@m: u60[2] = [3, {2**55}]"))
NARROW = (("@b: i8[2] = [-7, 100]", "@b: u8[2] = [30, 100]"), ("@w, @b)", "@w, @b, acc=u9)"))


@pytest.mark.parametrize("edits", [
    (("output %y", "output %y, %acc"),),  # someone else sees the accumulator
    (("output %y", "%z = Relu(%acc)\n output %y, %z"),),  # or reads it
    (("@w, @b)", "@w)"),),  # there is no bias
    (("u4[3]", "u4[2,3]"),),  # the Requant works on another axis than the channels
    NARROW,  # the accumulator does not hold the sums without bias
    WIDE,  # nor do 64 bits hold them times the multiplier
])
def test_bias_stays_where_it_must(edits: tuple[tuple[str, str], ...]) -> None:
    text = LINEAR
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    assert not run_passes(parse_graph(text), [FoldBias()]).modified


def test_bias_of_a_transposed_convolution_moves() -> None:
    check_text(FoldBias(), """
        graph "g"
        @w: i4[1,2,1,2] = [[[[1, -2]], [[0, 4]]]]
        @b: i8[2] = [-7, 100]
        @m: u4[2] = [3, 2]
        @o: i8[2] = [10, 0]
        @s: u3[2] = [4, 4]
        %x = Input(tensor=u4[1,5,2])
        %acc = ConvTranspose(%x, @w, @b, stride=(2, 1))
        %y = Requant(%acc, @m, @o, @s, out=i8, lo=-128, hi=127)
        output %y
    """, """
        graph "g"
        @w: i4[1,2,1,2] = [[[[1, -2]], [[0, 4]]]]
        @b: i8[2] = [-7, 100]
        @m: u4[2] = [3, 2]
        @o: i8[2] = [10, 0]
        @s: u3[2] = [4, 4]
        @y.multiplier: u2[2] = [3, 2]
        @y.offset: i9[2] = [-11, 200]
        @y.shift: u3[2] = [4, 4]
        %x = Input(tensor=u4[1,5,2])
        %acc = ConvTranspose(%x, @w, stride=(2, 1))
        %y = Requant(%acc, @y.multiplier, @y.offset, @y.shift, out=i8, lo=-128, hi=127)
        output %y
    """, but=frozenset({"acc"}))


@st.composite
def biased_layers(draw: st.DrawFn) -> Graph:
    """Weighted layers with a bias, each followed by a Requant, one behind the other."""
    m = Making(draw)
    m.builder.input("x", (2, m.integer(1, 5)), draw(narrow_types))
    for _ in range(m.integer(1, 3)):
        x, tensor = m.builder.nodes[-1].name, m.graph.types[m.builder.nodes[-1].name]
        outputs, linear = m.integer(1, 3), draw(st.booleans())
        weight = m.constant((outputs, tensor.shape[-1]) if linear else (outputs, tensor.shape[0], 1), IntType(4, True))
        bias = m.constant((outputs,), IntType(12, True))
        m.add(Linear() if linear else Conv((1,), m.integers(2, 0, 1), (1,)), x, weight, bias)
        channels, out = (outputs,) if draw(st.booleans()) else (1,), draw(narrow_types)
        parameters = (m.constant(channels, IntType(8, True)), m.constant(channels, IntType(20, True)),
                      m.constant(channels, IntType(4, False)))
        m.add(Requant(out, out.min, out.max, draw(roundings), axis=int(linear)), m.builder.nodes[-1].name, *parameters)
    return m.builder.build(m.builder.nodes[-1].name)


@given(biased_layers(), st.integers(0, 2**32))
@settings(deadline=None, max_examples=100)
def test_every_bias_in_front_of_a_requant_moves(graph: Graph, seed: int) -> None:
    layers = frozenset(node.name for node in graph if isinstance(node.op, Conv | Linear))
    folded = run_passes(graph, [FoldBias()]).graph
    assert all(len(folded.node[name].inputs) == 2 for name in layers)
    check_values(FoldBias(), graph, seed, but=layers)


@given(graphs(["conv", "linear", "requant"], max_nodes=8), st.integers(0, 2**32))
@settings(deadline=None, max_examples=60)
def test_outputs_on_random_graphs(graph: Graph, seed: int) -> None:
    layers = frozenset(node.name for node in graph if isinstance(node.op, Conv | Linear))
    check_values(FoldBias(), graph, seed, but=layers - {*graph.outputs})
