"""Whether a program keeps to the protocol and to itself: seen from the program alone, not from how it was planned."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ....errors import Diagnostic
from ..program import MAX_TRANSFERS, Area, Buffer, Program
from .commands import LONGEST
from .follow import Follow, Problem
from .limits import Limits

FIX = "report it together with the network"


def check_program(program: Program, limits: Limits | None = None) -> tuple[Diagnostic, ...]:
    """Everything that is wrong with a program (BT5559); nothing, if the planner is right.

    No two buffers overlap while both are alive, no step has too many commands, every load finds what it is to find
    when the protocol lets it run, whenever that is, and every output element is stored exactly once.
    """
    table = (limits or Limits()).table
    return tuple(Diagnostic("BT5559", where, why, FIX) for found in (
        _buffers(program), _commands(program), Follow(program, table).problems()) for where, why in found)


def _buffers(program: Program) -> Iterator[Problem]:
    for memory in dict.fromkeys(buffer.memory for buffer in program.buffers):
        yield from _overlaps([buffer for buffer in program.buffers if buffer.memory == memory])


def _overlaps(buffers: list[Buffer]) -> Iterator[Problem]:
    begin, size, first, last = np.array([(b.offset, b.size, b.first, b.last) for b in buffers], np.int64).T
    for index, buffer in enumerate(buffers[1:], 1):
        before = slice(0, index)
        meet = ((begin[before] < buffer.offset + buffer.size) & (buffer.offset < begin[before] + size[before])
                & (first[before] <= buffer.last) & (buffer.first <= last[before]))
        for other in np.flatnonzero(meet).tolist():
            yield (f"{buffer.memory}, {buffer.label}", f"it overlaps with {buffers[other].label} while both are alive, "
                   f"at byte {buffer.offset}, step {buffer.first}")


def _commands(program: Program) -> Iterator[Problem]:
    for index, step in enumerate(program.steps):
        for transfers in ((*step.late, *step.early), step.stores):
            if len(transfers) > MAX_TRANSFERS:
                yield f"step {index}", f"{len(transfers)} DMA commands, there is room for {MAX_TRANSFERS}"
            for transfer in transfers:
                if transfer.area is not Area.STEPS and max(transfer.length, transfer.stride) > LONGEST and (
                        transfer.length != transfer.size):
                    yield f"step {index}, {transfer.label}", "its rows are longer than the DMA engine's numbers"
