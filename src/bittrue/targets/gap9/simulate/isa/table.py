"""The table of all instructions, and the numbers of what they compute."""

from __future__ import annotations

from functools import cache

from . import base, simd, xpulp
from .row import Function, Row

ROWS: tuple[Row, ...] = (*base.rows(), *xpulp.rows(), *simd.rows())
Operation = tuple[Function, int, bool]
"""A function, the lane that it is repeated for (0 for none), and whether lanes are signed."""


def operation(row: Row) -> Operation | None:
    """What a row computes."""
    if row.function is None:
        return None
    return (row.function, row.lane, row.signed) if row.per_lane else (row.function, 0, True)


@cache
def operations() -> dict[Operation, int]:
    """The number of everything that is computed."""
    found = dict.fromkeys(key for key in map(operation, ROWS) if key is not None)
    return {key: number for number, key in enumerate(found)}


@cache
def by_opcode() -> dict[int, tuple[Row, ...]]:
    """Rows by the low seven bits of their words; what is most narrowly described comes first."""
    ordered = sorted(ROWS, key=lambda row: -row.mask.bit_count())
    return {opcode: tuple(row for row in ordered if row.match & 0x7F == opcode)
            for opcode in {row.match & 0x7F for row in ROWS}}


def find(word: int) -> Row | None:
    """The instruction that a 32-bit word encodes."""
    return next((row for row in by_opcode().get(word & 0x7F, ()) if word & row.mask == row.match), None)
