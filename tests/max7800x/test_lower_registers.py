"""Register writes of the layers, worked out by hand. Addresses count from group 0, layer 0."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from bittrue.errors import BadInput, Unsupported
from bittrue.targets.max7800x.device import ADDRESSES, MAX78000, MAX78002, Device, RegisterAt
from bittrue.targets.max7800x.lower import RegisterOptions, register_program, stop_after
from bittrue.targets.max7800x.network import Eltwise, Network, Pool
from bittrue.targets.max7800x.placement import Fifo
from bittrue.targets.max7800x.plan import Max7800xPlan
from bittrue.targets.max7800x.program import LayerWrites, RegisterProgram

from .placed import added, chain, conv, conv1d, copy, linear, net, place, pooled, up

DIM = (12, 20)
HALVED = pooled((2, 2), 2)
ONE = net(conv("one", 3, 4, DIM, pool=HALVED, bias=5))


def plan(network: Network, device: Device, layers: Mapping[int, Mapping[str, Any]] | None = None,
         **changes: Any) -> Max7800xPlan:
    return Max7800xPlan.of(device, network, place(network, layers, **changes))


def program(network: Network, device: Device, layers: Mapping[int, Mapping[str, Any]] | None = None,
            options: RegisterOptions | None = None, **changes: Any) -> RegisterProgram:
    return register_program(plan(network, device, layers, **changes), options)


def names(device: Device, writes: LayerWrites) -> dict[str, int]:
    """Register -> value, of one layer in one group."""
    found = {}
    for address, value, _ in writes.writes:
        at = ADDRESSES[device.name].decode(address)
        assert isinstance(at, RegisterAt)
        assert (at.group, at.layer) in ((writes.group, writes.layer), (writes.group, 0))
        assert at.register.unknown(value) == 0
        found[at.name] = value
    return found


def layer(device: Device, found: RegisterProgram, number: int, group: int = 0) -> dict[str, int]:
    [writes] = [w for w in found.configure if (w.layer, w.group) == (number, group)]
    return names(device, writes)


def test_max78000_pooled_convolution() -> None:
    """12 rows and 20 columns with a pad of 1; 4 kernels of 8 bits; 10 output columns; offset 0x4000 is word 0x1000."""
    [writes] = program(ONE, MAX78000).configure
    assert [(w.address, w.value) for w in writes.writes] == [
        (0x50100010, 0x1000D), (0x50100090, 0x10015),  # rows, columns: 11 + 2, 19 + 2
        (0x50100190, 1), (0x50100210, 1), (0x50100290, 1),  # pooling, stride
        (0x50100310, 0x1000), (0x50100410, 0x2000),  # write pointer; next instance
        (0x50100590, 0x9A0), (0x50100A10, 3 * 8 << 8),  # pool, maximum, write, master; 4 output processors
        (0x50100610, 3 * 8), (0x50100690, 9),  # kernels; TRAM
        (0x50100790, 0x1000), (0x50100710, 0x70007)]  # bias; processors


def test_max78002_pooled_convolution() -> None:
    """The last windows start at row 10 and column 18; 2 columns and a row of 20 lie between two rows of windows."""
    [writes] = program(ONE, MAX78002).configure
    assert [(w.address, w.value) for w in writes.writes] == [
        (0x51100004, 22 << 16 | 0x8000 | 10), (0x51100008, 2 << 16 | 0x8000 | 18),
        (0x51100010, 1), (0x51100014, 1), (0x51100018, 2 << 4 | 1),
        (0x5110001C, 0x1000), (0x51100024, 0x8000),
        (0x51100030, 2 << 22 | 2 << 18 | 0x9A0), (0x51100034, 3 * 8 << 12),
        (0x51100038, 3 * 8), (0x51100040, 3), (0x51100044, 9),
        (0x5110004C, 0x1000), (0x51100048, 0x70007)]


def test_dilated_windows_end_inside_the_image() -> None:
    """3 rows with dilation 2 span 5, 2 columns with dilation 3 span 4: last windows start at 8 of 13, at 6 of 10."""
    pool = Pool(window=(3, 2), stride=(1, 1), dilation=(2, 3))
    found = layer(MAX78002, program(net(conv("one", 3, 4, (13, 10), pool=pool)), MAX78002), 0)
    assert (found["RCNT"], found["CCNT"]) == (4 << 16 | 0x8000 | 8, 4 << 16 | 0x8000 | 6)
    assert (found["PRCNT"], found["PCCNT"]) == (1 << 4 | 4, 2 << 4 | 3)


def test_groups_add_up() -> None:
    """20 channels are in groups 0 and 1: group 0 adds the sums of group 1 and the bias, which is in group 2."""
    layers = {0: {"bias_groups": (2,), "output_processors": 0xF << 32}}
    found = program(net(conv("one", 20, 4, DIM, bias=5)), MAX78000, layers)
    assert found.groups == (0, 1, 2)
    groups = [layer(MAX78000, found, 0, group) for group in range(3)]
    assert [g["LCTL"] >> 12 & 0xF for g in groups] == [0b110, 0, 0]
    assert [g.get("ENA", 0) for g in groups] == [0xFFFFFFFF, 0xF000F, 0]
    assert [g.get("POST", 0) for g in groups] == [0, 0, 0x1000]
    assert {g["WPTR_BASE"] for g in groups} == {8 << 13 | 0x1000}


def test_passes_gaps_and_wide_outputs() -> None:
    """100 outputs are 2 passes of 52; with a gap of 1 the pointer steps over 4 words, passes lie 2 apart."""
    found = program(net(conv("one", 3, 100, DIM)), MAX78000, {0: {"write_gap": 1}})
    first = layer(MAX78000, found, 0)
    assert first["LCTL2"] == 51 * 8 << 8 | 3 << 4
    assert first["WPTR_CHOFFS"] == 2
    wide = layer(MAX78000, program(net(conv("one", 3, 4, DIM, output_width=32)), MAX78000), 0)
    assert wide["LCTL"] & 1 << 16


@pytest.mark.parametrize(("shift", "bits", "value"), [(-3, 8, (1 << 4 | 3) << 13), (5, 4, 3 << 22 | 5 << 13),
                                                      (0, 2, 2 << 22), (0, 1, 1 << 22)])
def test_shift_and_weight_bits(shift: int, bits: int, value: int) -> None:
    found = layer(MAX78000, program(net(conv("one", 3, 8, DIM, shift=shift, bits=bits)), MAX78000), 0)
    assert found.get("POST", 0) == value
    assert found["MCNT"] == 7 * bits


def test_later_kernels() -> None:
    """The first layer's 4 kernels fill columns 0 to 3; 1x1 kernels start there in byte 36, so at kernel 36."""
    network = chain(conv("a", 3, 4, DIM), conv("bb", 4, 4, DIM, kernel=(1, 1), pad=(0, 0)))
    second = layer(MAX78000, program(network, MAX78000), 1)
    assert second["MCNT"] == 36 * 8 << 16 | 36 * 8 + 24
    assert (second["ONED"], second["WPTR_TOFFS"], second.get("TPTR")) == (1 << 8, 1, None)


def test_kernels_that_start_inside_a_column() -> None:
    """Kernels of 5 taps from column 4 on: 36 bytes are 7 kernels and 1 byte."""
    network = chain(conv1d("a", 3, 4, 30, 9), conv1d("bb", 4, 4, 22, 5))
    second = layer(MAX78000, program(network, MAX78000), 1)
    assert second["MCNT"] == 7 * 8 << 16 | 7 * 8 + 24
    assert second["ONED"] == 1 << 12 | 5 << 8 | 1 << 4
    assert (second["RCNT"], second.get("CCNT")) == (21, None)


def test_dilated_conv1d_as_an_image() -> None:
    """50 samples with dilation 7 are 8 rows of 7; a row of 7 words is written in front of the output."""
    found = layer(MAX78000, program(net(conv1d("a", 3, 4, 50, 3, dilation=(7, 1))), MAX78000), 0)
    assert (found["RCNT"], found["CCNT"]) == (1 << 16 | 9, 1 << 16 | 8)
    assert (found["WPTR_BASE"], found["TPTR"], found.get("ONED")) == (0x1000 - 7, 6, None)


def test_transposed_convolution() -> None:
    """3x4 pixels are stretched to 6x8 and padded by 1."""
    network = net(up("up", 3, 4, (3, 4)))
    found = layer(MAX78000, program(network, MAX78000), 0)
    assert (found["RCNT"], found["CCNT"], found.get("STRIDE")) == (1 << 16 | 7, 1 << 16 | 9, None)
    assert found["POST"] == 1 << 28


@pytest.mark.parametrize(("dim", "flat"), [((3, 4), 11), ((17, 1), 16), ((5, 4), 19)])
def test_flattening(dim: tuple[int, int], flat: int) -> None:
    """Up to 16 pixels are passes; more need the counter of flattening, in two parts."""
    found = layer(MAX78000, program(net(linear("fc", 4, 10, dim)), MAX78000), 0)
    assert found["LCTL2"] & 0xF == flat % 16
    assert found.get("POST", 0) == (1 << 27 | 1 << 18 if flat > 15 else 0)
    assert found.get("TPTR", 0) == (flat << 16 | 2 * flat + 1 if flat > 15 else 0)


def test_elementwise_operations() -> None:
    network = net(added("sum", 3, 8, DIM, eltwise=Eltwise.XOR, pool=HALVED))
    found = layer(MAX78000, program(network, MAX78000), 0)
    assert found["ONED"] == 2 << 18 | 1 << 16 | 3 << 14 | 1 << 13 | 1
    assert (found["POST"], found["ENA"], found["WPTR_TOFFS"]) == (1 << 24, 0xFF, 0x2000)


def test_emulated_elementwise_passes_are_rows() -> None:
    """192 channels are 3 passes: 3 x 12 rows."""
    found = layer(MAX78000, program(net(added("sum", 2, 192, DIM)), MAX78000), 0)
    assert (found["RCNT"], found.get("LCTL2", 0) & 0xFF, found.get("MCNT")) == (35, 0, None)


def test_copies_count_output_passes() -> None:
    found = layer(MAX78002, program(net(copy("copy", 130, DIM)), MAX78002), 0)
    assert (found["MCNT2"], found["ONED"], found["POST"]) == (2 * 8, 1 << 8 | 3, 3 << 24)
    assert (found["OCHAN"], found["STRIDE"], found.get("MCNT1")) == (3, 3 << 4, None)


def test_copies_of_few_processors() -> None:
    """Up to four need no second instance; groups that write nothing point to instance 0."""
    found = program(chain(conv("a", 20, 4, DIM), added("sum", 2, 2, DIM)), MAX78000, {1: {"out_offset": 0x2000}})
    first, second = (layer(MAX78000, found, 1, group) for group in (0, 1))
    assert (first["WPTR_TOFFS"], second["WPTR_TOFFS"]) == (0x800, 0x800)
    assert (first["WPTR_BASE"], second["WPTR_BASE"]) == (0x800, 0x800)


def test_depthwise_layers_write_group_by_group() -> None:
    """20 processors from 4 on: group 1 goes on behind the 12 of group 0."""
    network = net(conv("dw", 20, 20, DIM, groups=20, bias=3))
    layers = {0: {"processors": 0xFFFFF << 4, "output_processors": 0xFFFFF << 32}}
    found = program(network, MAX78002, layers)
    groups = [layer(MAX78002, found, 0, group) for group in range(2)]
    assert [g["WPTR_BASE"] >> 15 for g in groups] == [8, 8 + 3]
    assert all(g["POST"] >> 24 & 0x51 == 0x41 and g["POST"] & 0x1000 for g in groups)
    assert not any(g["LCTL"] & 1 << 29 for g in groups)
    assert all(g["OCHAN"] == 11 and g["ONED"] == 11 and g["WPTR_TOFFS"] == 0x8000 for g in groups)


def test_broadcast_depthwise() -> None:
    found = layer(MAX78002, program(net(conv("dw", 20, 20, DIM, groups=20)), MAX78002), 0)
    assert found["LCTL"] & 1 << 29
    assert (found["OCHAN"], found["ONED"], found.get("WPTR_TOFFS")) == (3, 3, None)


def test_biases_of_depthwise_layers() -> None:
    """8 bytes each; those of a broadcast layer are addressed four by four."""
    network = chain(*(conv("d" * (i + 1), 8, 8, DIM, groups=8, bias=9 * i) for i in range(3)))
    layers = {0: {"output_processors": 0xFF00}, 1: {"processors": 0xFF00}}
    found = program(network, MAX78002, layers)
    assert [layer(MAX78002, found, i)["POST"] & 0x1FFF for i in range(3)] == [0x1000, 0x1008, 0x1004]


def test_bypass_uses_no_kernels() -> None:
    bypassing = replace(conv("by", 8, 4, DIM), weights=None, bypass=True, bypass_channels=4)
    found = layer(MAX78002, program(net(bypassing), MAX78002), 0)
    assert found["LCTL"] & 1 << 30
    assert (found["ENA"], found["OCHAN"], found["MCNT1"], found["LCTL2"]) == (0xFF, 3, 24, 3 * 8 << 12)


def test_four_kernel_memories_at_once() -> None:
    """8 kernels are dealt out: 2 in each instance; the bias of the second layer starts at 8 / 4."""
    network = chain(conv("a", 3, 8, DIM, bias=1), conv("bb", 8, 8, DIM, bias=2))
    found = program(network, MAX78002, {i: {"calc_x4": True, "bias_groups": (0,)} for i in range(2)})
    first, second = (layer(MAX78002, found, number) for number in range(2))
    assert (first["MCNT1"], first["OCHAN"], first["POST"]) == (8, 1, 1 << 29 | 0x1000)
    assert (second["MCNT2"], second["POST"]) == (2 * 8, 1 << 29 | 0x1002)


def test_four_kernel_memories_and_short_kernels() -> None:
    """Behind the first layer's 36 columns of one instance: 324 bytes are 64 kernels of 5, and 4 bytes."""
    network = chain(conv("a", 3, 36, DIM), conv1d("bb", 36, 4, 240, 5))
    found = program(network, MAX78002, {1: {"calc_x4": True}})
    second = layer(MAX78002, found, 1)
    assert (second["MCNT2"], second["ONED"]) == (64 * 8, 1 << 12 | 5 << 8 | 4 << 4)


def test_four_kernel_memories_at_the_end() -> None:
    """Processor 0 has 1024 columns more, from 4096 on; the last 4 of them are column 255 of the first quarter."""
    found = layer(MAX78002, program(net(conv("a", 1, 4, DIM)), MAX78002, {0: {"calc_x4": True}}), 0)
    assert found["MCNT2"] == (4096 + 255) * 8


def test_read_ahead() -> None:
    """130 channels are 3 passes; calculated four at once there is one."""
    network, layers = net(conv("one", 130, 4, DIM)), {"read_ahead": True}
    for tram_calc, shifts in ((False, 2), (True, 0)):
        found = layer(MAX78002, program(network, MAX78002, {0: layers | {"tram_calc": tram_calc}}), 0)
        assert found["LCTL"] >> 26 & 7 == shifts
        assert found["LCTL"] & 1 << 17
        assert found.get("POST", 0) == tram_calc << 31


def test_a_layer_is_inserted_before_average_pooling() -> None:
    """It comes behind an element-wise operation, in the first group, and moves the layer's number up."""
    average = Pool(average=True, window=(2, 2), stride=(2, 2))
    network = chain(added("sum", 2, 20, DIM), copy("mean", 20, DIM, pool=average))
    found = program(network, MAX78002)
    assert [(w.layer, w.group) for w in found.configure] == [(0, 0), (0, 1), (1, 0), (2, 0), (2, 1)]
    assert layer(MAX78002, found, 1) == {
        "RCNT": 1 << 16, "CCNT": 1 << 16, "STRIDE": 0x10, "WPTR_TOFFS": 0x8000, "RPTR_BASE": 0x1000, "LCTL": 0x920,
        "ONED": 0x100, "POST": 3 << 24, "ENA": 1}
    assert [w.value for w in found.init if w.note == "layers"] == [2, 2]


def test_layers_in_another_order_are_linked() -> None:
    """0, 3 (with a layer before it: 4), 1: the network ends before its last number, and begins no layer halfway."""
    average = Pool(average=True, window=(2, 2), stride=(2, 2))
    layers = (added("sum", 2, 4, DIM), copy("mean", 4, DIM, pool=average), conv("c", 4, 4, (6, 10)))
    numbered = [replace(one, sequence=number) for one, number in zip(layers, (0, 3, 1), strict=True)]
    found = program(chain(*numbered), MAX78002)
    assert [w.layer for w in found.configure] == [0, 1, 3, 4]
    links = [layer(MAX78002, found, number).get("NXTLYR", 0) for number in (0, 1, 3, 4)]
    assert links == [0x80 | 3, 0x100, 0, 0x80 | 1]
    counted = program(chain(*layers), MAX78002, options=RegisterOptions(link_layer=True))
    assert [layer(MAX78002, counted, number).get("NXTLYR", 0) for number in range(4)] == [0x81, 0, 0x83, 0x100]


def test_layers_are_counted_where_they_cannot_be_linked() -> None:
    numbered = chain(*(replace(conv(f"c{n}", 3, 3, DIM), sequence=n) for n in (0, 3, 5)))
    assert [w.layer for w in program(numbered, MAX78000).configure] == [0, 1, 2]
    assert [w.layer for w in program(numbered, MAX78002).configure] == [0, 3, 5]
    twice = chain(*(replace(conv(f"c{n}", 3, 3, DIM), sequence=n) for n in (0, 3, 3)))
    assert [w.layer for w in program(twice, MAX78002).configure] == [0, 1, 2]


def test_streaming() -> None:
    """Behind 10 pooled columns and padding: start 29, steps 1 and 1; TRAM from word 10 on; buffer of 30."""
    network = chain(conv("a", 3, 4, DIM, pool=HALVED), conv("bb", 4, 4, (6, 10)))
    found = program(network, MAX78000, {i: {"streaming": True} for i in range(2)}, fifo=Fifo.STANDARD)
    first, second = (layer(MAX78000, found, number) for number in range(2))
    assert (first["STREAM1"], first["STREAM2"], first["FMAX"], first["IFRM"]) == (44, 20 << 16 | 1 << 4, 66, 240)
    assert (second["STREAM1"], second["STREAM2"], second["FMAX"]) == (29, 1 << 16 | 1 << 4 | 1, 30)
    assert second["TPTR"] == 10 << 16 | 19


def test_without_pipeline_rows_are_a_word_closer() -> None:
    layers, fifo = {0: {"streaming": True}}, {"fifo": Fifo.STANDARD}
    steps = [layer(MAX78002, program(ONE, MAX78002, layers, RegisterOptions(pipeline=on), **fifo), 0)["STREAM2"]
             for on in (None, False)]
    assert steps[0] - steps[1] == 1 << 16


def test_all_groups_share_the_first_layer_behind_the_quad_fifo() -> None:
    network = net(conv("one", 3, 8, DIM, bias=4))
    found = program(network, MAX78000, {0: {"output_processors": 0xFF}}, fifo=Fifo.QUAD)
    assert found.groups == (0, 1, 2, 3)
    for group in range(4):
        first = layer(MAX78000, found, 0, group)
        assert (first["ENA"], first["MCNT"], first["POST"], first["LCTL"]) == (0x70007, 8, 0x1000, 0x920)


def test_zero_registers() -> None:
    """Every layer register is written, those of streaming for the first 8 layers only."""
    network = chain(*(conv("c" * (i + 1), 3, 3, (4, 5)) for i in range(9)))
    found = program(network, MAX78000, options=RegisterOptions(write_zero_registers=True))
    assert [len(names(MAX78000, writes)) for writes in found.configure] == [20] * 8 + [17]


def test_unused_layers() -> None:
    """31 layers of 17 registers and 7 with three more; the layer that is used is left alone."""
    unused = [w for w in program(ONE, MAX78000, options=RegisterOptions(zero_unused=True)).configure if w.layer]
    assert [w.layer for w in unused] == list(range(1, 32))
    assert [len(names(MAX78000, w)) for w in unused] == [20] * 7 + [17] * 24
    assert not any(write.value for w in unused for write in w.writes)


def test_stopping_after_a_layer() -> None:
    network = chain(conv("a", 3, 4, DIM), conv("bb", 4, 40, DIM), conv("ccc", 40, 4, DIM))
    whole = plan(network, MAX78000)
    part = register_program(stop_after(whole, 0))
    assert part.groups == (0,)
    assert [w.name for w in part.configure] == ["a"]
    assert register_program(whole).groups == (0, 1, 2)
    with pytest.raises(BadInput, match="BT5404"):
        stop_after(whole, 2)


def test_a_value_that_does_not_fit_is_named() -> None:
    """16 passes that are read ahead one by one: 15 does not fit the 3 bits."""
    network = net(conv("big", 1024, 4, (4, 5), bits=1))
    with pytest.raises(Unsupported, match=r"BT5403 layer big: LCTL.shift_cnt = 15"):
        program(network, MAX78002, {0: {"read_ahead": True, "tram_calc": False}})

