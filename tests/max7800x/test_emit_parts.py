"""The parts of the emitted project as data: tables, register names, weights, samples, places of outputs, words."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from bittrue.targets.max7800x.device import ADDRESSES
from bittrue.targets.max7800x.emit import About, describe, offsets, words
from bittrue.targets.max7800x.emit.registers import Names, layer_tables, statements
from bittrue.targets.max7800x.emit.samples import answer, inputs
from bittrue.targets.max7800x.emit.tables import byte_table, word_table
from bittrue.targets.max7800x.emit.text import format_literal, project_name
from bittrue.targets.max7800x.emit.unload import Packed, Run, packed, runs
from bittrue.targets.max7800x.emit.weights import packed_words, weight_tables
from bittrue.targets.max7800x.network import Activation, Layer, Network, Operator, Pool, Weights
from bittrue.targets.max7800x.placement import Fifo, LayerPlacement, Placement
from bittrue.targets.max7800x.program import InputBlock, LayerWrites, Poll, Write
from bittrue.targets.words import comment

from .emit_cases import device, narrow, program, registers, wide

AT = ADDRESSES["max78000"].register


@pytest.mark.parametrize("count", [1, 7, 8, 9, 17])
def test_word_tables_have_every_word(count: int):
    values = np.arange(count, dtype=np.uint32) * 0x01020304
    text = word_table(values)
    assert [int(word, 16) for word in text.strip("{}").replace("\\\n", "").split(",")] == values.tolist()
    assert len(text.splitlines()) == 2 + -(-count // 8)


def test_byte_tables_have_every_byte():
    values = np.arange(19, dtype=np.uint8)
    assert [int(byte, 16) for byte in byte_table(values).strip("{}").replace("\\\n", "").split(",")] == values.tolist()


def test_columns_are_packed_byte_by_byte():
    data = np.arange(1, 19, dtype=np.uint8).reshape(2, 9)
    assert [hex(word) for word in packed_words(data)] == \
        ["0x1020304", "0x5060708", "0x90a0b0c", "0xd0e0f10", "0x11120000"]


def test_the_table_of_weights_ends_with_zero():
    what = program(device())
    (kernels, bias), (first, second, _) = (tuple(weight_tables(what, device(), compact)) for compact in (True, False))
    numbers = [int(word, 16) for word in kernels.text.strip("{}").replace("\\\n", "").split(",")]
    assert numbers[:2] == [0x50180040, 3]  # column 4 of processor 0
    assert numbers[2:9] == packed_words(what.kernels[0].data).tolist()
    assert numbers[9:11] == [0x50584080, 2]  # column 8 of processor 17: the second one of group 1
    assert numbers[11:] == [*packed_words(what.kernels[1].data).tolist(), 0]
    assert (kernels.name, bias.name, first.name, second.name) == ("KERNELS", "BIAS_2", "KERNELS_0", "KERNELS_1")


def test_a_program_without_weights():
    (table,) = weight_tables(replace(program(device()), kernels=(), biases=()), device(), True)
    assert table.text.split() == ["{", "\\", "0x00000000", "\\", "}"]


def test_equal_writes_of_groups_are_one_entry():
    first, second = layer_tables(registers(device()).configure, Names(device()))
    assert [(e.groups, e.register, e.value) for e in first.entries] == [
        (0b101, "REG_RCNT(0)", 0x00010003), (0b001, "REG_POST(0)", 0x00023000), (0b100, "REG_POST(0)", 0x00022000)]
    assert second.layer == 1
    assert first.entries[0].note == "rows: rcnt_max 3, rcnt_pad 1"


def test_a_register_that_is_written_twice_keeps_its_order():
    twice = LayerWrites(0, 1, "a", (Write(AT("RCNT", 1), 5, ""), Write(AT("RCNT", 1), 6, "")))
    once = LayerWrites(0, 2, "a", (Write(AT("RCNT", 2), 6, ""),))
    (table,) = layer_tables((twice, once), Names(device()))
    assert [(e.groups, e.value) for e in table.entries] == [(2, 5), (2, 6), (4, 6)]


def test_only_registers_of_groups_belong_to_layers():
    wrong = LayerWrites(0, 0, "a", (Write(AT("AON_CTL"), 0, "a note"),))
    with pytest.raises(ValueError, match=r"0x50001000 is no register of a group: a note"):
        layer_tables((wrong,), Names(device()))


def test_steps_become_statements():
    steps = (Write(AT("FIFO_CTL"), 0x18, "*/"), Poll(AT("SRAM_TEST", 3), 6, 4, "wait"),
             Poll(AT("SRAM_TEST", 3), 1, 0, "broken", fails=True))
    assert [(s.text, s.note) for s in statements(steps, Names(device()))] == [
        ("set(CNN_FIFO_CTL, 0x00000018u);", "* /"),
        ("while ((get(CNN_GROUP(3) + REG_SRAM_TEST) & 0x00000006u) != 0x00000004u) {}", "wait"),
        ("if ((get(CNN_GROUP(3) + REG_SRAM_TEST) & 0x00000001u) != 0x00000000u) { return CNN_FAIL; }", "broken")]


@pytest.mark.parametrize(("name", "layer"), [("max78000", 5), ("max78002", 100)])
def test_macros_give_the_addresses_of_the_device_table(name: str, layer: int):
    chip = device(name)
    addresses = ADDRESSES[name]
    (define,) = Names(chip).defines([addresses.register("POST", 2, layer)])
    assert define.name == "REG_POST(layer)"
    start, pitch = (int(number, 16) for number in re.findall("0x[0-9a-f]+", define.value))
    offset = start + layer * pitch
    assert addresses.group(2) + offset == addresses.register("POST", 2, layer)


def test_channels_that_lie_together_are_one_run():
    chip = device()
    assert [(run.count, run.address) for run in runs(narrow(chip, 6, first=2))] == \
        [(2, 0x50400102), (4, 0x50408100)]
    assert runs(wide(chip, 6)) == (Run(0x50400200, 4), Run(0x50408200, 2))
    gap = replace(narrow(chip, 3), channels=(0x50400100, 0x50400102, 0x50400103))
    assert runs(gap) == (Run(0x50400100, 1), Run(0x50400102, 2))


def test_a_run_of_bytes_stays_in_its_word():
    together = replace(narrow(device(), 5), channels=tuple(range(0x50400102, 0x50400107)))
    assert runs(together) == (Run(0x50400102, 2), Run(0x50400104, 3))


def test_outputs_one_after_the_other():
    chip = device()
    three = (narrow(chip, 3, dim=(1, 3)), narrow(chip, 1, dim=(1, 1)), wide(chip, 2, dim=(1, 2)))
    assert offsets(three) == (0, 9, 12, 28)  # 32-bit values start at a word
    assert words(three) == 7
    assert words(three[:2]) == 3


def test_the_mlator_gets_group_byte_and_pointer():
    chip = device("max78002")
    channels = (ADDRESSES["max78002"].data(3, 0x40) + 3, ADDRESSES["max78002"].data(21, 0x40) + 1)
    assert packed(replace(narrow(chip), channels=channels), chip) == \
        (Packed(0, 3, 0x10), Packed(1, 1, 5 << 15 | 0x10))  # instance 5 of 16


def test_the_answer_is_cut():
    blocks = program(device()).expected
    assert [len(block.words) for block in answer(blocks, 4)] == [3, 1]
    assert [len(block.words) for block in answer(blocks, 3)] == [3]
    assert [len(block.words) for block in answer(blocks, None)] == [3, 2]


def test_fifos_get_words_side_by_side():
    blocks = [InputBlock("a", 0, np.zeros(3, np.uint32), 0), InputBlock("b", 4, np.zeros(2, np.uint32), 0)]
    with pytest.raises(ValueError, match="different numbers of words"):
        inputs(blocks, False)


def test_words_of_a_user():
    assert comment("é*/\n") == "  * / ".replace("  ", " ", 1)
    assert format_literal('a%"\\') == 'a%%\\"\\\\'
    assert project_name("***") == "network"


def layer(**given: object) -> Layer:
    weights = Weights(np.zeros((6, 3, 3, 3), np.int64), 4)
    return replace(Layer("first", Operator.CONV2D, (-1,), 3, (8, 10), kernel=(3, 3), pad=(1, 0), weights=weights,
                         pool=Pool(window=(2, 2), stride=(2, 2)), activation=Activation.RELU), **given)  # type: ignore[arg-type]


def test_layers_in_a_line():
    assert describe(layer()) == ("first: 3x8x10, max pool 2x2 stride 2x2, Conv2d 3x3 pad 1x0, 4-bit weights, ReLU -> "
                                 "6x4x3")
    assert describe(layer(pool=Pool(), operator=Operator.PASSTHROUGH, weights=None, output_width=8,
                          activation=Activation.NONE)) == "first: 3x8x10, Passthrough -> 3x8x10"


def test_what_there_is_to_say_of_a_network():
    network = Network("net", 3, (8, 10), (layer(output_width=32, activation=Activation.NONE),), (0,), True)
    about = About.of(network, Placement((LayerPlacement(7, 63),), True, Fifo.QUAD))
    assert (about.softmax_shift, about.fifo, about.round_average) == (4, Fifo.QUAD, True)
    assert about.input == "3x8x10, channel by channel (CHW)"
    assert about.layers[0].endswith("-> 6x4x3 (32 bits)")
