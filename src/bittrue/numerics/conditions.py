"""When is an integer function a given step function: linear conditions on its multiplier and offset.

Wanted are integers m, o, s per channel with clamp(round(slope(acc*m + o) / 2**s), lo, hi) equal to the model for all
accumulators that can occur. With V_k the smallest integer v for which round(slope(v) / 2**s) >= k, and T_k the model's
step to k, that is the case exactly when

    m * T_k + o >= V_k    and    m * (T_k - 1) + o <= V_k - 1    for all k,

the first where T_k is not beyond the last accumulator, the second where it is not the first one. For a given m these
leave an interval of offsets whose ends are integers, so an integer o exists if and only if a real one does; the length
of that interval is a concave function of m. Hence the multipliers that work at one s are all integers of one interval,
and cutting away what a violated pair of conditions forbids (Newton's method on a concave, piecewise linear function)
finds its lower end exactly. A decreasing function (negative gain) is solved in the coordinate -acc.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..ir import IntArray, Rounding
from ..ir.ops.requant import REQUANT_LIMIT
from .steps import boundary

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Shape:
    """What all channels of a requantization share: clamp, rounding, slope below zero."""

    lo: int
    hi: int
    rounding: Rounding
    slope_multiplier: int = 1
    slope_shift: int = 0

    @property
    def edge(self) -> int:
        """Largest |m * acc| and largest |o|: the verifier's limit on their sum times the slope, shared equally."""
        return (REQUANT_LIMIT // 2 - 1) // max(1, self.slope_multiplier)

    def boundaries(self, shift: int) -> IntArray:
        """V_k for k in lo+1..hi, saturated at +-(2**62 - 1), which no value of a requantization reaches.

        >>> Shape(-1, 2, Rounding.HALF_UP, 1, 2).boundaries(3).tolist()
        [-16, 4, 12]
        """
        last = REQUANT_LIMIT - 1
        exact = (self._boundary(*boundary(self.rounding, k), shift) for k in range(self.lo + 1, self.hi + 1))
        return np.array([-last if v is None else min(max(v, -last), last) for v in exact], np.int64)

    def _boundary(self, w: int, inclusive: bool, shift: int) -> int | None:
        num, den = w << shift, 2
        if w <= 0 and self.slope_multiplier == 0:
            return None if w < 0 or inclusive else 1  # a ReLU: every v reaches it
        if w < 0:
            num, den = num << self.slope_shift, den * self.slope_multiplier
        return -(-num // den) if inclusive else num // den + 1


@dataclass(frozen=True, eq=False)
class Conditions:
    """The conditions of C channels on (m, o) at one shift, as lines: max(low_v - m*low_t) <= o <= min(up_v - m*up_t).

    All int64 (C, K). No value leaves 64 bits: |low_v|, |up_v| <= 2**62 and m * |t| < 2**62 by the limit on m.
    """

    low_t: IntArray
    low_v: IntArray
    up_t: IntArray
    up_v: IntArray

    def pick(self, rows: IntArray | BoolArray) -> Conditions:
        """Those of some channels."""
        return Conditions(self.low_t[rows], self.low_v[rows], self.up_t[rows], self.up_v[rows])

    def offsets(self, m: IntArray) -> tuple[IntArray, IntArray]:
        """First and last offset that works with m (C,) for each channel; none when the first is larger."""
        first: IntArray = (self.low_v - m[:, None] * self.low_t).max(1)
        last: IntArray = (self.up_v - m[:, None] * self.up_t).min(1)
        return first, last

    def works(self, m: IntArray) -> BoolArray:
        """Whether m (C,) has an offset."""
        first, last = self.offsets(m)
        fits: BoolArray = first <= last
        return fits

    def least(self, start: IntArray, limit: IntArray) -> IntArray:
        """The smallest m in start..limit that has an offset, per channel (C,); -1 where there is none."""
        found, rows, m, here = np.full(len(start), -1, np.int64), np.arange(len(start)), start, self
        while rows.size:
            in_reach = m <= limit[rows]
            rows, m, here = rows[in_reach], m[in_reach], here if in_reach.all() else here.pick(in_reach)
            works, larger, m_next = here._cut(m)
            found[rows[works]] = m[works]
            rows, m, here = rows[larger], m_next, here.pick(larger)
        return found

    def _cut(self, m: IntArray) -> tuple[BoolArray, BoolArray, IntArray]:
        """Where m works; where only a larger one can; and the smallest that the pair violated most leaves for those."""
        below, above = self.low_v - m[:, None] * self.low_t, self.up_v - m[:, None] * self.up_t
        each, k, j = np.arange(len(m)), below.argmax(1), above.argmin(1)
        works = below[each, k] <= above[each, j]
        run, rise = self.up_t[each, j] - self.low_t[each, k], self.up_v[each, j] - self.low_v[each, k]
        larger = ~works & (run < 0)  # the pair demands m * run <= rise
        return works, larger, -(rise[larger] // -run[larger])


@dataclass(frozen=True, eq=False)
class Layer:
    """The model's steps of C channels in the coordinate direction * acc, and which multipliers are allowed.

    positions (C, K); first and last accumulator, start and limit of the multiplier (C,).
    """

    shape: Shape
    positions: IntArray
    first: IntArray
    last: IntArray
    start: IntArray
    limit: IntArray

    def conditions(self, shift: int) -> Conditions:
        """All channels' conditions at one shift; those that do not apply say |o| <= edge, as one more column does."""
        reached, stepped = self.positions <= self.last[:, None], self.positions > self.first[:, None]
        values, edge = self.shape.boundaries(shift), self.shape.edge
        return Conditions(_and(np.where(reached, self.positions, 0), 0), _and(np.where(reached, values, -edge), -edge),
                          _and(np.where(stepped, self.positions - 1, 0), 0),
                          _and(np.where(stepped, values - 1, edge), edge))

    def pick(self, rows: IntArray) -> Layer:
        """Some channels."""
        return Layer(self.shape, self.positions[rows], self.first[rows], self.last[rows], self.start[rows],
                     self.limit[rows])


def _and(columns: IntArray, value: int) -> IntArray:
    return np.concatenate([columns, np.full((len(columns), 1), value)], axis=1)
