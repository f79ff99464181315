"""Graphs as networks of kernels: which layers are made of which nodes, and that the C kernels then compute exactly what
the graph computes, in every tensor."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from strategies import batch, graphs

from bittrue.ir import Graph, IntType, Rounding
from bittrue.ir.ops import (
    Abs,
    Add,
    AvgPool,
    Clip,
    Concat,
    LeakyRelu,
    Linear,
    Lookup,
    MaxPool,
    Relu,
    Requant,
    Transpose,
)
from bittrue.targets.gap9.kernels import Kind
from bittrue.targets.gap9.legalize import legalize, problems
from bittrue.targets.gap9.legalize.order import ordered
from bittrue.targets.gap9.legalize.ties import half_up
from gap9.network_graphs import I8, U8, Net
from gap9.network_run import check, differences, kernels, layer, legal

MAKERS = ("conv", "linear", "requant", "elementwise", "lookup", "max_pool", "avg_pool", "sum", "concat", "pad", "slice",
          "reorder")


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.one_of(graphs(MAKERS, 8, True), graphs(MAKERS, 8), graphs()), st.integers(0, 99))
def test_any_graph_is_exact_or_refused(graph: Graph, seed: int) -> None:
    found = problems(graph)
    for problem in found:
        assert problem.code == "BT5530" or "BT5540" <= problem.code <= "BT5549"
        assert problem.fix
        assert problem.where.split()[1].rstrip(",") in graph.node
    if not found:
        network = legalize(graph)
        check(graph, network)
        wrong = differences(graph, network, batch(graph, seed))
        assert wrong == dict.fromkeys(wrong, 0)


@pytest.mark.parametrize(("model", "preset", "kinds"), [
    ("digits_cnn", "w8a8_channel", {"conv": 3, "pointwise": 1, "max_pool": 1, "linear": 1}),
    ("digits_resnet", "w8a8_channel", {"conv": 6, "lookup": 1, "add": 2, "avg_pool": 1, "linear": 1}),
    ("digits_concat", "w4a4", {"conv": 3, "pointwise": 1, "max_pool": 1, "linear": 1}),
    ("digits_leaky", "w4a4_leaky", {"conv": 3, "pointwise": 1, "max_pool": 1, "linear": 1}),
    ("odd_cnn", "w8a8_pow2", {"conv": 4, "linear": 1}),
])
def test_frozen_models(model: str, preset: str, kinds: dict[str, int]) -> None:
    torch = pytest.importorskip("torch")
    from bittrue import freeze, quantize
    from bittrue.quantization import models

    torch.manual_seed(0)
    plain = getattr(models, model)()
    images = torch.rand(16, *((3, 9, 14) if model == "odd_cnn" else (1, 8, 8)))
    plain.train()(images)
    frozen = freeze(quantize(plain.eval(), preset, example_input=images).eval(), images[:1], name=model)
    network = legal(frozen.graph)
    assert Counter(kernels(network)) == kinds
    macs = sum(node.op.macs(*(frozen.graph.types[name] for name in node.inputs)) for node in frozen.graph.nodes)
    assert network.macs == macs > 40_000
    if preset == "w8a8_channel":
        assert Kind.GENERAL not in {found.requant.kind for found in network.layers}


def test_sums_activations_and_requantization_are_one_layer() -> None:
    n = Net()
    x = n.input(3, 5, 7)
    a = n.requant("a", n.add("r", Relu(), n.conv("c", x, (4, 3, 3, 3))), 1, U8)
    b = n.add("b", Clip(0, 99), n.requant("q", n.conv("d", a, (6, 4, 1, 1)), 6))
    c = n.requant("e", n.add("s", Add(IntType(9, True)), b, b), 6, U8)
    d = n.requant("f", n.flatten("g", n.add("p", AvgPool(IntType(12, False), divisor=1), c)), 6)
    network = legal(n.build(d, n.linear("h", d, 5, 6)))
    assert [found.nodes for found in network.layers] == [("c", "r", "a"), ("d", "q", "b"), ("s", "e"), ("p", "g", "f"),
                                                         ("h",)]
    assert layer(network, "b").requant.hi == 99
    assert layer(network, "a").requant.lo == 0
    assert layer(network, "h").requant.kind is Kind.NONE
    assert network.tensors["h"].elem == "i32"
    assert network.inputs == ("x",)
    assert not network.aliases


def test_sums_with_several_readers_are_stored() -> None:
    n = Net()
    c = n.conv("c", n.input(3, 4, 5), (4, 3, 3, 3))
    network = legal(n.build(n.requant("a", c, 4), n.requant("b", c, 4, U8)))
    assert kernels(network) == ["conv", "requantize", "requantize"]
    assert network.tensors["c"].elem == "i32"
    n = Net()
    c = n.conv("c", n.input(3, 4, 5), (4, 3, 3, 3))
    assert kernels(legal(n.build(c, n.requant("a", c)))) == ["conv", "requantize"], "an output"


def test_sums_that_fit_bytes_are_bytes() -> None:
    n = Net()
    x = n.input(4, 3, 5, elem="u2")
    c = n.conv("c", x, (3, 4, 1, 1), 3, bias=False)
    network = legal(n.build(n.add("l", LeakyRelu(5, 4), c), n.conv("d", c, (2, 3, 2, 2))))
    assert kernels(network) == ["pointwise", "lookup", "conv"]
    assert (network.tensors["c"].elem, network.tensors["d"].elem) == ("i8", "i32")


def test_activations_alone_make_sums_bytes() -> None:
    n = Net()
    a = n.add("a", Clip(-100, 90), n.conv("c", n.input(3, 4, 5), (4, 3, 3, 3)))
    b = n.add("b", Clip(-128, 127), n.add("l", LeakyRelu(13, 8, Rounding.HALF_AWAY), n.conv("d", a, (2, 4, 1, 1))))
    network = legal(n.build(b))
    assert [found.nodes for found in network.layers] == [("c", "a"), ("d", "l", "b")]


@pytest.mark.parametrize(("limit", "bits"), [(1, 2), (7, 4), (8, 8), (127, 8)])
def test_weights_are_stored_in_the_narrowest_width(limit: int, bits: int) -> None:
    n = Net()
    x = n.input(5, 4, 6)
    c = n.requant("c", n.conv("cc", x, (6, 5, 3, 2), limit), 6)
    y = n.linear("y", n.flatten("f", c), 7, 6 * 2 * 5, limit)
    assert [found.weight_bits for found in legal(n.build(y)).layers] == [bits, bits]


@pytest.mark.parametrize(("bias_bits", "bits"), [(24, 2), (26, 4), (28, 8)])
def test_narrow_weights_need_room_for_their_sums(bias_bits: int, bits: int) -> None:
    n = Net()
    x = n.input(9)
    weight, bias = n.builder.constant("w", np.ones((2, 9)), "i2"), n.builder.constant("b", [0, 1 << bias_bits], "i32")
    assert legal(n.build(n.add("y", Linear(), x, weight, bias))).layers[0].weight_bits == bits


@pytest.mark.parametrize(("channels", "limit", "kernel", "bits"), [
    (16, 1, "pointwise", 2), (8, 1, "pointwise", 4), (8, 7, "pointwise", 4), (4, 1, "pointwise", 8),
    (12, 7, "pointwise", 8), (6, 127, "conv", 8), (6, 1, "conv", 2)])
def test_pointwise_where_channels_fill_words(channels: int, limit: int, kernel: str, bits: int) -> None:
    n = Net()
    c = n.conv("c", n.input(channels, 5, 3), (5, channels, 1, 1), limit, stride=(2, 1))
    found = legal(n.build(n.requant("y", c, 5))).layers[0]
    assert (found.kernel, found.weight_bits) == (kernel, bits)


def test_a_padded_1x1_kernel_is_a_convolution() -> None:
    n = Net()
    c = n.conv("c", n.input(8, 3, 4), (4, 8, 1, 1), pads=(1, 0, 0, 2))
    assert kernels(legal(n.build(c))) == ["conv"]


def test_groups() -> None:
    n = Net()
    x = n.input(12, 5, 4)
    a = n.requant("a", n.conv("ca", x, (12, 1, 3, 3), groups=12, pads=(1, 1, 1, 1)), 12)
    b = n.requant("b", n.conv("cb", a, (16, 6, 3, 2), groups=2, stride=(2, 1)), 16, U8)
    c = n.conv("c", b, (32, 8, 1, 1), groups=2)
    network = legal(n.build(c))
    assert kernels(network) == ["depthwise", *["conv"] * 2, *["pointwise"] * 2]
    assert layer(network, "a").weights is not None
    assert [found.nodes for found in network.layers[1:3]] == [("cb", "b")] * 2
    assert [network.tensors[found.output].within for found in network.layers[1:3]] == [("b", 0), ("b", 8)]
    assert [network.root(found.inputs[0])[1] for found in network.layers[3:]] == [0, 8]
    assert network.macs == 12 * 20 * 9 + 16 * 2 * 3 * 36 + 32 * 6 * 8


def test_small_groups_share_a_layer() -> None:
    """A channel multiplier of 2: 8 groups of 1 input and 2 outputs, some of them together with zeros between them."""
    n = Net()
    network = legal(n.build(n.requant("y", n.conv("c", n.input(8, 6, 5), (16, 1, 3, 3), groups=8), 16)))
    assert len(network.layers) < 8
    assert network.macs == 16 * 4 * 3 * 9


@pytest.mark.parametrize("dilated", [1, 2])
def test_one_dimension(dilated: int) -> None:
    n = Net()
    a = n.requant("a", n.conv("ca", n.input(3, 17), (8, 3, 3), pads=(2, 1), stride=(2,), dilation=(dilated,)), 8)
    b = n.add("b", MaxPool((2,), (2,), (0, 1), (1,)), a)
    c = n.requant("c", n.conv("cc", b, (8, 1, 2), groups=8), 8)
    rows = n.add("t", Transpose((1, 0)), c)
    network = legal(n.build(n.linear("y", rows, 6, 8)))
    assert kernels(network) == ["conv", "max_pool", "depthwise", "linear"]
    assert network.tensors["t"].within == ("c", 0)
    assert network.tensors["y"].channels == 6


def test_linear_layers_on_rows_and_on_flattened_images() -> None:
    n = Net()
    y = n.requant("y", n.linear("c", n.input(2, 5, 12), 7, 12), 7, axis=2)
    z = n.linear("z", n.flatten("f", y), 3, 70)
    network = legal(n.build(z))
    assert [(t.height, t.width, t.channels) for t in map(network.tensors.get, ("x", "y", "z")) if t] == [
        (1, 10, 12), (1, 10, 7), (1, 1, 3)]
    n = Net()
    image = n.add("p", MaxPool((2, 2), (1, 1)), n.input(3, 4, 6))
    flat = n.add("r", Relu(), n.flatten("f", image))
    network = legal(n.build(n.linear("z", flat, 5, 45), flat))
    assert kernels(network) == ["max_pool", "lookup", "linear"]
    assert network.aliases == {"f": "p"}


@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize("divisor", [0, 1, 7, 8])
def test_averages(rounding: Rounding, divisor: int) -> None:
    n = Net()
    a = n.add("a", AvgPool(I8 if divisor != 1 else IntType(12, True), (3, 2), (2, 1), (1, 0, 1, 1), divisor or 6,
                           rounding), n.input(5, 6, 7))
    a = n.requant("q", a, 5, rounding=rounding, slope_multiplier=3, slope_shift=4)
    network = legal(n.build(n.add("g", AvgPool(I8, rounding=rounding), a)))
    assert kernels(network) == ["avg_pool", *["requantize"] * (divisor != 1), "avg_pool"]


def test_residuals_of_bytes_and_sums() -> None:
    n = Net()
    x, z = n.input(6, 4, 5), n.input(6, 4, 5, name="z", elem="i12")
    c = n.conv("c", x, (6, 6, 3, 3), pads=(1, 1, 1, 1))
    d = n.requant("d", n.add("s", Add(IntType(32, True)), c, x), 6)
    e = n.requant("e", n.add("t", Add(IntType(14, True)), d, z), 1, U8)
    network = legal(n.build(e, n.add("u", Add(IntType(10, True)), e, d)))
    assert kernels(network) == ["conv", "add", "add", "add"]
    assert (network.tensors["z"].elem, network.tensors["u"].elem) == ("i16", "i32")


def test_functions_of_bytes_are_one_table() -> None:
    n = Net()
    x = n.input(3, 4, 5)
    a = n.add("a", Abs(), n.add("l", LeakyRelu(13, 5, Rounding.TOWARD_ZERO), n.add("c", Clip(-90, 100), x)))
    t = n.add("t", Lookup(0), n.flatten("f", a), n.constant((256,), -128, 127))
    y = n.requant("y", t, 1, elem=U8, slope_multiplier=5, slope_shift=3, rounding=Rounding.HALF_EVEN)
    network = legal(n.build(y))
    assert [(found.kernel, found.nodes) for found in network.layers] == [("lookup", ("c", "l", "a", "f", "t", "y"))]
    assert network.tensors["y"].image == (3, 4, 5)


@pytest.mark.parametrize("rounding", list(Rounding))
def test_leaky_relu_is_a_table(rounding: Rounding) -> None:
    n = Net()
    assert kernels(legal(n.build(n.add("y", LeakyRelu(77, 9, rounding), n.input(256,))), 9)) == ["lookup"]


def test_what_changes_no_byte_is_no_layer() -> None:
    n = Net()
    x = n.input(3, 4, 5, elem="u8")
    y = n.add("y", Clip(0, 255), n.add("r", Relu(), x))
    network = legal(n.build(y, n.conv("c", y, (2, 3, 1, 1))))
    assert kernels(network) == ["conv"]
    assert network.aliases["y"] == "x"


def test_the_order_keeps_little_memory() -> None:
    """Four branches from a small input, each large in the middle: one after the other, not side by side."""
    n = Net()
    x = n.input(2, 6, 7)
    wide = [n.requant(f"w{i}", n.conv(f"c{i}", x, (16, 2, 1, 1)), 16) for i in range(4)]
    small = [n.add(f"m{i}", MaxPool((6, 7)), name) for i, name in enumerate(wide)]
    network = legal(n.build(n.add("y", Concat(), *small)))
    assert [found.name[0] for found in network.layers] == ["w", "m"] * 4
    backwards = replace(network, layers=tuple(reversed(network.layers)))
    assert [found.name[0] for found in ordered(backwards)] == ["w", "m"] * 4


@settings(max_examples=150, deadline=None)
@given(st.integers(-40, 40), st.integers(-300, 300), st.integers(0, 7), st.sampled_from([(1, 0), (0, 0), (13, 6)]),
       st.integers(-60, 60), st.integers(0, 60), st.sampled_from([-128, -3, 0, 1]))
@example(3, 0, 4, (13, 6), -50, 100, -128)
@example(3, 0, 3, (1, 0), -3, 8, -128)
@example(3, 0, 3, (1, 0), 3, 10, -128)
@example(-5, 1, 3, (13, 6), -9, 20, -128)
def test_ties_to_even_as_rounding_up(multiplier: int, offset: int, shift: int, slope: tuple[int, int], first: int,
                                     count: int, lo: int) -> None:
    numbers = tuple(np.array([value]) for value in (multiplier, offset, shift))
    acc = np.arange(first, first + count + 1)
    even = Requant(I8, lo, 90, Rounding.HALF_EVEN, *slope)
    found = half_up(even, (numbers[0], numbers[1], numbers[2]), (acc[:1], acc[-1:]))
    right, up = (op.run(acc[:, None], *values) for op, values in
                 ((even, numbers), (replace(even, rounding=Rounding.HALF_UP), numbers)))
    if found is not None:
        assert found[0].rounding is Rounding.HALF_UP
        assert (found[0].run(acc[:, None], *found[1]) == right).all()
    else:
        assert (up != right).any(), "rounding up would have been the same"


@pytest.mark.parametrize("rounding", list(Rounding))
def test_other_roundings_stay(rounding: Rounding) -> None:
    one = (np.array([3]), np.array([1]), np.array([4]))
    found = half_up(Requant(I8, -128, 127, rounding), one, (np.array([0]), np.array([3])))
    assert (found is not None) == (rounding is Rounding.HALF_EVEN)
