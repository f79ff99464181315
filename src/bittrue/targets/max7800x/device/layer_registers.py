"""The layer registers of both chips: where they are. Offsets count from the group's registers."""

from __future__ import annotations

from . import layer_fields as f
from .chips import MAX78000, MAX78002
from .device import Device
from .registers import Field, Register, Scope

PER_LAYER_78002 = 0x100
"""Bytes between the registers of two layers of the MAX78002; those of the MAX78000 lie register by register."""

Row = tuple[str, str, str, tuple[Field, ...]]
"""Name, name in the user guide, title, fields."""


def _pointers(device: Device) -> list[Row]:
    bits = device.pointer_bits
    return [
        ("WPTR_BASE", "", "write pointer", f.pointer("wptr_base", bits, f.WRITE_BASE)),
        ("WPTR_TOFFS", "WPTR_TOFF", "write pointer, time slots", f.pointer("wptr_toff", bits, f.TIME_SLOT_OFFSET)),
        ("WPTR_MOFFS", "WPTR_MOFF", "write pointer, kernels", f.pointer("wptr_moff", bits, f.MASK_OFFSET)),
        ("WPTR_CHOFFS", "WPTR_CHOFF", "write pointer, passes", f.pointer("wptr_choff", bits, f.CHANNEL_OFFSET)),
        ("RPTR_BASE", "", "read pointer", f.pointer("rptr_base", bits, f.READ_BASE)),
    ]


_LAYER_78000: list[Row] = [
    ("RCNT", "", "rows", f.ROWS_78000),
    ("CCNT", "", "columns", f.COLUMNS_78000),
    ("ONED", "", "one-dimensional and element-wise operations", f.ONE_DIMENSIONAL),
    ("PRCNT", "", "rows of pooling", f.POOL_ROWS),
    ("PCCNT", "", "columns of pooling", f.POOL_COLUMNS),
    ("STRIDE", "", "stride", f.STRIDE),
    *_pointers(MAX78000),
    ("LCTL", "LCTRL0", "layer control", f.CONTROL_78000),
    ("MCNT", "", "kernel memory", f.MASKS_78000),
    ("TPTR", "", "TRAM", f.tram_pointer(MAX78000.tram_pointer_bits)),
    ("ENA", "EN", "processors", f.ENABLE),
    ("POST", "", "post processing", f.POST),
]

_LAYER_78002: list[Row] = [
    ("NXTLYR", "", "next layer", f.NEXT_LAYER),
    ("RCNT", "", "rows", f.ROWS_78002),
    ("CCNT", "", "columns", f.COLUMNS_78002),
    ("ONED", "", "one-dimensional and element-wise operations", f.ONE_DIMENSIONAL),
    ("PRCNT", "", "rows of pooling", f.POOL_ROWS_78002),
    ("PCCNT", "", "columns of pooling", f.POOL_COLUMNS_78002),
    ("STRIDE", "", "stride", f.STRIDE_78002),
    *_pointers(MAX78002),
    ("LCTL", "", "layer control", f.CONTROL_78002),
    ("LCTL2", "", "layer control 2", f.control2(MAX78002.write_gap_bits)),
    ("MCNT1", "", "kernel memory, end", f.MASKS_END_78002),
    ("MCNT2", "", "kernel memory, start", f.MASKS_START_78002),
    ("OCHAN", "", "output channels", f.OUTPUT_CHANNELS),
    ("TPTR", "", "TRAM", f.tram_pointer(MAX78002.tram_pointer_bits)),
    ("ENA", "", "processors", f.ENABLE),
    ("POST", "", "post processing", f.POST_78002),
]


def _streams(device: Device, extra: tuple[Field, ...] = ()) -> list[Row]:
    return [
        ("STREAM1", "STRM0", "start of a streaming layer", (*f.stream_start(device.stream_start_bits), *extra)),
        ("STREAM2", "STRM1", "steps of a streaming layer", f.stream_steps(device.stream_row_bits)),
        ("FMAX", "FBUF", "circular buffer of a streaming layer", f.stream_buffer(device.rollover_bits)),
    ]


def _registers_78000() -> tuple[Register, ...]:
    row_bytes = 4 * MAX78000.layers
    control2: Row = ("LCTL2", "LCTRL1", "layer control 2", f.control2(MAX78000.write_gap_bits))
    layer = [(0x10 + i * row_bytes, row) for i, row in enumerate(_LAYER_78000)] + [(0xA10, control2)]
    stream = [(0x810 + i * row_bytes, row) for i, row in enumerate(_streams(MAX78000))]
    return (*(_register(Scope.LAYER, offset, row, MAX78000.layers, 4) for offset, row in layer),
            *(_register(Scope.STREAM, offset, row, MAX78000.streaming_layers, 4) for offset, row in stream))


def _registers_78002() -> tuple[Register, ...]:
    row_bytes = 4 * MAX78002.streaming_layers
    layer = [(0x100000 + 4 * i, row) for i, row in enumerate(_LAYER_78002)]
    stream = [(0x108000 + i * row_bytes, row) for i, row in enumerate(_streams(MAX78002, (f.FIFO_GO,)))]
    return (*(_register(Scope.LAYER, offset, row, MAX78002.layers, PER_LAYER_78002) for offset, row in layer),
            *(_register(Scope.STREAM, offset, row, MAX78002.streaming_layers, 4) for offset, row in stream))


def _register(scope: Scope, offset: int, row: Row, count: int, pitch: int) -> Register:
    name, guide, title, fields = row
    return Register(name, title, scope, offset, fields, count, pitch, guide)


LAYER_REGISTERS = {MAX78000.name: _registers_78000(), MAX78002.name: _registers_78002()}
"""By chip the registers of every layer and of every streaming layer."""
