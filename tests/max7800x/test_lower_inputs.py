"""Words of inputs, written by hand: data memory in HWC and CHW, FIFOs."""

from __future__ import annotations

import numpy as np
import pytest

from bittrue.errors import Unsupported
from bittrue.targets.max7800x.device import MAX78000, MAX78002
from bittrue.targets.max7800x.lower.inputs import input_blocks
from bittrue.targets.max7800x.placement import Fifo
from bittrue.targets.max7800x.program import InputBlock

from .lowered import planned
from .placed import added, conv, net

FEW = np.array([[[1, 2]], [[3, 4]], [[5, -1]]])
"""3 channels of 1x2."""


def told(blocks: list[InputBlock]) -> list[tuple[str, int, list[int], int]]:
    return [(b.label, b.address, b.words.tolist(), b.step) for b in blocks]


def test_four_channels_to_a_word() -> None:
    plan = planned(net(conv("a", 3, 2, (1, 2))), layers={0: {"in_offset": 0x40}})
    assert told(input_blocks(plan, FEW)) == [("channels 0 to 2", 0x50400040, [0x050301, 0xFF0402], 4)]


def test_processors_with_a_gap_in_another_group() -> None:
    plan = planned(net(conv("a", 3, 2, (1, 2))), MAX78002, {0: {"processors": 0b1010 << 20 | 1}})
    assert told(input_blocks(plan, FEW)) == [("channel 0", 0x51800000, [1, 2], 4),
                                             ("channels 1 to 2", 0x52820000, [0x05000300, 0xFF000400], 4)]


def test_passes_take_turns() -> None:
    """66 channels in passes of 36: instance 8 has no channel in the second pass, whose words are 0 there."""
    plan = planned(net(conv("a", 66, 2, (1, 2))))
    blocks = input_blocks(plan, np.arange(132).reshape(66, 1, 2))
    assert [len(b.words) for b in blocks] == [4] * 9
    assert told(blocks)[0] == ("channels 0 to 3, 36 to 39", 0x50400000,
                               [0x06040200, 0x4E4C4A48, 0x07050301, 0x4F4D4B49], 4)
    assert told(blocks)[7] == ("channels 28 to 31, 64 to 65", 0x50818000,
                               [0x3E3C3A38, 0x8280, 0x3F3D3B39, 0x8381], 4)
    assert told(blocks)[8] == ("channels 32 to 35", 0x50C00000, [0x46444240, 0, 0x47454341, 0], 4)


def test_operands_take_turns() -> None:
    plan = planned(net(added("a", 2, 2, (1, 2))))
    blocks = input_blocks(plan, np.array([[[1, 2]], [[3, 4]], [[5, 6]], [[7, 8]]]))
    assert told(blocks) == [("channels 0 to 3", 0x50400000, [0x0301, 0x0705, 0x0402, 0x0806], 4)]


def test_a_channel_after_the_other_in_chw() -> None:
    plan = planned(net(conv("a", 2, 2, (2, 3))), layers={0: {"processors": 1 << 16 | 1, "in_offset": 8}}, chw=True)
    blocks = input_blocks(plan, np.array([[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [10, 11, -1]]]))
    assert told(blocks) == [("channel 0", 0x50400008, [0x04030201, 0x0605], 4),
                            ("channel 1", 0x50800008, [0x0A090807, 0xFF0B], 4)]


def test_a_one_dimensional_input() -> None:
    plan = planned(net(conv("a", 2, 2, (3, 1), kernel=(1, 1), pad=(0, 0))))
    assert told(input_blocks(plan, np.array([[1, 2, 3], [4, 5, 6]])))[0][2] == [0x0401, 0x0502, 0x0603]


def test_fifos_of_two_groups() -> None:
    plan = planned(net(conv("a", 6, 2, (1, 2))), layers={0: {"processors": 0b1111 << 16 | 0b11}},
                   fifo=Fifo.STANDARD)
    assert told(input_blocks(plan, np.arange(12).reshape(6, 1, 2))) == [
        ("channels 0 to 1", 0x50000008, [0x0200, 0x0301], 0),
        ("channels 2 to 5", 0x5000000C, [0x0A080604, 0x0B090705], 0)]


def test_fifos_with_a_byte_each() -> None:
    plan = planned(net(conv("a", 3, 2, (1, 2))), layers={0: {"processors": 0x1_0001_0001}}, fifo=Fifo.STANDARD)
    assert told(input_blocks(plan, FEW)) == [("channel 0", 0x50000008, [1, 2], 0), ("channel 1", 0x5000000C, [3, 4], 0),
                                             ("channel 2", 0x50000010, [5, 0xFF], 0)]


def test_fifos_in_chw() -> None:
    plan = planned(net(conv("a", 2, 2, (2, 3))), layers={0: {"processors": 1 << 16 | 1 << 48}}, chw=True,
                   fifo=Fifo.STANDARD)
    assert told(input_blocks(plan, np.arange(12).reshape(2, 2, 3))) == [
        ("channel 0", 0x5000000C, [0x03020100, 0x0504], 0), ("channel 1", 0x50000014, [0x09080706, 0x0B0A], 0)]


@pytest.mark.parametrize(("kind", "processors"), [(Fifo.FAST, 0b111), (Fifo.FAST, 0x1_0001_0001),
                                                  (Fifo.QUAD, 0b111)])
def test_fast_fifo_has_all_channels(kind: Fifo, processors: int) -> None:
    """Its bytes go to four processors of a group, to those of all groups, or to one of every group."""
    plan = planned(net(conv("a", 3, 8, (1, 2))), MAX78002, {0: {"processors": processors}}, fifo=kind)
    assert told(input_blocks(plan, FEW)) == [("channels 0 to 2", 0x400C0410, [0x050301, 0xFF0402], 0)]


@pytest.mark.parametrize(("kind", "processors"), [(Fifo.STANDARD, 0b111_0000), (Fifo.FAST, 0b111 << 16),
                                                  (Fifo.QUAD, 0x1_0001_0001)])
def test_channels_that_no_fifo_feeds(kind: Fifo, processors: int) -> None:
    plan = planned(net(conv("a", 3, 8, (1, 2))), MAX78000, {0: {"processors": processors}}, fifo=kind)
    with pytest.raises(Unsupported, match=r"layer a: [123] of its 3 input channels") as caught:
        input_blocks(plan, FEW)
    assert [d.code for d in caught.value.diagnostics] == ["BT5411"]
