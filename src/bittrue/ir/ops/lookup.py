"""Any function of a narrow integer, as a table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..op import Kind, Op, Operand, require
from ..types import IntArray, Range, TensorType

MAX_BITS = 16
"""Widest input that a table can have (65,536 entries)."""


@dataclass(frozen=True)
class Lookup(Op):
    """y = table[x - first]: `first` is the smallest value of x's type (-128 for i8, 0 for u8), the table has one entry
    for each of its 2**bits values, y has the table's integer type. x has at most 16 bits."""

    first: int = 0

    operands = (Operand("x"), Operand("table", Kind.CONSTANT))

    def infer(self, *types: TensorType) -> TensorType:
        elem = types[0].elem
        require(elem.bits <= MAX_BITS, f"{types[0]} has too many values for a table", f"use at most {MAX_BITS} bits")
        require(types[1].shape == (1 << elem.bits,) and self.first == elem.min,
                f"table {types[1]} from {self.first} on is not one entry for each value of {elem}",
                f"give {1 << elem.bits} entries, the first for {elem.min}")
        return TensorType(types[0].shape, types[1].elem)

    def run(self, *arrays: IntArray) -> IntArray:
        found: IntArray = arrays[1][arrays[0] - self.first]
        return found

    def bounds(self, *ranges: Range) -> Range:
        x, table = ranges[0], ranges[1].lo
        ends, inverse = np.unique(np.stack([x.lo.ravel(), x.hi.ravel()]) - self.first, axis=1, return_inverse=True)
        reached = [table[lo:hi + 1] for lo, hi in ends.T]
        lowest, highest = (np.array([pick(r) for r in reached], np.int64) for pick in (np.min, np.max))
        return Range(lowest[inverse.ravel()].reshape(x.lo.shape), highest[inverse.ravel()].reshape(x.lo.shape))
