"""Agreements about kernels: how many there are, how large, and for how many channels."""

from __future__ import annotations

from .consistency_row import SHARED, Row, View
from .decode import QUARTERS, kernel_range
from .layer import Mode

BITS = 8
"""Kernel addresses count the bits of a weight."""


def _whole(view: View) -> bool:
    """Whether whole kernels lie between the first and the last one; those of a quarter are rounded up to bits."""
    end, start = kernel_range(view.device, view.lead)
    bits, kernels = view.program.kernels.bits, view.program.kernels
    if not kernels.x4:
        return (end - start) % bits == 0
    quarter = view.lead["OCHAN"]["ochan"] + 1
    counts = range(QUARTERS * (quarter - 1) + 1, QUARTERS * quarter + 1)
    return any(end - start in ((count - 1) * bits, -(-count * bits // QUARTERS) - bits) for count in counts)


def _copies(view: View) -> bool:
    """Whether the counter of kernels counts passes, and nothing else."""
    end, start = kernel_range(view.device, view.lead)
    passes = (view.program.reads.passes - 1) * BITS
    return (end, start) == ((passes, 0) if view.counts_sizes else (0, passes))


def _span(view: View) -> bool:
    """Whether every pass of output channels has as many kernels; the last one of a flattening layer may have fewer."""
    outputs, channels = view.program.outputs, view.program.writes.channels
    passes = -(-outputs // channels)
    return outputs == passes * channels or (passes > 1 and channels == -(-outputs // (passes * SHARED)) * SHARED)


def _own_span(view: View) -> bool:
    """Whether a depthwise layer counts its processors, from a multiple of four on; elsewhere they may be aligned in
    another way."""
    processors, xpch = view.program.processors, view.lead["LCTL2"]["xpch_max"]
    if not processors:
        return True
    first, last = min(processors), max(processors)
    if view.program.mode is Mode.BROADCAST:
        return xpch == (last - first // SHARED * SHARED) * view.program.kernels.bits
    return xpch in [(last - first + skipped) * view.program.kernels.bits for skipped in range(SHARED)]


KERNEL_ROWS = (
    Row("the last kernel: whole kernels after the first", _whole,
        lambda v: not v.copies),
    Row("the first and the last kernel of passthrough layers: 8 for each pass but the first", _copies,
        lambda v: v.copies),
    Row("the last kernel: as many for each pass of the input",
        lambda v: v.program.kernels.count % v.program.reads.passes == 0,
        lambda v: v.sums and v.program.mode is not Mode.QUAD and not v.program.kernels.x4
        and not v.program.kernels.bypass),
    Row("LCTL2.xpch_max: as many kernels in every pass of output channels", _span, lambda v: v.sums),
    Row("LCTL2.xpch_max: the processors of depthwise layers", _own_span, lambda v: not v.sums and not v.copies),
    Row("LCTL2.xpch_max: 0 in passthrough layers", lambda v: not v.lead["LCTL2"]["xpch_max"], lambda v: v.copies),
    Row("POST.bptr_en: off in passthrough layers", lambda v: all(part.bias is None for part in v.program.parts),
        lambda v: v.copies),
    Row("POST.mask_size: 8 bits without kernels", lambda v: not v.lead["POST"]["mask_size"],
        lambda v: v.copies or v.program.kernels.bypass),
    Row("LCTL.rprime_max and cprime_max: 0 in passthrough layers",
        lambda v: not v.lead["LCTL"]["rprime_max"] and not v.lead["LCTL"]["cprime_max"],
        lambda v: v.copies and not v.counts_sizes),
    Row("ONED.oned_en: 1-D kernels on one column", lambda v: v.program.reads.width == 1,
        lambda v: bool(v.lead["ONED"]["oned_en"])),
    Row("LCTL.broadcast: on in depthwise layers alone", lambda v: bool(v.lead["POST"].get("depthwise")),
        lambda v: bool(v.lead["LCTL"].get("broadcast"))),
    Row("POST.tcalc: four passes at once need several, which are none of flattening",
        lambda v: v.program.reads.passes > 1 and not v.program.flattens, lambda v: v.program.parallel),
    Row("POST.flatten_en: on where there are more pixels than LCTL2.inpchexp counts",
        lambda v: v.lead["POST"]["xpmp_cnt"] > 0 and v.sums, lambda v: bool(v.lead["POST"]["flatten_en"])),
)
"""All of them."""
