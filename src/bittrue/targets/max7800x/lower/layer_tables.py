"""The registers of a layer in the order in which they are written, each with the function that gives its values."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..device import MAX78000, MAX78002
from . import layer_input as inputs
from . import layer_kernels as kernels
from . import layer_modes as modes
from . import layer_output as outputs
from . import layer_streams as streams
from .layer_view import Fields, LayerView

Row = tuple[str, Callable[[LayerView], Fields]]

_POINTERS: tuple[Row, ...] = (
    ("WPTR_BASE", outputs.write_pointer),
    ("WPTR_TOFFS", outputs.slot_offset),
    ("WPTR_MOFFS", outputs.kernel_offset),
    ("WPTR_CHOFFS", outputs.pass_offset),
    ("RPTR_BASE", inputs.read_pointer),
)


def _oned(view: LayerView) -> Fields:
    return {**modes.one_dimensional(view), **kernels.first_byte(view)}


_LAYER_78000: tuple[Row, ...] = (
    ("RCNT", inputs.rows_78000),
    ("CCNT", inputs.columns_78000),
    ("PRCNT", inputs.pool_rows),
    ("PCCNT", inputs.pool_columns),
    ("STRIDE", inputs.stride),
    *_POINTERS,
    ("LCTL", modes.control),
    ("LCTL2", outputs.control2),
    ("MCNT", kernels.masks_78000),
    ("ONED", _oned),
    ("TPTR", kernels.tram_pointer),
    ("POST", modes.post),
    ("ENA", modes.enable),
    ("STREAM1", streams.start),
    ("STREAM2", streams.steps),
    ("FMAX", streams.buffer),
)

_LAYER_78002: tuple[Row, ...] = (
    ("NXTLYR", modes.next_layer),
    ("RCNT", inputs.rows_78002),
    ("CCNT", inputs.columns_78002),
    ("PRCNT", inputs.pool_rows_78002),
    ("PCCNT", inputs.pool_columns_78002),
    ("STRIDE", inputs.stride_78002),
    *_POINTERS,
    ("LCTL", modes.control_78002),
    ("LCTL2", outputs.control2),
    ("MCNT1", kernels.masks_end),
    ("MCNT2", kernels.masks_start),
    ("OCHAN", kernels.output_channels),
    ("ONED", _oned),
    ("TPTR", kernels.tram_pointer),
    ("POST", modes.post_78002),
    ("ENA", modes.enable),
    ("STREAM1", streams.start_78002),
    ("STREAM2", streams.steps),
    ("FMAX", streams.buffer),
)

LAYER_TABLES: Mapping[str, tuple[Row, ...]] = {MAX78000.name: _LAYER_78000, MAX78002.name: _LAYER_78002}
"""Chip -> rows."""



RESET_LAYER: tuple[Row, ...] = (
    ("RCNT", lambda view: {"rcnt_step": 1}),
    ("CCNT", lambda view: {"ccnt_step": 1}),
    ("STRIDE", lambda view: {"mp_stride": 1}),
    ("WPTR_BASE", outputs.write_pointer),
    ("WPTR_TOFFS", outputs.slot_offset),
    ("RPTR_BASE", inputs.read_pointer),
    ("LCTL", lambda view: {"master": 1, "maxpl_en": 1, "sramlsrc": 1}),
    ("ONED", lambda view: {"oned_width": 1}),
    ("POST", lambda view: {"ts_en": 1, "onexone_en": 1}),
    ("ENA", lambda view: {"pro_en": 1}),
)
"""The layer that clears the sums of average pooling: it copies one pixel of one processor."""
