"""Layers and views that share memory: concatenations, zeros around images, slices, other shapes."""

from __future__ import annotations

from collections import Counter

import pytest

from bittrue.ir import IntType
from bittrue.ir.ops import Add, AvgPool, Concat, MaxPool, Pad, Reshape, Slice, Transpose
from gap9.network_graphs import U8, Net
from gap9.network_run import kernels, layer, legal


def test_concatenations_are_placed() -> None:
    n = Net()
    x = n.input(3, 4, 5)
    a, b = (n.requant(name, n.conv(f"c{name}", x, (size, 3, 1, 1)), size) for name, size in (("a", 5), ("b", 4)))
    c = n.add("c", Concat(), a, b)
    p = n.add("p", MaxPool((1, 1)), n.add("d", Concat(), x, c, c))
    network = legal(n.build(p))
    assert network.tensors["a"].within == ("c", 0)
    assert network.tensors["b"].within == ("c", 5)
    assert network.tensors["c"].within == ("d", 3)
    assert kernels(network) == ["conv", "conv", "pad", "pad", "max_pool"] or kernels(network).count("pad") == 2
    copies = [found for found in network.layers if found.kernel == "pad"]
    assert {(found.inputs[0], network.root(found.output)[1]) for found in copies} == {("x", 0), ("c", 12)}


def test_a_dense_net_copies_nothing() -> None:
    n = Net()
    parts = [n.requant("a0", n.conv("c0", n.input(3, 4, 5), (4, 3, 3, 3), pads=(1, 1, 1, 1)), 4)]
    for index in range(1, 4):
        whole = n.add(f"w{index}", Concat(), *parts) if len(parts) > 1 else parts[0]
        parts.append(n.requant(f"a{index}", n.conv(f"c{index}", whole, (4, 4 * index, 3, 3), pads=(1, 1, 1, 1)), 4))
    network = legal(n.build(n.conv("y", n.add("all", Concat(), *parts), (2, 16, 1, 1))))
    assert kernels(network) == ["conv"] * 4 + ["pointwise"]
    assert network.tensors["w3"].within == ("all", 0)
    assert all(network.root(f"a{i}") == (network.tensors["all"], 4 * i) for i in range(4))


def test_rows_and_sums_are_concatenated_too() -> None:
    n = Net()
    x, z = n.input(5, 8), n.input(5, 3, name="z", elem="i32")
    network = legal(n.build(n.add("c", Concat(1), n.linear("a", x, 4, 8), z, n.linear("b", x, 6, 8))))
    assert Counter(kernels(network)) == {"linear": 2, "requantize": 1}
    assert network.tensors["b"].within == ("c", 7)


def test_zeros_around_images_become_pads() -> None:
    n = Net()
    p = n.add("p", Pad((0, 1, 0, 0, 2, 3)), n.input(4, 5, 6, elem="u8"))
    y = [n.conv("c", p, (2, 4, 3, 3), pads=(1, 0, 0, 0)), n.conv("d", p, (4, 1, 2, 2), groups=4),
         n.add("a", AvgPool(U8, (3, 3), (1, 1), divisor=10), p), n.add("g", AvgPool(U8), p),
         n.add("m", MaxPool((4, 4)), p)]
    network = legal(n.build(*y))
    assert "pad" not in kernels(network)
    assert "p" not in network.tensors
    assert [layer(network, name).window.pads for name in ("c", "d", "a")] == [(2, 0, 2, 3), (1, 0, 2, 3), (1, 0, 2, 3)]
    assert layer(network, "g").window.kernel == (8, 9)
    assert layer(network, "c").nodes == ("p", "c")


@pytest.mark.parametrize(("elem", "value", "kernel", "folded"), [
    ("u8", 0, 4, True), ("i8", 0, 4, False), ("i8", -128, 4, True), ("u8", 1, 4, False), ("u8", 0, 2, False)])
def test_padding_that_a_largest_value_cannot_tell(elem: str, value: int, kernel: int, folded: bool) -> None:
    n = Net()
    p = n.add("p", Pad((0, 1, 0, 0, 2, 3), value), n.input(4, 5, 6, elem=elem))
    assert kernels(legal(n.build(n.add("m", MaxPool((kernel, kernel)), p)))) == ["pad"] * (not folded) + ["max_pool"]


def test_padding_kernel() -> None:
    n = Net()
    x, z, w = n.input(3, 4, 5), n.input(4, 6, name="z"), n.input(7, name="w")
    p = n.add("p", Pad((2, 1, 0, 1, 0, 3), -7), x)
    q = n.add("q", Pad((1, 2, 0, 3), 5), n.requant("l", n.linear("cl", z, 3, 6), axis=1))
    flat = n.add("v", Pad((2, 1), 3), w)
    network = legal(n.build(n.conv("c", p, (2, 6, 3, 3)), q, flat))
    assert layer(network, "p").padding == (1, 0, 2, 0, 3, 1)
    assert layer(network, "q").padding == (0, 1, 2, 0, 0, 3)
    assert layer(network, "v").padding == (0, 0, 2, 0, 0, 1)


def test_slices() -> None:
    n = Net()
    x = n.input(8, 5, 6)
    a, b = n.add("a", Slice((0, 0, 0), (3, 5, 6)), x), n.add("b", Slice((4, 0, 0), (8, 5, 6)), x)
    c = n.add("c", Slice((1, 1, 2), (3, 4, 6)), x)
    network = legal(n.build(n.conv("ca", a, (2, 3, 3, 3)), n.add("s", Add(IntType(9, True)), b, b),
                            n.linear("l", n.flatten("f", c), 3, 24), n.linear("m", n.flatten("g", a), 3, 90)))
    assert network.tensors["b"].within == ("x", 4)
    assert layer(network, "c").kernel == "max_pool"
    assert layer(network, "c").window.pads == (-1, -2, -1, 0)
    assert layer(network, "a").kernel == "pad", "a flattened slice is copied"
    assert network.tensors["a"].within is None


def test_a_flattened_part_of_a_concatenation_is_copied_into_it() -> None:
    n = Net()
    a = n.requant("a", n.conv("ca", n.input(3, 4, 5), (4, 3, 1, 1)), 4)
    b = n.requant("b", n.conv("cb", a, (4, 4, 1, 1)), 4)
    network = legal(n.build(n.linear("y", n.flatten("f", a), 3, 80), n.add("c", Concat(), a, b)))
    assert network.tensors["a"].within is None
    assert network.tensors["b"].within == ("c", 4)
    assert kernels(network).count("pad") == 1


def test_other_shapes_of_the_same_memory() -> None:
    n = Net()
    a = n.requant("a", n.conv("ca", n.input(3, 4, 5), (4, 3, 1, 1)), 4)
    b = n.conv("b", n.add("r", Reshape((4, 20)), a), (2, 4, 3))
    network = legal(n.build(b, n.add("u", Reshape((2, 2, 20)), a)))
    assert (network.tensors["r"].within, network.tensors["r"].width) == (("a", 0), 20)
    assert network.aliases["u"] == "a"
    n = Net()
    image = n.add("r", Reshape((3, 4, 5)), n.input(60))
    assert legal(n.build(n.conv("c", image, (2, 3, 2, 2)))).tensors["x"].image == (3, 4, 5), "an input of any order"
    n = Net()
    image = n.add("t", Transpose((2, 0, 1)), n.input(4, 5, 3))
    assert legal(n.build(n.conv("c", image, (2, 3, 2, 2)))).tensors["x"].image is None, "channels last"
