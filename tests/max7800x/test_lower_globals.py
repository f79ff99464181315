"""Register writes before and after the layers and to start, worked out by hand; and the options."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bittrue.errors import BadInput
from bittrue.targets.max7800x.device import MAX78000, MAX78002, Device
from bittrue.targets.max7800x.lower import RegisterOptions, register_program
from bittrue.targets.max7800x.network import Network
from bittrue.targets.max7800x.placement import Fifo
from bittrue.targets.max7800x.plan import Max7800xPlan
from bittrue.targets.max7800x.program import Fill, Poll, RegisterProgram, Step

from .placed import chain, conv, net, place

DIM = (12, 20)
TWO = chain(conv("a", 3, 20, DIM, bias=2), conv("bb", 20, 4, DIM))
"""Its second layer uses groups 0 and 1."""


def program(network: Network, device: Device, layers: dict[int, dict[str, Any]] | None = None,
            placed: dict[str, Any] | None = None, **options: Any) -> RegisterProgram:
    plan = Max7800xPlan.of(device, network, place(network, layers, **(placed or {})))
    return register_program(plan, RegisterOptions(**options))


def plain(steps: tuple[Step, ...]) -> list[tuple[int, ...]]:
    """Writes as (address, value), polls as (address, mask, value), fills as they are."""
    return [tuple(part for part in step if isinstance(part, int) and not isinstance(part, bool)) for step in steps]


def test_max78000_init() -> None:
    assert plain(program(TWO, MAX78000).init) == [
        (0x50001000, 0),
        (0x50100000, 1 << 20 | 8), (0x50100004, 0x40E), (0x50100008, 1),
        (0x50500000, 1 << 20 | 8), (0x50500004, 0x40E), (0x50500008, 1)]


def test_max78002_init_clears_registers() -> None:
    """The bias memory is cleared as well, because the network has a bias."""
    test = 0x1C << 8 | 0x80
    assert plain(program(TWO, MAX78002).init) == [
        (0x51000000, 8), (0x52000000, 8), (0x50001000, 0),
        (0x51000004, 0x40E), (0x52000004, 0x40E),
        (0x5100000C, test), (0x5200000C, test),
        (0x5100000C, 1 << 25, 1 << 25), (0x5200000C, 1 << 25, 1 << 25),
        (0x5100000C, 0), (0x5200000C, 0),
        (0x51000000, 1 << 20 | 8), (0x51000008, 1), (0x52000000, 1 << 20 | 8), (0x52000008, 1)]
    without = program(net(conv("a", 3, 4, DIM)), MAX78002).init
    assert [step.value for step in without if step.note == "clear registers"] == [0x18 << 8 | 0x80]


def test_start_the_first_group_last() -> None:
    common = 1 << 20 | 8
    assert plain(program(TWO, MAX78000).start) == [
        (0x50100000, common | 4 << 9), (0x50500000, common | 4 << 9 | 1), (0x50100000, common | 1)]


@pytest.mark.parametrize(("device", "base"), [(MAX78000, 0x50100000), (MAX78002, 0x51000000)])
def test_memory_tests(device: Device, base: int) -> None:
    """Every memory of every group, used or not: write, wait, fail, end."""
    steps = program(TWO, device, zero_sram=True).init[-64:]
    done = 0 if device is MAX78002 else 1 << 27
    select = 0x10 << 8 if device is MAX78002 else 0
    data = [step for step in steps[:16] if step.address == base + 0xC]
    assert plain(tuple(data)) == [(base + 0xC, select | 1), (base + 0xC, done | 1 << 18, done | 1 << 18),
                                  (base + 0xC, 1 << 14, 0), (base + 0xC, 0)]
    assert [step.fails for step in data if isinstance(step, Poll)] == [False, True]
    assert [step.value & 0xFF for step in steps[::16] if not isinstance(step, Fill)] == [1, 4, 16, 64]
    assert len({step.address for step in steps}) == 4


def test_clearing_tram() -> None:
    fills = [step for step in program(TWO, MAX78000, init_tram=True).init if isinstance(step, Fill)]
    assert len(fills) == 32
    assert (fills[0].address, fills[17].address, fills[0].words) == (0x50110000, 0x50514000, 3072)


def test_standard_fifo() -> None:
    """Processors 0-3 and 16-18: FIFOs 0 and 1, thresholds 2, coupled; streaming with circular buffers."""
    network = chain(conv("a", 7, 4, DIM), conv("bb", 4, 4, DIM))
    layers = {0: {"processors": 0x7000F, "streaming": True}}
    found = program(network, MAX78000, layers, {"fifo": Fifo.STANDARD}, ready_sel_fifo=1)
    assert plain(found.configure_global) == [(0x50000000, 0b11 << 12 | 1 << 11 | 2 << 7 | 2 << 2 | 1)]
    common = 1 << 20 | 1 << 19 | 1 << 15 | 1 << 14 | 4 << 9 | 8
    assert plain(found.start) == [(0x50100000, common), (0x50500000, common | 1), (0x50100000, common | 1)]
    assert [step.value for step in found.init if step.note == "stop the state machine"] == [1 << 20 | 1 << 15 | 8] * 2


def test_fifos_in_chw() -> None:
    found = program(net(conv("a", 2, 4, DIM)), MAX78002, {0: {"processors": 1 << 32 | 1}},
                    {"fifo": Fifo.STANDARD, "chw": True})
    assert plain(found.configure_global) == [(0x50000000, 0b101 << 12 | 2 << 7 | 2 << 2)]


@pytest.mark.parametrize(("processors", "grouped"), [(0x7, True), (0x1_0001_0001, False)])
def test_fast_fifo(processors: int, grouped: bool) -> None:
    """It feeds the first processors of group 0, or one in each group."""
    layers = {0: {"processors": processors}}
    found = program(net(conv("a", 3, 4, DIM)), MAX78002, layers, {"fifo": Fifo.FAST})
    assert plain(found.configure_global) == [(0x400C0400, 10 << 4)]
    assert found.start[-1].value == 1 << 20 | 1 << 15 | 4 << 9 | 8 | 1 | 1 << 22 | grouped << 23


def test_quad_fifo() -> None:
    found = program(net(conv("a", 3, 8, DIM)), MAX78000, {}, {"fifo": Fifo.QUAD})
    assert [write.value >> 31 for write in found.start] == [1] * 5
    assert [write.value >> 22 & 1 for write in found.start] == [1, 0, 0, 0, 1]


def test_what_the_network_says() -> None:
    """Rounding, simple and binary weights."""
    network = replace(TWO, round_average=True, simple_1b=True)
    assert program(network, MAX78000).start[-1].value == 1 << 21 | 1 << 20 | 1 << 13 | 8 | 1
    weights = replace(conv("a", 3, 4, DIM, bits=1).weights, binary=True)  # type: ignore[type-var]
    binary = net(replace(conv("a", 3, 4, DIM), weights=weights))
    assert program(binary, MAX78002).start[-1].value == 1 << 30 | 1 << 20 | 8 | 1


def test_options_in_the_control_register() -> None:
    found = program(TWO, MAX78002, mexpress=False, pipeline=False, one_shot=True, ext_rdy=True, ready_sel=2)
    assert found.start[-1].value == 1 << 8 | 1 << 5 | 1 << 4 | 8 | 2 << 1 | 1
    assert found.init[0][1] == 1 << 5 | 8 | 2 << 1


def test_starting_by_the_first_word() -> None:
    found = program(net(conv("a", 3, 4, DIM)), MAX78002, {}, {"fifo": Fifo.STANDARD}, fifo_go=True)
    assert [write.value for write in found.configure[0].writes if write.address == 0x51108000] == [1 << 25 | 240]


def test_chw_streaming_on_max78002() -> None:
    network = net(conv("a", 1, 4, DIM))
    found = program(network, MAX78002, {0: {"streaming": True}}, {"fifo": Fifo.STANDARD, "chw": True})
    assert found.start[-1].value >> 6 & 1
    assert [write.value for write in found.configure[0].writes if write.note == "input frame"] == [60]


def test_powerdown() -> None:
    found = program(TWO, MAX78000, powerdown=True, ready_sel_aon=3)
    assert plain(found.start)[2] == (0x50001000, 0b1100 << 12 | 3)


def codes(network: Network, device: Device, **options: Any) -> list[tuple[str, str]]:
    with pytest.raises(BadInput) as caught:
        program(network, device, **options)
    return [(found.code, found.where) for found in caught.value.diagnostics]


def test_all_wrong_options_at_once() -> None:
    found = codes(TWO, MAX78000, ready_sel=4, ready_sel_aon=-1, one_shot=True, pipeline=True, fifo_go=True,
                  ext_rdy=True, link_layer=True, ready_sel_fifo=2)
    assert found == [("BT5402", "option ready_sel"), ("BT5402", "option ready_sel_aon"),
                     ("BT5400", "option pipeline"), ("BT5400", "option one_shot"), ("BT5400", "option fifo_go"),
                     ("BT5400", "option ext_rdy"), ("BT5400", "option link_layer"),
                     ("BT5401", "option ready_sel_fifo")]


def test_options_without_effect() -> None:
    everywhere = net(conv("a", 64, 4, DIM))
    assert codes(everywhere, MAX78000, powerdown=True, pipeline=False) == [("BT5401", "option powerdown"),
                                                                           ("BT5401", "option pipeline")]
    assert codes(TWO, MAX78002, fifo_go=True) == [("BT5401", "option fifo_go")]
    full = chain(*(conv(f"c{i}", 3, 3, (2, 3)) for i in range(32)))
    assert codes(full, MAX78000, zero_unused=True) == [("BT5401", "option zero_unused")]
