"""Decodes a program once, before it runs: one row of integers for every half word, see `columns`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt

from .. import columns as c
from .compressed import expand
from .forms import FORMS, Operands, Word
from .row import Row
from .table import find, operation, operations

Int32s = npt.NDArray[np.int32]
PROGRAMS = 4
"""Decoded programs that are kept."""
SENTINELS = 2
"""Rows after the program that are no instructions."""
Extra = Mapping[str, tuple[int, int]]
"""Cycles of an instruction, and cycles that the next one waits if it needs the result, by latency class."""
LOADS = (c.LOAD, c.LOAD_POST, c.WAIT_LOAD)


def decode(data: bytes, base: int, latencies: Extra) -> Int32s:
    """The decoded instructions of bytes at an address; what is no instruction is `ILLEGAL` and traps when executed.

    The table is read-only: a program that runs again is not decoded again.
    """
    return _decoded(data, base, tuple(latencies.items()))


@lru_cache(maxsize=PROGRAMS)
def _decoded(data: bytes, base: int, classes: tuple[tuple[str, tuple[int, int]], ...]) -> Int32s:
    latencies = dict(classes)
    halves = np.frombuffer(data + bytes(4), "<u2").tolist()
    count = (len(data) + 1) // 2
    table = np.zeros((count + SENTINELS, c.INSTRUCTION), np.int32)
    table[:, c.KIND] = c.ILLEGAL
    for index in range(count):
        half = halves[index]
        if half & 3 == 3:
            word, size = half | halves[index + 1] << 16, 4
        else:
            word, size = expand(half), 2
        row = _found(word)
        if row is not None:
            table[index] = encode(row, FORMS[row.form](Word(word, base + 2 * index)), size, latencies)
    _stay_inside(table, count)
    table.flags.writeable = False
    return table.reshape(-1)


def _stay_inside(table: Int32s, count: int) -> None:
    """Let jumps that leave the program go to its end, where there is no instruction."""
    rows = np.arange(len(table))
    target = rows + table[:, c.JUMP] // c.INSTRUCTION
    outside = ((target < 0) | (target > count)) & (table[:, c.JUMP] != 0)
    table[outside, c.JUMP] = (count - rows[outside]) * c.INSTRUCTION


@cache
def _found(word: int) -> Row | None:
    return find(word)


def encode(row: Row, operands: Operands, size: int, latencies: Extra) -> list[int]:
    """A decoded instruction; distances count rows of the table times their length."""
    values = [0] * c.INSTRUCTION
    key = operation(row)
    late, time = latencies[row.latency][1], latencies[row.latency][0]
    values[c.KIND] = row.kind
    values[c.OPERATION] = row.operation if key is None else operations()[key]
    values[c.RD] = operands.rd or c.SINK
    values[c.RS1], values[c.RS2], values[c.RS3] = operands.rs1, operands.rs2, operands.rs3
    values[c.IMMEDIATE], values[c.MODE] = _second_operand(row, operands)
    values[c.SECOND] = int(not row.signed) if row.kind == c.DIVIDE else operands.second
    values[c.JUMP] = operands.jump // 2 * c.INSTRUCTION
    values[c.STEP] = size // 2 * c.INSTRUCTION
    values[c.USES] = _uses(operands.reads)
    values[c.LATE], values[c.TIME] = (operands.rd if late else 0), time
    values[c.WIDTH] = -row.width if row.signed and row.kind in LOADS else row.width
    return values


def _uses(reads: tuple[int, ...]) -> int:
    """A bit for every register that is read, without x0, as a signed word."""
    mask = sum(1 << register for register in set(reads) - {0})
    return mask - (1 << 32) if mask >> 31 else mask


def _second_operand(row: Row, operands: Operands) -> tuple[int, int]:
    """Immediate and mode: an immediate of a SIMD instruction is copied into all lanes here."""
    if operands.mode == c.CONSTANT and row.lane:
        lane = operands.immediate & (1 << row.lane) - 1
        copies = sum(lane << place for place in range(0, 32, row.lane))
        return copies - (1 << 32) if copies >> 31 else copies, c.CONSTANT
    if row.copies:
        return 0, c.BYTE_COPIES if row.lane == 8 else c.HALF_COPIES
    return operands.immediate, operands.mode
