"""Agreements about the counters of rows and columns."""

from __future__ import annotations

from .consistency_row import Row, View
from .layer import STRETCH


def _stops(view: View) -> bool:
    """Whether the last window of the rows, and of the columns, is one that the stride comes to."""
    stops = view.lead["RCNT"]["rcnt_stop"], view.lead["CCNT"]["ccnt_stop"]
    if view.program.stretch:
        return all(stop % STRETCH == STRETCH - 1 for stop in stops)
    return all(stop % (view.lead["STRIDE"]["stride"] + 1) == 0 for stop in stops)


def _last_window(view: View) -> bool:
    """Whether the last window of a row is the last that the row has room for."""
    rest, window = view.lead["CCNT"]["ccnt_step"], view.lead["PCCNT"]["pccnt_max"] + 1
    return window <= rest < window + view.lead["STRIDE"]["stride"] + 1


def _row_step(view: View) -> bool:
    """Whether both registers say the same length of a row."""
    columns, stride = view.lead["CCNT"], view.lead["STRIDE"]["stride"] + 1
    width = columns["ccnt_stop"] + columns["ccnt_step"]
    words = columns["ccnt_step"] + (stride - 1) * width
    return view.lead["RCNT"]["rcnt_step"] == words * view.program.reads.pixel_words


COUNTER_ROWS = (
    Row("STRIDE.mp_stride: the stride in words",
        lambda v: v.lead["STRIDE"]["mp_stride"] % (v.lead["STRIDE"]["stride"] + 1) == 0 < v.lead["STRIDE"]["mp_stride"],
        lambda v: not v.counts_sizes),
    Row("RCNT and CCNT: no padding in passthrough layers", lambda v: v.program.pad == (0, 0), lambda v: v.copies),
    Row("RCNT.rcnt_stop and CCNT.ccnt_stop: a multiple of the stride", _stops, lambda v: not v.counts_sizes),
    Row("CCNT.ccnt_step: from the last window to the end of the row", _last_window, lambda v: not v.counts_sizes),
    Row("RCNT.rcnt_step: the way to the next row, by CCNT", _row_step, lambda v: not v.counts_sizes),
)
"""All of them."""
