"""The registers that exist once: of a group, of the FIFOs, of the fast FIFO. One row a field.

Sources: the MAX78000 user guide; for the MAX78002 and the fast FIFO what the existing network loader reads and writes.
"""

from __future__ import annotations

from .chips import MAX78000, MAX78002
from .device import Device
from .registers import Field, Register, Scope

WAIT_STATES = "wait states of a bus access"

_CONTROL = (
    Field("cnn_en", 0, 1, "run; a change from 0 to 1 starts"),
    Field("rdy_sel", 1, 2, WAIT_STATES, reset=3),
    Field("clk_en", 3, 1, "clock of the data path"),
    Field("bigdata", 6, 1, "four pixels of one channel to a word, all layers (MAX78002: streaming CHW input)"),
    Field("apbclk_en", 7, 1, "keep the bus clock on (MAX78002: also for snooping)"),
    Field("oneshot", 8, 1, "stop after every layer"),
    Field("ext_sync", 9, 3, "run together with another group: 4 + number of the first group in use"),
    Field("cnn_irq", 12, 1, "the network has finished; write 0 to clear the interrupt"),
    Field("poolrnd", 13, 1, "average pooling rounds to the nearest"),
    Field("stream_en", 14, 1, "streaming"),
    Field("fifo_en", 15, 1, "input comes from the FIFO"),
    Field("mlat_ld", 16, 1, "0 to 1: start packing output bytes at the write pointer, see MLAT"),
    Field("mlatch_sel", 17, 2, "channel of four that MLAT packs"),
    Field("lilbuf", 19, 1, "circular buffers in streaming layers"),
    Field("mexpress", 20, 1, "kernel memory is written as packed words"),
    Field("simple1b", 21, 1, "simple circuit for 1-bit weights"),
    Field("ffifo_en", 22, 1, "input comes from the fast FIFO"),
    Field("fifogrp", 23, 1, "HWC: all bytes of a FIFO word go to the first four processors; else to one per group"),
    Field("fclk_dly", 24, 6, "delay of the FIFO clock"),
    Field("qupac", 31, 1, "all groups work on the same input"),
)
CONTROL_78000 = (
    *_CONTROL,
    Field("calcmax", 4, 1, "maximum pooling in all layers, with pool_en"),
    Field("pool_en", 5, 1, "pooling in all layers"),
    Field("timeshft", 30, 1, "one more wait state for pooling"),
)
CONTROL_78002 = (
    *_CONTROL,
    Field("ext_rdy", 4, 1, "wait for an external ready signal"),
    Field("pipeline_off", 5, 1, "switch the pipeline off"),
    Field("binary", 30, 1, "1-bit weights are -1 and +1"),
)

SRAM = (
    Field("extacc", 0, 1, "longest access time"),
    Field("rmargin_en", 1, 1, "access time as in rmargin", reset=1),
    Field("rmargin", 2, 4, "access time: 3 the shortest, 0 the longest", reset=3),
    Field("ra", 6, 2, "read assist: supply voltage minus", values=("0", "20 mV", "40 mV", "60 mV")),
    Field("wneg_vol", 8, 2, "negative write voltage: supply minus", values=("80 mV", "120 mV", "180 mV", "220 mV")),
    Field("wneg_en", 10, 1, "negative write voltage as in wneg_vol"),
    Field("wpulse", 11, 3, "width of the write pulse"),
    Field("ds", 15, 1, "deep sleep: contents stay, no access"),
    Field("pd", 16, 1, "power down: contents are lost"),
    Field("lsdram", 19, 1, "data memory sleeps lightly when it is not selected"),
    Field("lsmram", 20, 1, "kernel memory sleeps lightly"),
    Field("lstram", 21, 1, "TRAM sleeps lightly"),
    Field("lsbram", 22, 1, "bias memory sleeps lightly"),
)

TESTED = (("s", "data memory"), ("m", "kernel memory"), ("t", "TRAM"), ("b", "bias memory"))
"""The memories in the order of the test register's bits, with the letter of their fields."""


def _test_fields() -> tuple[Field, ...]:
    rows: list[Field] = []
    for i, (letter, memory) in enumerate(TESTED):
        rows += [
            Field(f"{letter}bistrun", 2 * i, 1, f"{memory}: 0 to 1 tests it"),
            Field(f"{letter}ramz", 2 * i + 1, 1, f"{memory}: 0 to 1 fills it with zeros"),
            Field(f"{letter}allbfail", 14 + i, 1, f"{memory}: the test failed", read_only=True),
            Field(f"{letter}allbdone", 18 + i, 1, f"{memory}: the test is done", read_only=True),
            Field(f"{letter}allzdone", 22 + i, 1, f"{memory}: it is filled with zeros", read_only=True),
        ]
    return (
        *rows,
        Field("bistsel", 8, 6, "memory whose test status is read; the MAX78002's loader sets 0x18 and 0x1C with bramz "
              "to clear the registers"),
        Field("bistfail", 26, 1, "a test failed", read_only=True),
        Field("bistdone", 27, 1, "all tests are done", read_only=True),
        Field("zerodone", 28, 1, "all is filled with zeros", read_only=True),
    )


SNOOP = (
    ("A1", "address 1"), ("A2", "address 2"), ("D1", "data 1"), ("D2", "data 2"), ("X1", "count 1"), ("X2", "count 2"),
    ("C1", "control 1"), ("C2", "control 2"), ("ACC", "data accumulator"), ("HIT", "match accumulator"),
    ("MAX", "largest value matched"), ("AM", "address matched"),
)
"""Registers of one snoop unit of the MAX78002; their fields are not published."""


def _group(name: str, title: str, offset: int, fields: tuple[Field, ...], guide: str = "") -> Register:
    return Register(name, title, Scope.GROUP, offset, fields, guide=guide)


def _word(name: str, meaning: str, read_only: bool = False) -> tuple[Field, ...]:
    return (Field(name, 0, 32, meaning, read_only=read_only),)


def _common(device: Device, control: tuple[Field, ...], layers: tuple[Field, ...],
            frame: int, mlat: int) -> tuple[Register, ...]:
    return (
        _group("CTL", "control", 0x0, control, "CTRL"),
        _group("SRAM", "memory timing and power", 0x4, SRAM),
        _group("LCNT_MAX", "layers", 0x8, layers),
        _group("SRAM_TEST", "memory test and clearing", 0xC, _test_fields(), "TEST"),
        _group("IFRM", "input frame", frame,
               (Field("ifrm_reg", 0, device.frame_bits, "words of an input that are read from the FIFO"),)),
        _group("MLAT", "packed outputs", mlat, _word("mlatdat", "four output bytes of one channel; reading goes on to "
                                                     "the next four", read_only=True)),
    )


def _snoop() -> tuple[Register, ...]:
    return tuple(
        _group(f"SNP{unit}_{name}", f"snoop {unit}, {title}", 0x108080 + 4 * (12 * (unit - 1) + i),
               _word("value", "not published"))
        for unit in (1, 2) for i, (name, title) in enumerate(SNOOP))


GROUP_REGISTERS = {
    MAX78000.name: _common(MAX78000, CONTROL_78000, (Field("lcnt", 0, 5, "last layer"),), 0x990, 0x1000),
    MAX78002.name: (*_common(MAX78002, CONTROL_78002, (Field("lcnt", 0, 7, "last layer"),
                                                       Field("start", 8, 7, "first layer")), 0x108060, 0x110000),
                    *_snoop()),
}
"""By chip the registers of every group."""


def _fifo(name: str, title: str, offset: int, fields: tuple[Field, ...]) -> Register:
    return Register(name, title, Scope.FIFO, offset, fields)


def _fast(name: str, title: str, offset: int, *fields: Field) -> Register:
    return Register(name, title, Scope.FAST_FIFO, offset, fields)


FIFOS = 4

FIFO_REGISTERS = (
    _fifo("FIFO_CTL", "FIFO control", 0x0, (
        Field("rdy_sel", 0, 2, WAIT_STATES, reset=3),
        Field("full_thresh", 2, 3, "more bytes in a FIFO make it almost full"),
        Field("empty_thresh", 7, 3, "fewer bytes in a FIFO make it almost empty"),
        Field("fifo_cpl", 11, 1, "couple the FIFOs: data are there when all have the same write pointer"),
        Field("fifo_en", 12, FIFOS, "FIFOs in use"),
        Field("full_int_en", 16, FIFOS, "interrupt when full"),
        Field("empty_int_en", 20, FIFOS, "interrupt when empty"),
        Field("almost_full_int_en", 24, FIFOS, "interrupt when almost full"),
        Field("almost_empty_int_en", 28, FIFOS, "interrupt when almost empty"),
    )),
    _fifo("FIFO_STAT", "FIFO status", 0x4, (
        Field("full", 0, FIFOS, "full", read_only=True),
        Field("empty", 4, FIFOS, "empty", read_only=True),
        Field("almost_full", 8, FIFOS, "almost full", read_only=True),
        Field("almost_empty", 12, FIFOS, "almost empty", read_only=True),
        Field("fifos_full", 16, 1, "all are full", read_only=True),
        Field("fifos_empty", 17, 1, "one is empty", read_only=True),
        Field("fifos_almost_full", 18, 1, "all are almost full", read_only=True),
        Field("fifos_almost_empty", 19, 1, "one is almost empty", read_only=True),
        Field("wptr_eq", 20, 1, "the write pointers of those in use are equal", read_only=True),
        Field("rptr_eq", 21, 1, "their read pointers are equal", read_only=True),
    )),
    *(_fifo(f"FIFO_WR{i}", f"FIFO {i}, data", 0x8 + 4 * i, _word("data", "word to write")) for i in range(FIFOS)),
    _fifo("AON_CTL", "always-on domain", 0x1000, (
        Field("rdy_sel", 0, 2, WAIT_STATES, reset=3),
        Field("dsleep", 8, 4, "groups whose kernel memory sleeps deeply: contents stay, no access"),
        Field("pd", 12, 4, "groups whose kernel memory is off: contents are lost"),
        Field("rm", 16, 4, "groups: upper bit of the kernel memory's read margin"),
    )),
    _fast("FAST_CR", "fast FIFO, control", 0x0,
          Field("threshold", 4, 28, "threshold in words", open_ended=True)),
    _fast("FAST_SR", "fast FIFO, status", 0x4, Field("full", 1, 1, "full", read_only=True)),
    _fast("FAST_IE", "fast FIFO, interrupt enable", 0x8, *_word("enable", "not published; 0 for none")),
    _fast("FAST_IS", "fast FIFO, interrupt status", 0xC, *_word("status", "not published")),
    _fast("FAST_DR", "fast FIFO, data", 0x10, *_word("data", "word to write")),
    _fast("FAST_DMA", "fast FIFO, DMA", 0x14, *_word("value", "not published")),
)
"""The registers of the FIFOs, the same on both chips."""
