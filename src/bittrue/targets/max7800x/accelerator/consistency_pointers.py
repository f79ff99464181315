"""Agreements about write pointers: the distances between time slots, passes and pixels."""

from __future__ import annotations

from .consistency_row import SHARED, Row, View
from .layer import Mode


def _slots(view: View) -> bool:
    """Whether time slots are as far apart as the mode wants."""
    program, instance = view.program, 1 << view.device.pointer_word_bits
    if view.copies:
        several = len(program.processors) > SHARED
        return program.writes.slot in ((instance,) if several else (instance, instance // SHARED))
    if not view.sums:
        return program.writes.slot == (instance if program.mode is Mode.DEPTHWISE else 0)
    return program.writes.slot == (program.kernels.size == (1, 1) and not view.lead["ONED"]["oned_en"])


def _passes(view: View) -> int:
    """Passes of the output."""
    program = view.program
    return program.reads.passes if program.mode.by_processor else -(-program.outputs // program.writes.channels)


def _steps(view: View) -> bool:
    """Whether the words of all passes, with equal gaps, fill the way from one pixel to the next."""
    writes, passes = view.program.writes, _passes(view)
    width = SHARED if view.program.post.wide else 1
    if passes == 1:  # those of an element-wise operation may run as rows
        return writes.passes in ((0, writes.increment) if view.program.elementwise and view.copies else (0,))
    gap = writes.increment if view.copies else writes.increment // passes
    return writes.passes == gap * width and (view.copies or writes.increment % passes == 0)


POINTER_ROWS = (
    Row("WPTR_TOFFS: the way from one time slot to the next", _slots),
    Row("WPTR_CHOFFS and LCTL2.wptr_inc: the passes of the output", _steps),
)
"""All of them."""
