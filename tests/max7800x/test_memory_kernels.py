"""Kernel memory: sizes against bytes counted one by one, places against a search with sets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bittrue.targets.max7800x.device import MAX78000, MAX78002, Device
from bittrue.targets.max7800x.hardware import hardware, hardware_weights
from bittrue.targets.max7800x.memory import KernelMap, LayerKernels, memory_maps
from bittrue.targets.max7800x.memory.kernel_size import KernelSize, kernel_size
from bittrue.targets.max7800x.memory.kernels import FREE
from bittrue.targets.max7800x.network import Layer, Network
from bittrue.targets.max7800x.placement import Fifo, bits

from .placed import conv, conv1d, linear, net, place

DIM = (6, 8)


def size(layer: Layer, **changes: Any) -> KernelSize:
    network = net(layer)
    placement = place(network, {0: changes})
    return kernel_size(layer, hardware(network, MAX78002, placement)[0], placement.layers[0])


def kernels(network: Network, device: Device = MAX78000, layers: dict[int, dict[str, Any]] | None = None,
            **changes: Any) -> KernelMap:
    return memory_maps(network, place(network, layers, **changes), device).kernels


def offsets(found: KernelMap) -> list[int | None]:
    return [None if layer is None else layer.offset for layer in found.layers]


def known(layer: LayerKernels | None) -> LayerKernels:
    if layer is None:
        raise AssertionError("the layer has no kernels")
    return layer


def test_the_manuals_example_of_two_layers() -> None:
    """8 inputs and 10 outputs, then 10 inputs and 2 outputs: columns 0 to 9, then from 12."""
    found = kernels(net(conv("a", 8, 10, DIM), conv("bb", 10, 2, DIM, sources=(0,))))
    assert [(k.offset, k.size.length, k.size.written(0)) for k in map(known, found.layers)] == [
        (0, 10, ((0, 10),)), (12, 2, ((0, 2),))]
    assert found.occupancy[7, :16].tolist() == [0] * 10 + [FREE] * 2 + [1] * 2 + [FREE] * 2
    assert found.occupancy[9, :16].tolist() == [FREE] * 12 + [1] * 2 + [FREE] * 2
    assert (found.used(0), found.used(8), found.used(10)) == (12, 2, 0)


@settings(max_examples=60)
@given(st.sampled_from([1, 2, 4, 8]), st.integers(1, 200), st.integers(1, 64), st.sampled_from([1, 3, 9]))
def test_columns_are_full_words_of_nine_bytes(width: int, channels: int, outputs: int, taps: int) -> None:
    """Of 1x1, 1-D and 3x3 kernels alike: every byte holds the same weight of 8 / width output channels."""
    passes, in_byte = -(-channels // 64), 8 // width
    outputs = -(-outputs // in_byte) * in_byte
    counted = sum(taps for _ in range(0, outputs, in_byte) for _ in range(passes))
    found = size(conv1d("one", channels, outputs, 20, taps, bits=width))
    assert found.written(0) == ((0, -(-counted // 9)),)
    assert (found.count, found.out_count) == (outputs * passes, outputs * passes)


@pytest.mark.parametrize(("width", "outputs", "length"), [(8, 100, 104), (4, 96, 48), (1, 136, 18)])
def test_output_passes_take_columns_for_every_processor(width: int, outputs: int, length: int) -> None:
    """100 channels are 2 passes of 52 processors, 136 channels 3 passes of 48."""
    assert size(conv("one", 3, outputs, DIM, bits=width)).length == length


@pytest.mark.parametrize(("width", "outputs", "length"), [(4, 9, 5), (1, 2, 2), (1, 9, 2), (2, 7, 3), (2, 9, 3)])
def test_room_for_channels_that_do_not_fill_a_byte(width: int, outputs: int, length: int) -> None:
    """k kernels of 9 weights take (9 k width + 9 (k mod p)(p - 1)) / 72 columns, p = 8 / width, rounded up."""
    assert size(conv("one", 3, outputs, DIM, bits=width)).length == length


def test_output_processors_that_do_not_begin_a_word_shift_the_kernels() -> None:
    shifted = size(conv("one", 3, 6, DIM), output_processors=0b11111100)
    assert (shifted.length, shifted.count, shifted.written(0)) == (6, 8, ((2, 8),))


def test_output_processors_between_two_are_skipped() -> None:
    found = size(conv("one", 3, 5, DIM), output_processors=0b110000111)
    assert (found.length, found.written(0)) == (9, ((0, 3), (7, 9)))


def test_flattening_layer_has_all_pixels_of_an_output_together() -> None:
    """Two passes of 36 channels and 12 pixels: 24 weights for each of 10 outputs, in bytes of two weights."""
    found = size(linear("one", 72, 10, (3, 4), bits=4))
    assert (found.length, found.count) == (-(-10 * 24 // 2 // 9), 240)


def test_depthwise_layer_has_one_kernel_for_a_pass() -> None:
    found = size(conv("one", 70, 70, DIM, groups=70))
    assert (found.length, found.count, found.out_count) == (2, 2, 2 * 36)


def test_layers_with_all_processors_go_first() -> None:
    found = kernels(net(conv("a", 3, 5, DIM), conv("bb", 64, 4, DIM), conv("ccc", 128, 4, DIM)))
    assert offsets(found) == [12, 0, 4]


def test_layers_go_by_their_numbers() -> None:
    one, two = conv("a", 3, 5, DIM, sequence=7), conv("bb", 3, 9, DIM, sequence=3)
    assert offsets(kernels(net(one, two), MAX78002)) == [12, 0]


def test_equal_kernels_share_a_place() -> None:
    first = conv("a", 3, 4, DIM)
    network = net(first, replace(first, name="b"), replace(first, name="c"))
    found = kernels(network, layers={2: {"processors": 0b1110}})
    assert [(known(k).offset, known(k).shares) for k in found.layers] == [(0, None), (0, 0), (4, None)]
    assert found.used(1) == 8


def test_equal_bytes_of_other_widths_do_not_share() -> None:
    first = conv("a", 3, 4, DIM, bits=4)
    other = replace(first, weights=replace(first.weights, bits=8))
    assert [known(k).shares for k in kernels(net(first, other)).layers] == [None, None]


def test_overflow_names_processor_need_and_room() -> None:
    found = kernels(net(conv("a", 2, 700, DIM), conv("bb", 3, 96, DIM)))
    assert offsets(found) == [0, None]
    overflow, = found.overflows
    assert (overflow.layer, overflow.processor, overflow.needed, overflow.free) == (1, 0, 96, 64)


@st.composite
def networks(draw: st.DrawFn) -> tuple[Network, dict[int, dict[str, Any]]]:
    """Independent layers on any processors."""
    layers, places = [], {}
    for index in range(draw(st.integers(1, 7))):
        processors = draw(st.integers(1, (1 << 20) - 1)) << draw(st.integers(0, 44))
        outputs = draw(st.integers(1, 90))
        begin = 4 * draw(st.integers(0, 15 - (outputs > 4) * 15))
        layers.append(conv(f"{index}" * (index + 1), processors.bit_count(), outputs, DIM,
                           bits=draw(st.sampled_from([2, 8]))))
        width = outputs if outputs <= 64 else 4 * -(-outputs // 8)
        places[index] = {"processors": processors, "output_processors": ((1 << width) - 1) << min(begin, 60)}
    return net(*layers), places


@settings(max_examples=40, deadline=None)
@given(networks())
def test_first_start_where_all_processors_are_free(case: tuple[Network, dict[int, dict[str, Any]]]) -> None:
    network, places = case
    found = kernels(network, layers={i: p for i, p in places.items() if p["output_processors"] < 1 << 64})
    taken: dict[int, set[int]] = {p: set() for p in range(64)}
    for index, placed in enumerate(found.layers):
        placed = known(placed)
        if placed.shares is not None:
            continue
        columns = {c for begin, end in placed.size.written(0) for c in range(begin, end)}
        columns |= set(range(placed.size.length))
        start = next(s for s in range(0, 768, 4)
                     if not any(s + c in taken[p] for p in bits(placed.processors) for c in columns))
        assert placed.offset == start, index
        for processor in bits(placed.processors):
            taken[processor] |= {start + c for begin, end in placed.size.written(0) for c in range(begin, end)}
    assert {p: set(np.flatnonzero(found.occupancy[p] != FREE)) for p in range(64)} == taken


def test_larger_memories_are_used_from_their_end() -> None:
    only_first = {"processors": 0x1000100010001}
    network = net(conv("a", 4, 12, DIM), conv("bb", 4, 8, DIM), conv("ccc", 5, 7, DIM))
    found = kernels(network, MAX78002, {0: only_first, 1: only_first, 2: {"processors": 0x1000100010003}})
    assert offsets(found) == [5108, 5100, 0]
    assert found.occupancy[16, 5096:].tolist() == [FREE] * 4 + [1] * 8 + [0] * 12
    assert offsets(kernels(network, MAX78000, {0: only_first, 1: only_first})) == [0, 12, 20]


def test_the_end_is_given_up_when_the_free_columns_there_are_too_few() -> None:
    """10 columns from 5108 on leave two at the end; six that do not fit there go to the start."""
    only_first = {"processors": 1}
    network = net(conv("a", 1, 10, DIM), conv("bb", 1, 6, DIM))
    assert offsets(kernels(network, MAX78002, {0: only_first, 1: only_first})) == [5108, 0]


def test_larger_memories_are_filled_from_the_start_when_the_end_is_full() -> None:
    only_first = {"processors": 1}
    network = net(*(conv("x" * i, 1, 1024, DIM) for i in range(1, 6)))
    found = kernels(network, MAX78002, dict.fromkeys(range(5), only_first))
    assert found.overflows == ()
    assert found.used(0) == sum(known(k).size.length for k in found.layers)


def test_depthwise_kernels_stay_in_one_instance() -> None:
    """1020 columns are taken of the first 1024; 8 passes of depthwise kernels go to the next instance."""
    network = net(conv("a", 2, 960, DIM), conv("bb", 2, 60, DIM), conv("ccc", 480, 480, DIM, groups=480))
    assert offsets(kernels(network, MAX78002)) == [0, 960, 1024]
    whole = net(conv("a", 2, 960, DIM), conv("bb", 2, 60, DIM), conv("ccc", 480, 8, DIM))
    assert offsets(kernels(whole, MAX78002)) == [0, 960, 1020]


def test_quad_fifo_deals_the_first_layer_out_over_the_groups() -> None:
    found = kernels(net(conv("a", 3, 10, DIM)), fifo=Fifo.QUAD)
    first = known(found.layers[0])
    assert (first.size.length, first.processors) == (3, 0x0007000700070007)
    assert [found.used(p) for p in (0, 2, 3, 16, 34, 50)] == [3, 3, 0, 3, 2, 2]


def test_four_memories_at_once_count_columns_by_four() -> None:
    """Behind a plain layer of 32 columns the first such layer starts at the true column 32."""
    network = net(conv("a", 4, 32, DIM), conv("bb", 4, 4, DIM), conv("ccc", 4, 8, DIM))
    maps = memory_maps(network, place(network, {1: {"calc_x4": True}, 2: {"calc_x4": True}}), MAX78002)
    assert offsets(maps.kernels) == [0, 128, 32]
    assert [(c.layer, c.other, c.processor, c.column) for c in maps.clashes] == [(2, 0, 0, 8)]


def test_weights_of_dilated_and_streaming_layers_as_programmed() -> None:
    network = net(conv1d("a", 2, 3, 30, 3, dilation=(4, 1)), conv1d("bb", 2, 3, 30, 2, dilation=(9, 1)),
                  conv("ccc", 2, 3, DIM, kernel=(1, 1), pad=(0, 0)))
    layers = hardware(network, MAX78000, place(network, {2: {"streaming": True}}))
    stretched, image, padded = (hardware_weights(layer, h) for layer, h in zip(network.layers, layers, strict=True))
    values = [layer.weights.values for layer in network.layers if layer.weights is not None]
    assert stretched is not None
    assert image is not None
    assert padded is not None
    assert stretched.shape == (3, 2, 9, 1)
    assert stretched[1, 1, :, 0].tolist() == [values[0][1, 1, 0], 0, 0, 0, values[0][1, 1, 1], 0, 0, 0,
                                              values[0][1, 1, 2]]
    assert image[2, 0].tolist() == [[0, 0, 0], [0, values[1][2, 0, 0], 0], [0, values[1][2, 0, 1], 0]]
    assert padded[2, 1].tolist() == [[0, 0, 0], [0, values[2][2, 1, 0, 0], 0], [0, 0, 0]]
