"""Bias memory: groups, offsets and bytes, counted by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bittrue.targets.max7800x.device import MAX78000, MAX78002, Device
from bittrue.targets.max7800x.memory import BiasMap, LayerBias, memory_maps
from bittrue.targets.max7800x.network import Layer, Network
from bittrue.targets.max7800x.placement import Fifo

from .placed import conv, linear, net, place

DIM = (6, 8)
ALL_GROUPS = {"output_processors": 0x0001000100010001}


def biases(network: Network, device: Device = MAX78000, layers: dict[int, dict[str, Any]] | None = None,
           **changes: Any) -> BiasMap:
    return memory_maps(network, place(network, layers, **changes), device).biases


def known(layer: LayerBias | None) -> LayerBias:
    if layer is None:
        raise AssertionError("the layer has no bias")
    return layer


def places(found: BiasMap) -> list[tuple[int, int]]:
    return [(known(layer).groups[0], known(layer).offsets[0]) for layer in found.layers]


def biased(name: str, outputs: int, **changes: Any) -> Layer:
    return conv(name, 3, outputs, DIM, bias=len(name), **changes)


def depthwise(values: list[int], processors: int, output_processors: int, **changes: Any) -> BiasMap:
    count = len(values)
    layer = conv("one", count, count, DIM, groups=count)
    if layer.weights is None:
        raise AssertionError("a convolution has weights")
    weighted = replace(layer, weights=replace(layer.weights, bias=np.array(values, np.int64)))
    network = net(weighted, conv("two", 3, 4, DIM))
    spot = {"processors": processors, "output_processors": output_processors}
    return biases(network, MAX78002, {0: spot, 1: {"processors": 0x10001 | 1 << 32}}, **changes)


def test_largest_first_into_the_emptiest_group() -> None:
    """Four groups are in use; sizes 10, 40, 30, 20, 5 go to groups 3, 0, 1, 2, and the 5 to the one with 10."""
    network = net(biased("a", 10), biased("bb", 40), biased("ccc", 30), biased("dddd", 20), biased("eeeee", 5),
                  conv("last", 3, 4, DIM))
    found = biases(network, layers={5: ALL_GROUPS})
    assert places(replace(found, layers=found.layers[:5])) == [(3, 0), (0, 0), (1, 0), (2, 0), (3, 10)]
    assert [found.used(group) for group in range(4)] == [40, 30, 20, 15]
    assert found.images[3] == tuple((i + 1) % 100 + 1 for i in range(10)) + tuple((i + 5) % 100 + 1 for i in range(5))


def test_layers_bound_to_a_group_go_before_larger_ones() -> None:
    network = net(biased("a", 40), biased("bb", 10), conv("last", 3, 4, DIM))
    found = biases(network, layers={1: {"bias_groups": (1,)}, 2: ALL_GROUPS})
    assert places(replace(found, layers=found.layers[:2])) == [(0, 0), (1, 0)]
    only_group_0 = biases(net(biased("a", 10), biased("bb", 40), conv("last", 3, 4, DIM)))
    assert places(replace(only_group_0, layers=only_group_0.layers[:2])) == [(0, 0), (0, 10)]


def test_a_group_among_several_that_are_allowed() -> None:
    network = net(biased("a", 40), biased("bb", 10), conv("last", 3, 4, DIM))
    found = biases(network, layers={0: {"bias_groups": (2, 3)}, 1: {"bias_groups": (2, 1)}, 2: ALL_GROUPS})
    assert places(replace(found, layers=found.layers[:2])) == [(2, 0), (1, 0)]


def test_flattening_layers_go_first_on_one_chip() -> None:
    network = net(biased("a", 40), linear("bb", 3, 10, DIM, bias=2))
    assert places(biases(network, MAX78000)) == [(0, 10), (0, 0)]
    assert places(biases(network, MAX78002)) == [(0, 0), (0, 40)]


def test_a_bias_of_zeros_takes_no_place() -> None:
    layer = biased("a", 4)
    if layer.weights is None:
        raise AssertionError("a convolution has weights")
    zeros = replace(layer, weights=replace(layer.weights, bias=np.zeros(4, np.int64)))
    found = biases(net(zeros, biased("bb", 4)))
    assert found.layers[0] is None
    assert found.used(0) == 4


def test_equal_biases_share_a_place() -> None:
    first = biased("a", 6)
    found = biases(net(first, replace(first, name="b")))
    assert [known(layer).shares for layer in found.layers] == [None, 0]
    assert found.used(0) == 6


def test_output_processors_that_do_not_begin_a_word_shift_the_values() -> None:
    found = biases(net(biased("a", 4)), layers={0: {"output_processors": 0b1111 << 6}})
    assert found.images[0] == (None, None, 2, 3, 4, 5)
    many = biases(net(biased("a", 100)), layers={0: {"output_processors": ((1 << 52) - 1) << 3}})
    assert many.images[0][:7] == (None,) * 6 + (2,)


def test_a_streaming_first_layer_leaves_a_byte_out_on_one_chip() -> None:
    changes: dict[str, Any] = {"layers": {0: {"streaming": True}}, "fifo": Fifo.STANDARD}
    assert biases(net(biased("a", 4)), MAX78000, **changes).images[0] == (None, 2, 3, 4, 5)
    assert biases(net(biased("a", 4)), MAX78002, **changes).images[0] == (2, 3, 4, 5)


def test_four_memories_at_once_begin_at_a_multiple_of_four() -> None:
    network = net(biased("a", 7), biased("bb", 4))
    found = biases(network, MAX78002, {1: {"calc_x4": True}})
    assert places(found) == [(0, 0), (0, 8)]
    assert found.images[0][6:9] == (8, None, 3)


def test_depthwise_values_lie_in_the_groups_of_their_processors() -> None:
    """20 channels on processors 0 to 19, outputs elsewhere: 16 values in group 0, 4 in group 1."""
    found = depthwise(list(range(1, 21)), (1 << 20) - 1, ((1 << 20) - 1) << 32)
    assert known(found.layers[0]).groups == (0, 1)
    assert found.images[:2] == (tuple(range(1, 17)), (17, 18, 19, 20))


def test_the_first_groups_processors_are_closed_up() -> None:
    """Channels on processors 12 to 17: the first four count from 0, and gaps up to 15 follow."""
    found = depthwise([1, 2, 3, 4, 5, 6], 0b111111 << 12, 0b111111 << 32)
    assert found.images[:2] == ((1, 2, 3, 4) + (None,) * 12, (5, 6))


def test_broadcasting_groups_read_four_values_at_once() -> None:
    """Processor 4 j + i reads place 4 i + j: channels 0 to 5 of processors 0 to 5 lie at 0, 4, 8, 12, 1, 5."""
    found = depthwise([10, 11, 12, 13, 14, 15], 0b111111, 0b111111)
    assert found.images[0] == (10, 14, None, None, 11, 15, None, None, 12, None, None, None, 13)


def test_broadcast_values_begin_at_a_multiple_of_four() -> None:
    """The second layer begins behind the 13 bytes of the first, at 16."""
    layers = []
    for name in ("a", "bb"):
        layer = conv(name, 4, 4, DIM, groups=4, bias=len(name))
        layers.append(layer)
    found = biases(net(*layers), MAX78002)
    assert [known(layer).offsets for layer in found.layers] == [(0,), (16,)]


def test_depthwise_passes_follow_one_another() -> None:
    """72 channels are two passes of 36 processors: in every group first the values of one pass, then of the other."""
    found = depthwise(list(range(1, 73)), (1 << 36) - 1, ((1 << 36) - 1) << 16)
    assert found.images[0] == (*range(1, 17), *range(37, 53))
    assert found.images[2] == (33, 34, 35, 36, 69, 70, 71, 72)


def test_the_quad_fifo_deals_the_values_out() -> None:
    found = biases(net(biased("a", 10)), fifo=Fifo.QUAD)
    assert found.images == ((2, 6, 10), (3, 7, 11), (4, 8), (5, 9))


def test_overflow_names_need_and_room() -> None:
    found = biases(net(biased("a", 300), biased("bb", 213)), layers={i: {"bias_groups": (0,)} for i in (0, 1)})
    assert [(o.layer, o.group, o.needed, o.free) for o in found.overflows] == [(1, 0, 213, 212)]
    assert found.layers[1] is None


@given(st.lists(st.integers(1, 90), min_size=1, max_size=8))
def test_every_value_is_where_its_layer_says(sizes: list[int]) -> None:
    network = net(*(biased("x" * (i + 1), size) for i, size in enumerate(sizes)), conv("last", 3, 4, DIM))
    found = biases(network, layers={len(sizes): ALL_GROUPS})
    for layer, placed in zip(network.layers[:-1], found.layers, strict=False):
        values = [] if layer.weights is None or layer.weights.bias is None else layer.weights.bias.tolist()
        spot = known(placed)
        assert found.images[spot.groups[0]][spot.offsets[0]:spot.offsets[0] + len(values)] == tuple(values)
    unshared = [known(p).length for p in found.layers[:-1] if known(p).shares is None]
    assert sum(map(len, found.images)) == sum(unshared)
