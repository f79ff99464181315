"""Rounding half to even as rounding half up, which is many times faster.

The two differ only at ties, accumulators whose value lies in the middle between two levels. A tie is a solution of
acc * m + o + 2**(s-1) = 0 modulo 2**s, so with the wide shifts of synthesized scales a channel seldom has more than
one. Where all of a channel's ties go up to an even level, rounding up is the same; where all go down, it is the same
after an offset that is smaller by less than what keeps any other value from its level.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import gcd

import numpy as np

from ....ir import I32, IntArray, Rounding
from ....ir.ops import Requant
from ....ir.ops.requant import REQUANT_LIMIT

Numbers = tuple[IntArray, IntArray, IntArray]
"""Multiplier, offset, shift: (C,) or (1,)."""
MOST = 64
"""With more ties there is no hope that all go one way: they do so by turns."""


@dataclass(frozen=True)
class _Line:
    """(acc * multiplier + offset) / 2**shift on the accumulators first..last."""

    multiplier: int
    offset: int
    shift: int
    first: int
    last: int

    def ties(self) -> Iterator[int]:
        """The levels above the ties."""
        if not self.shift:
            return
        offset, modulus = self.offset + (1 << self.shift - 1), 1 << self.shift
        common = gcd(self.multiplier, modulus)
        if offset % common or self.first > self.last:
            return
        step = modulus // common
        start = -(offset // common) * pow(self.multiplier // common, -1, step) % step if step > 1 else 0
        for acc in range(self.first + (start - self.first) % step, self.last + 1, step):
            yield acc * self.multiplier + offset >> self.shift


def half_up(op: Requant, numbers: Numbers, reach: tuple[IntArray, IntArray]) -> tuple[Requant, Numbers] | None:
    """An equal requantization that rounds half up, if this one rounds half to even and there is one.

    `reach` are the smallest and the largest accumulators, (C,) or (1,).

    >>> from bittrue.ir import IntType
    >>> one = (np.array([3]), np.array([0]), np.array([1]))
    >>> requant = Requant(IntType(8, True), -128, 127, Rounding.HALF_EVEN)
    >>> op, (m, o, s) = half_up(requant, one, (np.array([1]), np.array([2])))
    >>> (op.rounding.value, int(m[0]), int(o[0]), int(s[0]))  # 3 / 2 is the only tie: up to 2
    ('HALF_UP', 3, 0, 1)
    """
    if op.rounding is not Rounding.HALF_EVEN:
        return None
    count = max(*(a.size for a in numbers), *(a.size for a in reach)) if numbers[0].size > 1 else 1
    low, high = reach if count > 1 else (reach[0].min(keepdims=True), reach[1].max(keepdims=True))
    columns = zip(*(np.broadcast_to(a.ravel(), (count,)).tolist() for a in (*numbers, low, high)), strict=True)
    found = [_channel(op, *column) for column in columns]
    whole = [one for one in found if one is not None]
    if len(whole) < len(found):
        return None
    multiplier, offset, shift = (np.array(values, np.int64) for values in zip(*whole, strict=True))
    return replace(op, rounding=Rounding.HALF_UP), (multiplier, offset, shift)


def _channel(op: Requant, multiplier: int, offset: int, shift: int, first: int, last: int) \
        -> tuple[int, int, int] | None:
    """One channel's numbers. Scaled up by more than the slope, an offset of one less moves nothing but ties."""
    steep = op.lo < 0 and (op.slope_multiplier, op.slope_shift) != (1, 0)
    lines = _branches(op, multiplier, offset, shift, first, last) if steep \
        else [_Line(multiplier, offset, shift, first, last)]
    down = _down(op, lines)
    if down is None or not down:
        return None if down is None else (multiplier, offset, shift)
    up = op.slope_multiplier.bit_length() if steep else 0
    moved = multiplier << up, (offset << up) - 1, shift + up
    largest = max(abs(acc * moved[0] + moved[1]) for acc in (first, last)) * max(1, op.slope_multiplier)
    fits = largest + (1 << moved[2] + op.slope_shift) < REQUANT_LIMIT and abs(moved[0]) <= I32.max
    return moved if fits else None


def _down(op: Requant, lines: list[_Line]) -> bool | None:
    """Whether ties go down: all do, or none does; None if they differ."""
    odd: set[bool] = set()
    for line in lines:
        for number, level in enumerate(line.ties()):
            if number > MOST:
                return None
            if op.lo < level <= op.hi:
                odd.add(level % 2 == 1)
    return None if len(odd) > 1 else True in odd


def _branches(op: Requant, multiplier: int, offset: int, shift: int, first: int, last: int) -> list[_Line]:
    """The line of the values from zero on, and the one of those below, which has the slope."""
    steep, more = op.slope_multiplier, shift + op.slope_shift
    if not multiplier:
        line = _Line(0, offset, shift, first, last) if offset >= 0 else _Line(0, offset * steep, more, first, last)
        return [line]
    zero = -(offset // multiplier) if multiplier > 0 else offset // -multiplier + 1
    below, above = (first, min(last, zero - 1)), (max(first, zero), last)
    if multiplier < 0:
        below, above = above, below
    return [_Line(multiplier, offset, shift, *above), _Line(multiplier * steep, offset * steep, more, *below)]
