"""Rules about a placement: each has one that breaks just it, and a neighbour that does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from bittrue.targets.max7800x.device import MAX78000, MAX78002, Device
from bittrue.targets.max7800x.network import Network, RollingBuffer
from bittrue.targets.max7800x.placement import BufferPlacement, Fifo, Placement
from bittrue.targets.max7800x.rules import problems

from .placed import FAR, chain, conv, conv1d, copy, net, place, pooled

Changes = Mapping[int, Mapping[str, Any]]
Placed = tuple[Network, Placement]

SMALL = (6, 8)
TWO = chain(conv("a", 3, 4, SMALL), conv("bb", 4, 2, SMALL))
THREE = chain(conv("a", 4, 32, SMALL), conv("bb", 32, 4, SMALL), conv("ccc", 4, 4, SMALL))
ONE = net(conv("one", 3, 4, SMALL))
MANY = net(conv("one", 3, 72, SMALL))
BIASED = net(conv("one", 3, 4, SMALL, bias=1))
DEEP = net(conv("one", 4, 4, SMALL, groups=4))
"""A depthwise layer."""


def at(network: Network, layers: Changes | None = None, **changes: Any) -> Placed:
    return network, place(network, layers, **changes)


def depthwise(channels: int, **changes: Any) -> Placed:
    """A depthwise layer that writes to other processors than it reads."""
    network = net(conv("one", channels, channels, SMALL, groups=channels, output_width=changes.pop("output_width", 8)))
    return at(network, {0: {"output_processors": ((1 << channels) - 1) << 32} | changes})


def dilated(offset: int) -> Placed:
    """A dilated Conv1d on an image of 5 columns; it writes 5 words before its output."""
    return at(net(conv1d("one", 3, 2, 40, 3, dilation=(5, 1))), {0: {"in_offset": 0x1000, "out_offset": offset}})


def two_kernels(outputs: int) -> Placed:
    """Two layers of 64 processors: 704 columns of the first, then those of the second."""
    network = net(conv("a", 64, 704, SMALL), conv("bb", 64, outputs, SMALL))
    return at(network, {1: {"in_offset": 0, "out_offset": 0x6000}})


def two_biases(outputs: int) -> Placed:
    network = net(conv("a", 3, 300, SMALL, kernel=(1, 1), pad=(0, 0), bias=1),
                  conv("bb", 3, outputs, SMALL, kernel=(1, 1), pad=(0, 0), bias=2))
    return at(network, {0: {"bias_groups": (0,)}, 1: {"bias_groups": (0,), "in_offset": 0, "out_offset": 0x6000}})


def with_buffer(place_: BufferPlacement | None) -> Placed:
    network = replace(ONE, buffer=RollingBuffer("past", 2, (5, 1)))
    return network, replace(place(ONE), buffer=place_)


def reading(network: Network = TWO, **changes: Any) -> Placed:
    """A layer that writes every second word, and one that reads it."""
    return at(network, {0: {"write_gap": 1}, 1: changes})


def wide_chain(channels: int) -> Network:
    return chain(conv("a", 3, channels, SMALL), conv("bb", channels, 2, SMALL))


def ahead(out_offset: int) -> Placed:
    return at(ONE, {0: {"read_ahead": True, "out_offset": out_offset}})


BANK = 4 * 4096
"""Bytes of a bank of the MAX78002."""

CASES: dict[str, tuple[str, Device, Placed, Placed]] = {
    "fewer layers": ("BT5321", MAX78000, (TWO, place(ONE)), (TWO, place(TWO))),
    "input processors": ("BT5322", MAX78000, at(ONE, {0: {"processors": 0b1111}}),
                         at(ONE, {0: {"processors": 0b1101}})),
    "output processors": ("BT5322", MAX78000, at(ONE, {0: {"output_processors": 0b111}}),
                          at(ONE, {0: {"output_processors": 0b1111}})),
    "passes from the middle of a word": ("BT5349", MAX78000, at(MANY, {0: {"output_processors": 0xFFFFFFFFF << 2}}),
                                         at(MANY, {0: {"output_processors": 0xFFFFFFFFF << 4}})),
    "bias and gap": ("BT5348", MAX78000, at(BIASED, {0: {"output_processors": 0b101110000}}),
                     at(ONE, {0: {"output_processors": 0b101110000}})),
    "processors beyond the last": ("BT5322", MAX78000, at(ONE, {0: {"output_processors": 0xF << 61}}),
                                   at(ONE, {0: {"output_processors": 0xF << 60}})),
    "buffer without a place": ("BT5322", MAX78000, with_buffer(None), with_buffer(BufferPlacement(0b11, 0x7000))),
    "buffer processors": ("BT5322", MAX78000, with_buffer(BufferPlacement(0b111, 0x7000)),
                          with_buffer(BufferPlacement(0b110, 0x7000))),
    "chw in one instance": ("BT5323", MAX78000, at(ONE, {0: {"processors": 0b10011}}, chw=True),
                            at(ONE, {0: {"processors": 0x111}}, chw=True)),
    "unpacked copy": ("BT5324", MAX78000, at(net(copy("one", 3, SMALL)), {0: {"output_processors": 0b1101}}),
                      at(net(copy("one", 3, SMALL)), {0: {"processors": 0b1101, "output_processors": 0b1110}})),
    "copy into another group": (
        "BT5324", MAX78000, at(net(copy("one", 3, SMALL)), {0: {"output_processors": 0b111 << 16}}),
        at(net(copy("one", 3, SMALL)), {0: {"output_processors": 0b111 << 4}})),
    "depthwise outputs": ("BT5325", MAX78002, depthwise(8, output_processors=0xFF << 33), depthwise(8)),
    "depthwise groups": ("BT5325", MAX78002, depthwise(20, processors=0xFFFFF << 1), depthwise(20)),
    "no first group": (
        "BT5326", MAX78000, at(ONE, {0: {"processors": 0b111 << 16, "output_processors": 0xF << 16}}),
        at(ONE, {0: {"processors": 0b111 << 16, "output_processors": 0xF}})),
    "bias in an unused group": ("BT5327", MAX78000, at(TWO, {0: {"bias_groups": (0, 1)}}),
                                at(TWO, {0: {"bias_groups": (0,)}})),
    "bias in no group": ("BT5327", MAX78000, at(TWO, {0: {"bias_groups": ()}}), at(TWO, {0: {"bias_groups": None}})),
    "depthwise bias": ("BT5327", MAX78002, at(DEEP, {0: {"bias_groups": (0,)}}), at(DEEP)),
    "odd offset": ("BT5328", MAX78000, at(ONE, {0: {"out_offset": 0x4002}}), at(ONE, {0: {"out_offset": 0x4004}})),
    "offset behind the memory": ("BT5328", MAX78000, at(ONE, {0: {"in_offset": 0x8000}}),
                                 at(ONE, {0: {"in_offset": 0x7F40}})),
    "negative gap": ("BT5328", MAX78000, at(ONE, {0: {"write_gap": -1}}), at(ONE, {0: {"write_gap": 1}})),
    "no room in front": ("BT5328", MAX78000, dilated(16), dilated(20)),
    "write gap": ("BT5329", MAX78000, at(ONE, {0: {"write_gap": 16}}), at(ONE, {0: {"write_gap": 15}})),
    "time slots": ("BT5329", MAX78002, depthwise(5, output_width=32), depthwise(4, output_width=32)),
    "read gap": ("BT5330", MAX78000, reading(read_gap=1), at(TWO)),
    "read gap in passes": ("BT5330", MAX78002, reading(wide_chain(65), read_gap=1),
                           reading(wide_chain(64), read_gap=1)),
    "read-ahead": ("BT5331", MAX78000, at(ONE, {0: {"read_ahead": True}}), at(ONE)),
    "x4": ("BT5331", MAX78000, at(ONE, {0: {"calc_x4": True}}), at(ONE)),
    "x4 outputs": ("BT5331", MAX78002, at(net(conv("one", 3, 6, SMALL)), {0: {"calc_x4": True}}),
                   at(net(conv("one", 3, 8, SMALL)), {0: {"calc_x4": True}})),
    "kernel memory": ("BT5332", MAX78000, two_kernels(65), two_kernels(64)),
    "kernels dealt out": (
        "BT5332", MAX78002, at(THREE, {1: {"calc_x4": True}, 2: {"calc_x4": True}}),
        at(THREE, {1: {"calc_x4": True, "output_processors": 0xF0}, 2: {"calc_x4": True, "processors": 0xF0}})),
    "bias memory": ("BT5333", MAX78000, two_biases(213), two_biases(212)),
    "output beyond the memory": ("BT5334", MAX78000, at(ONE, {0: {"out_offset": 0x7F44}}),
                                 at(ONE, {0: {"out_offset": 0x7F40}})),
    "input beyond the memory": ("BT5334", MAX78000, at(ONE, {0: {"in_offset": 0x7F44}}),
                                at(ONE, {0: {"in_offset": 0x7F40}})),
    "gaps beyond the memory": ("BT5334", MAX78000, at(ONE, {0: {"out_offset": 0x7E88, "write_gap": 1}}),
                               at(ONE, {0: {"out_offset": 0x7E80, "write_gap": 1}})),
    "output over its input": ("BT5335", MAX78000, at(ONE, {0: {"out_offset": 0xBC}}),
                              at(ONE, {0: {"out_offset": 0xC0}})),
    "read and write in a bank": ("BT5337", MAX78002, ahead(BANK - 192), ahead(BANK)),
    "read elsewhere": ("BT5338", MAX78000, at(TWO, {1: {"in_offset": FAR + 4}}), at(TWO)),
    "read from others": ("BT5338", MAX78000, at(TWO, {1: {"processors": 0xF0}}),
                         at(TWO, {0: {"output_processors": 0xF0}, 1: {"processors": 0xF0}})),
    "read too densely": ("BT5338", MAX78002, reading(), reading(read_gap=1)),
    "chw for another layer": (
        "BT5338", MAX78000,
        at(net(conv("a", 1, 4, SMALL), copy("bb", 1, SMALL)), {1: {"in_offset": 0, "out_offset": 0x6000}}, chw=True),
        at(net(conv("a", 1, 4, SMALL), copy("bb", 1, SMALL)), {1: {"in_offset": 0, "out_offset": 0x6000}})),
    "order": ("BT5339", MAX78000, at(chain(replace(TWO.layers[0], sequence=1), replace(TWO.layers[1], sequence=0))),
              at(chain(replace(TWO.layers[0], sequence=0), replace(TWO.layers[1], sequence=1)))),
}
"""What -> code, device, a placed network that breaks the rule, one that keeps it."""


@pytest.mark.parametrize("name", CASES)
def test_breaks_one_rule(name: str) -> None:
    code, device, (network, placement), _ = CASES[name]
    assert {p.code for p in problems(network, placement, device)} == {code}


@pytest.mark.parametrize("name", CASES)
def test_neighbour_keeps_it(name: str) -> None:
    _, device, _, (network, placement) = CASES[name]
    assert problems(network, placement, device) == []


def test_placement_rules_are_not_asked_without_a_placement() -> None:
    assert problems(TWO, None, MAX78000) == []


def test_the_first_element_that_is_overwritten_is_named() -> None:
    found = problems(TWO, place(TWO, {1: {"out_offset": FAR + 4 * 20}}), MAX78000)
    assert [p.why for p in found] == [
        "its output (channel 0, row 0, column 0) overwrites the output of layer a (channel 0, row 2, column 4), which "
        "layer bb reads, in data memory instance 0 at 0x4050"]


def test_an_author_may_overlap_a_layer_with_its_input_only() -> None:
    network = net(conv("a", 3, 4, SMALL), conv("bb", 4, 4, SMALL, sources=(0,)),
                  conv("ccc", 8, 2, SMALL, sources=(1, 0)))
    over_input = {0: {"output_processors": 0xF0}, 1: {"processors": 0xF0, "output_processors": 0xF, "in_offset": FAR,
                                                      "out_offset": FAR},
                  2: {"in_offset": FAR, "out_offset": FAR + 4}}
    assert {p.code for p in problems(network, place(network, over_input), MAX78000)} == {"BT5335"}
    assert problems(network, place(network, over_input, overlap_data=True), MAX78000) == []
    over_needed = over_input | {1: dict(over_input[1], output_processors=0xF00, out_offset=FAR),
                                2: {"processors": 0xFF0, "in_offset": FAR, "out_offset": 0}}
    assert {p.code for p in problems(network, place(network, over_needed, overlap_data=True), MAX78000)} <= {"BT5338"}


def test_reading_past_a_plain_copy() -> None:
    network = chain(conv("a", 3, 4, SMALL), copy("bb", 4, SMALL), conv("ccc", 4, 2, SMALL))
    past = {1: {"out_offset": 0x6000, "write_gap": 1}, 2: {"in_offset": FAR, "out_offset": 0x2000}}
    assert problems(network, place(network, past), MAX78000) == []
    gone = {1: {"out_offset": FAR + 8}, 2: {"in_offset": FAR, "out_offset": 0x2000}}
    assert {p.code for p in problems(network, place(network, gone), MAX78000)} == {"BT5335"}


def test_pooled_layer_that_writes_far_less_than_it_reads() -> None:
    network = chain(conv("a", 3, 4, SMALL), conv("bb", 4, 2, SMALL, pool=pooled((2, 2), 2)))
    assert problems(network, place(network), MAX78000) == []


@pytest.mark.parametrize("fifo", [Fifo.NONE, Fifo.STANDARD])
def test_a_whole_input_is_kept_in_memory(fifo: Fifo) -> None:
    found = problems(ONE, place(ONE, {0: {"out_offset": 4}}, fifo=fifo), MAX78000)
    assert {p.code for p in found} == {"BT5335"}
