"""Bitwise operations of two tensors in two's complement, and the exact interval of what they can give.

With all operands in intervals, the extremes of an OR or XOR are found bit by bit from the highest one down (H. S.
Warren, Hacker's Delight, section 4-3, "Propagating bounds through logical operations"). There operands are not
negative; an interval that holds both signs is cut at zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ..op import Op, require
from ..types import IntArray, Range, TensorType
from .elementwise import PAIR, broadcast_pair

Function = Callable[[IntArray, IntArray], IntArray]

FAR = 1 << 62
"""Beyond every bound."""


@dataclass(frozen=True)
class BitOr(Op):
    """y = a | b, bit by bit in two's complement. a, b and y have one integer type; samples have the same rank, axes of
    length 1 are repeated (NumPy broadcasting)."""

    operands = PAIR

    def infer(self, *types: TensorType) -> TensorType:
        return _of_one_type(types)

    def run(self, *arrays: IntArray) -> IntArray:
        return arrays[0] | arrays[1]

    def bounds(self, *ranges: Range) -> Range:
        return _extremes(np.bitwise_or, *ranges)


@dataclass(frozen=True)
class BitXor(Op):
    """y = a ^ b, bit by bit in two's complement. a, b and y have one integer type; samples have the same rank, axes of
    length 1 are repeated (NumPy broadcasting)."""

    operands = PAIR

    def infer(self, *types: TensorType) -> TensorType:
        return _of_one_type(types)

    def run(self, *arrays: IntArray) -> IntArray:
        return arrays[0] ^ arrays[1]

    def bounds(self, *ranges: Range) -> Range:
        return _extremes(np.bitwise_xor, *ranges)


def _of_one_type(types: tuple[TensorType, ...]) -> TensorType:
    require(types[0].elem == types[1].elem, f"{types[0]} and {types[1]} have different integer types",
            "requantize them to one type first")
    return TensorType(broadcast_pair(types), types[0].elem)


def _extremes(function: Function, a: Range, b: Range) -> Range:
    """The smallest and the largest result for operands in these ranges; both are results. Broadcasts."""
    bits = max(int(abs(end)).bit_length() for r in (a, b) for end in (r.lo.min(), r.hi.max()))
    shape = np.broadcast_shapes(a.lo.shape, b.lo.shape)
    lo, hi = np.full(shape, FAR), np.full(shape, -FAR)
    for p, q in product((0, -1), repeat=2):  # the sign bits, repeated in all higher places
        (a_part, a_there), (b_part, b_there) = _part(a, p, bits), _part(b, q, bits)
        sign = function(np.array(p), np.array(q)) << bits
        there = a_there & b_there
        lo = np.where(there, np.minimum(lo, _smallest(function, a_part, b_part, bits) + sign), lo)
        hi = np.where(there, np.maximum(hi, _largest(function, a_part, b_part, bits) + sign), hi)
    return Range(lo, hi)


def _part(x: Range, sign: int, bits: int) -> tuple[Range, NDArray[np.bool_]]:
    """The values with this sign bit, without it (so 0..2**bits - 1), and where there are any."""
    weight = sign << bits
    values = Range(np.maximum(x.lo, weight) - weight, np.minimum(x.hi, weight + (1 << bits) - 1) - weight)
    return values, x.lo < 0 if sign else x.hi >= 0


def _smallest(function: Function, a: Range, b: Range, bits: int) -> IntArray:
    """A bit that only one operand has to have is paid for already: the other one may have it as well, and zeros behind
    it."""
    p, q = a.lo, b.lo
    for bit in (1 << i for i in reversed(range(bits))):
        raised_p, raised_q = (p | bit) & -bit, (q | bit) & -bit
        p, q = (np.where((p & bit == 0) & (q & bit != 0) & (raised_p <= a.hi), raised_p, p),
                np.where((p & bit != 0) & (q & bit == 0) & (raised_q <= b.hi), raised_q, q))
    return function(p, q)


def _largest(function: Function, a: Range, b: Range, bits: int) -> IntArray:
    """Where both operands have a bit, one is enough: the other may do without it, and have ones behind it."""
    p, q = a.hi, b.hi
    for bit in (1 << i for i in reversed(range(bits))):
        both = p & q & bit != 0
        lowered_p, lowered_q = (p - bit) | (bit - 1), (q - bit) | (bit - 1)
        first = both & (lowered_p >= a.lo)
        p, q = np.where(first, lowered_p, p), np.where(both & ~first & (lowered_q >= b.lo), lowered_q, q)
    return function(p, q)
