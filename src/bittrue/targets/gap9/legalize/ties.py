"""Rounding half to even as rounding half up, which is many times faster.

The two differ only at ties, accumulators whose value lies in the middle between two levels. A tie is a solution of
acc * m + o + 2**(s-1) = 0 modulo 2**s, so with the wide shifts of synthesized scales a channel seldom has more than
one. Where all of a channel's ties go up to an even level, rounding up is the same; where all go down, it is the same
after an offset that is smaller by less than what keeps any other value from its level; where the first ones go one way
and the others the other way, after a multiplier that is a bit larger or smaller.
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

    def ties(self) -> Iterator[tuple[int, int]]:
        """The ties, and the levels above them."""
        if not self.shift:
            return
        offset, modulus = self.offset + (1 << self.shift - 1), 1 << self.shift
        common = gcd(self.multiplier, modulus)
        if offset % common or self.first > self.last:
            return
        step = modulus // common
        start = -(offset // common) * pow(self.multiplier // common, -1, step) % step if step > 1 else 0
        for acc in range(self.first + (start - self.first) % step, self.last + 1, step):
            yield acc, acc * self.multiplier + offset >> self.shift


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
    """One channel's numbers."""
    steep = op.lo < 0 and (op.slope_multiplier, op.slope_shift) != (1, 0)
    line = _Line(multiplier, offset, shift, first, last)
    ties = _ties(op, _branches(op, line) if steep else [line])
    bend = None if ties is None else _bend(*ties)
    if bend is None:
        return None
    more, less = bend
    if (more, less) == (0, 0):
        return multiplier, offset, shift
    # Scaled up by more than what bends, and its slope, nothing moves but ties.
    bends = max(abs(acc * more - less) for acc in (first, last)) * (max(1, op.slope_multiplier) if steep else 1)
    up = bends.bit_length() if more or steep else 0
    moved = (multiplier << up) + more, (offset << up) - less, shift + up
    largest = max(abs(acc * moved[0] + moved[1]) for acc in (first, last)) * max(1, op.slope_multiplier)
    fits = largest + (1 << moved[2] + op.slope_shift) < REQUANT_LIMIT and abs(moved[0]) <= I32.max
    return moved if fits else None


def _ties(op: Requant, lines: list[_Line]) -> tuple[list[int], list[int]] | None:
    """The ties between levels that the clamp leaves: those that go down, those that go up. None if there are many."""
    down: list[int] = []
    up: list[int] = []
    for line in lines:
        for number, (acc, level) in enumerate(line.ties()):
            if number > MOST:
                return None
            if op.lo < level <= op.hi:
                (down if level % 2 else up).append(acc)
    return down, up


def _bend(down: list[int], up: list[int]) -> tuple[int, int] | None:
    """What to add to a multiplier, and to take from an offset, so that values fall at some ties and not at others.

    >>> _bend([], [5]), _bend([5], []), _bend([2], [5, 6]), _bend([5], [2]), _bend([2, 6], [5])
    ((0, 0), (0, 1), (1, 5), (-1, -2), None)
    """
    if not down or not up:
        return 0, int(bool(down))
    if max(down) < min(up):
        return 1, min(up)
    return (-1, -max(up)) if max(up) < min(down) else None


def _branches(op: Requant, line: _Line) -> list[_Line]:
    """The line of the values from zero on, and the one of those below, which has the slope."""
    multiplier, offset, steep, more = line.multiplier, line.offset, op.slope_multiplier, line.shift + op.slope_shift
    if not multiplier:
        return [line] if offset >= 0 else [_Line(0, offset * steep, more, line.first, line.last)]
    zero = -(offset // multiplier) if multiplier > 0 else offset // -multiplier + 1
    below, above = (line.first, min(line.last, zero - 1)), (max(line.first, zero), line.last)
    if multiplier < 0:
        below, above = above, below
    return [_Line(multiplier, offset, line.shift, *above), _Line(multiplier * steep, offset * steep, more, *below)]
