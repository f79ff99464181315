"""Registers of one layer that say the same thing twice: one row for each, and what it takes to agree.

Silicon does not check them; it computes something else than the rest of the layer's registers describe.
"""

from __future__ import annotations

from ..device import Device
from .complaints import Complaints, Kind
from .consistency_counters import COUNTER_ROWS
from .consistency_kernels import KERNEL_ROWS
from .consistency_pointers import POINTER_ROWS
from .consistency_row import Row, View
from .decode import QUARTERS
from .layer import LayerProgram, Mode
from .registers import Fields


def _on_new(view: View) -> bool:
    return view.device.counts_stop_and_step


def _outputs(view: View) -> int:
    """What OCHAN counts, plus 1."""
    program = view.program
    slots = program.slots * (1 if program.mode is Mode.PASSTHROUGH else program.reads.passes)
    if program.mode.by_processor:
        return slots
    quarters = program.mode is Mode.QUAD or program.kernels.x4
    return program.kernels.count // (QUARTERS if quarters else 1)


def _read_ahead(view: View) -> set[int]:
    """What LCTL.shift_cnt may be: passes - 1. One pixel may be a flattened image, whose pixels are none of them."""
    if not view.program.read_ahead:
        return {0}
    passes, pixel = view.program.reads.passes, view.program.image == view.program.kernels.size == (1, 1)
    counts = [count for count in range(1, passes + 1) if passes % count == 0] if pixel else [passes]
    return {(count - 1) // QUARTERS if view.program.parallel else count - 1 for count in counts}


ROWS = (
    Row("POST.ts_en: on in layers without sums over processors",
        lambda v: bool(v.lead["POST"]["ts_en"]) == v.program.mode.by_processor),
    Row("POST.onexone_en: on in passthrough layers of one operand",
        lambda v: bool(v.lead["POST"]["onexone_en"]) == (v.program.mode is Mode.PASSTHROUGH
                                                         and not v.program.elementwise)),
    Row("ONED.conv2d: on where a convolution follows an element-wise operation",
        lambda v: bool(v.lead["ONED"]["conv2d"]) == (bool(v.program.elementwise)
                                                     and v.program.mode is not Mode.PASSTHROUGH)),
    Row("ONED.oned_width: 1 in passthrough layers of one operand, 0 of several",
        lambda v: v.lead["ONED"]["oned_width"] == (not v.program.elementwise),
        lambda v: v.program.mode is Mode.PASSTHROUGH),
    Row("ONED.ewise_func, ewise_cnt and prepool: 0 without an element-wise operation",
        lambda v: not any(v.lead["ONED"][name] for name in ("ewise_func", "ewise_cnt", "prepool")),
        lambda v: not v.program.elementwise),
    Row("ONED.ewise_cnt: at least one more operand", lambda v: v.lead["ONED"]["ewise_cnt"] > 0,
        lambda v: bool(v.program.elementwise)),
    Row("the last kernel of passthrough and depthwise layers: one for each pass",
        lambda v: v.program.kernels.count == v.program.reads.passes,
        lambda v: v.program.mode.by_processor and not v.program.kernels.bypass),
    Row("OCHAN: output channels as counted by the kernels' addresses",
        lambda v: v.lead["OCHAN"]["ochan"] + 1 == _outputs(v), _on_new),
    Row("LCTL.shift_cnt: passes with read-ahead",
        lambda v: v.lead["LCTL"]["shift_cnt"] in _read_ahead(v), _on_new),
    Row("LCTL2.xpch_max: a multiple of the bits of a weight",
        lambda v: v.lead["LCTL2"]["xpch_max"] % v.program.kernels.bits == 0,
        lambda v: not v.program.mode.by_processor),
    Row("PRCNT and PCCNT: a multiple of the dilation",
        lambda v: v.lead["PRCNT"]["prcnt_max"] % v.program.reads.dilation[0] == 0
        and v.lead["PCCNT"]["pccnt_max"] % v.program.reads.dilation[1] == 0),
    Row("POST.mask_size: 1 bit where weights are binary", lambda v: v.program.kernels.bits == 1,
        lambda v: v.program.kernels.binary),
    Row("WPTR_CHOFFS: not 0 with several passes of output", lambda v: v.program.writes.passes > 0,
        lambda v: (v.program.reads.passes if v.program.mode.by_processor else
                   v.program.outputs > v.program.writes.channels) > 1),
    Row("WPTR_MOFFS: one instance in a convolution",
        lambda v: v.program.writes.mask == 1 << v.device.pointer_word_bits,
        lambda v: v.program.mode is not Mode.PASSTHROUGH),
    *KERNEL_ROWS, *POINTER_ROWS, *COUNTER_ROWS,
)
"""All agreements."""


def check_consistency(device: Device, lead: Fields, program: LayerProgram, complaints: Complaints) -> None:
    """Complain about registers that contradict each other."""
    view = View(device, lead, program)
    for row in ROWS:
        if row.applies(view) and not row.holds(view):
            complaints.add(Kind.SIZES_DISAGREE, row.text)
