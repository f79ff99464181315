"""Words of data memory against places counted one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bittrue.ir import IntArray
from bittrue.targets.max7800x.device import MAX78000, MAX78002
from bittrue.targets.max7800x.lower.answers import layer_area
from bittrue.targets.max7800x.lower.words import DataWords, tensor_words
from bittrue.targets.max7800x.memory import Area
from bittrue.targets.max7800x.network import INPUT, Layer
from bittrue.targets.max7800x.placement import Passes

from .lowered import planned
from .placed import conv, conv1d, copy, net
from .word_map import output_places

DIM = (3, 5)


def numbers(*shape: int) -> IntArray:
    """All values from -128 on, again and again."""
    return np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape) * 5 % 256 - 128


def as_bytes(found: DataWords) -> dict[tuple[int, int], int]:
    """(word, byte) -> value of every byte that belongs to the tensor; each of them once, and no other bit is set."""
    held: dict[tuple[int, int], int] = {}
    for word, value, mask in zip(*(side.tolist() for side in found), strict=True):
        assert value & ~mask == 0
        for byte in (i for i in range(4) if mask >> 8 * i & 0xFF):
            assert mask >> 8 * byte & 0xFF == 0xFF
            assert (word, byte) not in held
            held[word, byte] = value >> 8 * byte & 0xFF
    return held


OUTPUTS: dict[str, tuple[Layer, dict[str, Any]]] = {
    "one pass": (conv("a", 3, 7, DIM), {}),
    "processors not from 0 on": (conv("a", 3, 7, DIM), {"output_processors": 0b111_0101_1100}),
    "2 passes, the last one not full": (conv("a", 3, 70, DIM), {}),
    "write gap": (conv("a", 3, 7, DIM), {"write_gap": 2}),
    "write gap, 2 passes": (conv("a", 3, 70, DIM), {"write_gap": 1}),
    "vector": (conv("a", 3, 9, (1, 1)), {}),
    "without convolution": (copy("a", 130, DIM), {}),
}


@pytest.mark.parametrize(("layer", "changes"), OUTPUTS.values(), ids=OUTPUTS.keys())
def test_every_byte_of_an_output(layer: Layer, changes: dict[str, Any]) -> None:
    plan = planned(net(layer), MAX78000, {0: changes})
    tensor = numbers(layer.out_channels, *layer.out_dim)
    order = [p for p in range(64) if plan.placement.layers[0].output_processors >> p & 1]
    expected = {}
    for (channel, pixel), (instance, word) in output_places(layer, plan.placement.layers[0]).items():
        lane = order[channel % len(order)] % 4
        expected[instance * 8192 + word, lane] = int(tensor.reshape(layer.out_channels, -1)[channel, pixel]) & 0xFF
    assert as_bytes(tensor_words(layer_area(plan, 0), tensor, MAX78000)) == expected


@pytest.mark.parametrize("changes", [{}, {"write_gap": 1}, {"output_processors": 0b1_0111_0110}])
def test_wide_outputs_take_a_word_each(changes: dict[str, Any]) -> None:
    layer = conv("a", 3, 6, DIM, output_width=32)
    plan = planned(net(layer), MAX78002, {0: changes})
    tensor = numbers(6, *DIM) * 65537
    expected = {}
    for (channel, pixel), (instance, word) in output_places(layer, plan.placement.layers[0]).items():
        expected[instance * 20480 + word] = int(tensor.reshape(6, -1)[channel, pixel]) & 0xFFFF_FFFF
    found = tensor_words(layer_area(plan, 0), tensor, MAX78002)
    assert dict(zip(found.words.tolist(), found.values.tolist(), strict=True)) == expected
    assert set(found.masks.tolist()) == {0xFFFF_FFFF}


def test_words_come_pixel_by_pixel_and_pass_by_pass() -> None:
    """66 channels: 2 passes of 36 processors. One row of two pixels; instances 0 to 8, in the last pass to 7."""
    plan = planned(net(conv("a", 3, 66, (1, 2))), MAX78000, {0: {"out_offset": 0}})
    found = tensor_words(layer_area(plan, 0), numbers(66, 1, 2), MAX78000)
    assert found.words.tolist() == [
        *(8192 * i for i in range(9)), *(8192 * i + 1 for i in range(8)),
        *(8192 * i + 2 for i in range(9)), *(8192 * i + 3 for i in range(8))]
    assert found.masks[:17].tolist() == [0xFFFF_FFFF] * 16 + [0xFFFF]


def test_operands_of_an_input_are_neighbours() -> None:
    """Two operands of 2 channels and 3 pixels: words 10 and 11 have the first pixel."""
    area = Area(INPUT, 2, (3, 1), 0b11, Passes(1, 2), 10, 2, 2, 2)
    tensor = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9], [10, 11, 12]])
    found = tensor_words(area, tensor, MAX78000)
    assert found.words.tolist() == [10, 11, 12, 13, 14, 15]
    assert found.values.tolist() == [0x0401, 0x0A07, 0x0502, 0x0B08, 0x0603, 0x0C09]
    assert set(found.masks.tolist()) == {0xFFFF}


def test_four_pixels_of_a_channel_in_chw() -> None:
    """Channels in processors 0 and 16; 6 pixels are a word and a half."""
    area = Area(INPUT, 2, (2, 3), 1 << 16 | 1, Passes(1, 2), 5, 1, 1, 1, chw=True)
    found = tensor_words(area, np.array([[[1, 2, 3], [4, 5, -1]], [[7, 8, 9], [10, 11, 12]]]), MAX78000)
    assert found.words.tolist() == [5, 4 * 8192 + 5, 6, 4 * 8192 + 6]
    assert found.values.tolist() == [0x04030201, 0x0A090807, 0xFF05, 0x0C0B]
    assert found.masks.tolist() == [0xFFFF_FFFF] * 2 + [0xFFFF] * 2


def test_pixels_that_mean_nothing_are_left_out() -> None:
    """A dilated Conv1d as an image: dilation pixels before the output, and some behind it, are written as well."""
    layer = conv1d("a", 3, 4, 30, 3, dilation=(5, 1))
    plan = planned(net(layer), MAX78000, {0: {"out_offset": 0x100}})
    area = layer_area(plan, 0)
    assert (area.before, area.surplus) == (5, 10)
    found = tensor_words(area, numbers(4, 20), MAX78000)
    assert found.words.tolist() == list(range(0x40, 0x40 + 20))
