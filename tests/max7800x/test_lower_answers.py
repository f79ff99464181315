"""Known answers, outputs and the words of layers, written by hand."""

from __future__ import annotations

import numpy as np

from bittrue.targets.max7800x.device import MAX78000, MAX78002
from bittrue.targets.max7800x.lower.answers import known_answer, layer_words, output_tensors
from bittrue.targets.max7800x.placement import Fifo
from bittrue.targets.max7800x.program import OutputBlock

from .lowered import planned
from .placed import chain, conv, net


def told(blocks: tuple[OutputBlock, ...]) -> list[tuple[int, int, list[int], int]]:
    return [(b.address, b.mask, b.words.tolist(), b.step) for b in blocks]


def test_words_are_sorted_by_mask_and_joined() -> None:
    """5 channels of 1x2 from processor 2 on: two in instance 0, three in instance 1."""
    plan = planned(net(conv("a", 3, 5, (1, 2))), layers={0: {"output_processors": 0b1111100, "out_offset": 0x20}})
    tensor = np.array([[[1, 2]], [[3, 4]], [[5, 6]], [[7, 8]], [[9, -1]]])
    assert told(known_answer(plan, [tensor])) == [
        (0x50408020, 0x00FFFFFF, [0x090705, 0xFF0806], 4), (0x50400020, 0xFFFF0000, [0x03010000, 0x04020000], 4)]


def test_words_with_a_gap_are_alone() -> None:
    plan = planned(net(conv("a", 3, 4, (1, 2))), layers={0: {"write_gap": 1, "out_offset": 0}})
    assert told(known_answer(plan, [np.arange(8).reshape(4, 1, 2)])) == [
        (0x50400000, 0xFFFFFFFF, [0x06040200], 4), (0x50400008, 0xFFFFFFFF, [0x07050301], 4)]


def test_outputs_of_several_layers_are_one_answer() -> None:
    """32-bit results of the second layer, 8-bit ones of the first one."""
    network = chain(conv("a", 3, 2, (1, 2)), conv("bb", 2, 5, (1, 2), output_width=32), outputs=(0, 1))
    plan = planned(network, layers={0: {"out_offset": 0x100, "output_processors": 0b11 << 32},
                                    1: {"out_offset": 0x200, "processors": 0b11 << 32}})
    first, second = np.array([[[1, 2]], [[3, 4]]]), np.arange(-5, 5).reshape(5, 1, 2)
    negative = [v & 0xFFFF_FFFF for v in range(-5, 0)]
    assert told(known_answer(plan, [first, second])) == [
        (0x50C00100, 0xFFFF, [0x0301, 0x0402], 4),
        (0x50400200, 0xFFFF_FFFF, [negative[0], negative[2], negative[4], 1, negative[1], negative[3], 0, 2], 4),
        (0x50408200, 0xFFFF_FFFF, [3], 4), (0x50408210, 0xFFFF_FFFF, [4], 4)]
    outputs = output_tensors(plan)
    assert [(o.name, o.channels, o.dim, o.pixel_step, o.wide, o.elements) for o in outputs] == [
        ("a", (0x50C00100, 0x50C00101), (1, 2), 4, False, 4),
        ("bb", (0x50400200, 0x50400204, 0x50400208, 0x5040020C, 0x50408200), (1, 2), 16, True, 10)]


def test_blocks_end_with_a_data_memory() -> None:
    """The last word of instance 0 and the first one of instance 1 are neighbours in number only."""
    plan = planned(net(conv("a", 3, 8, (1, 1))), MAX78002, {0: {"out_offset": 4 * 20479}})
    assert [(b.address, len(b.words)) for b in known_answer(plan, [np.arange(8).reshape(8, 1, 1)])] == [
        (0x51800000 + 4 * 20479, 1), (0x51820000 + 4 * 20479, 1)]
    network = net(conv("a", 3, 4, (1, 1)), conv("bb", 3, 4, (1, 1)), outputs=(0, 1))
    plan = planned(network, MAX78002, {0: {"out_offset": 4 * 20479},
                                       1: {"out_offset": 0, "output_processors": 0xF0}})
    assert [(b.address, len(b.words)) for b in known_answer(plan, [np.zeros((4, 1, 1), np.int64)] * 2)] == [
        (0x51800000 + 4 * 20479, 1), (0x51820000, 1)]


def test_passes_of_an_output_lie_side_by_side() -> None:
    """72 channels: 2 passes of 36; channel 36 is in the word behind channel 0."""
    plan = planned(net(conv("a", 3, 72, (2, 3))), layers={0: {"out_offset": 0}})
    [output] = output_tensors(plan)
    assert (output.channels[0], output.channels[35], output.channels[36], output.channels[71]) == (
        0x50400000, 0x50C00003, 0x50400004, 0x50C00007)
    assert (output.dim, output.pixel_step, len(output.channels)) == ((2, 3), 8, 72)


def test_a_streaming_layer_writes_a_circular_buffer() -> None:
    """The next layer's buffer has some words at 0x4000, and the 60 pixels go round it."""
    network = chain(conv("a", 3, 4, (6, 10)), conv("bb", 4, 4, (6, 10)))
    layers = {0: {"streaming": True}, 1: {"streaming": True}}
    plan = planned(network, MAX78000, layers, fifo=Fifo.STANDARD)
    following = plan.maps.streams[1]
    assert following is not None
    size = following.buffer
    assert size is not None
    assert size < 60
    tensors = [np.arange(240).reshape(4, 6, 10) % 128] * 2
    first, last = layer_words(plan, tensors)
    assert first.words.tolist() == [0x1000 + pixel % size for pixel in range(60)]
    assert first.values[59] == 59 | 119 << 8 | (179 - 128) << 16 | (239 - 128) << 24
    assert last.words.tolist() == list(range(60))


def test_without_a_fifo_a_streaming_layer_writes_its_whole_output() -> None:
    network = chain(conv("a", 3, 4, (6, 10)), conv("bb", 4, 4, (6, 10)))
    plan = planned(network, MAX78000, {0: {"streaming": True}, 1: {"streaming": True}})
    first, _ = layer_words(plan, [np.zeros((4, 6, 10), np.int64)] * 2)
    assert first.words.tolist() == list(range(0x1000, 0x1000 + 60))
