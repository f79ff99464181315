"""Requantization: from an accumulator to a narrow integer, in integers alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..op import Kind, Op, Operand, require
from ..rounding import Rounding, round_div
from ..types import IntArray, IntType, Range, TensorType

REQUANT_LIMIT = 1 << 62
"""No intermediate of a requantization reaches this magnitude (the verifier proves it), so int64 is exact."""


@dataclass(frozen=True)
class Requant(Op):
    """y = clamp(round(slope(acc * multiplier[c] + offset[c]) / 2**shift[c]), lo, hi), c along `axis` of the sample.

    `slope(v)` is v for v >= 0 and v * slope_multiplier / 2**slope_shift below (1, 0: identity; 0, 0: ReLU; 13, 8:
    LeakyReLU(13/256)); the division happens once, together with the shift, so there is a single rounding. The offset
    holds bias and batch norm's shift at the resolution of the multiplier. multiplier, offset and shift have the shape
    (C,) or (1,).
    """

    out: IntType
    lo: int
    hi: int
    rounding: Rounding = Rounding.HALF_UP
    slope_multiplier: int = 1
    slope_shift: int = 0
    axis: int = 0

    operands = (Operand("acc"), Operand("multiplier", Kind.CONSTANT), Operand("offset", Kind.CONSTANT),
                Operand("shift", Kind.CONSTANT))

    def infer(self, *types: TensorType) -> TensorType:
        shape = types[0].shape
        require(0 <= self.axis < len(shape), f"axis {self.axis} is outside of {types[0]}", "name the channel axis")
        require(len({t.shape for t in types[1:]}) == 1 and types[1].shape in ((1,), (shape[self.axis],)),
                f"multiplier, offset and shift are {', '.join(map(str, types[1:]))}; the channel axis has "
                f"{shape[self.axis]}", "give each of them one value, or one per channel")
        require(self.out.min <= self.lo <= self.hi <= self.out.max,
                f"the clamp {self.lo}..{self.hi} is not within {self.out}", "clamp to values of the output type")
        require(0 <= self.slope_multiplier < 1 << 31 and 0 <= self.slope_shift < 31,
                f"slope {self.slope_multiplier}/2**{self.slope_shift} is negative, too large or too fine",
                "use a multiplier of 0 to 2**31-1 with a shift below 31")
        return TensorType(shape, self.out)

    def run(self, *arrays: IntArray) -> IntArray:
        acc, rest = arrays[0], arrays[1:]
        multiplier, offset, shift = (self.along_axis(a, acc.ndim - 1) for a in rest)
        value = acc * multiplier + offset
        scaled = round_div(value, np.int64(1) << shift, self.rounding)
        if (self.slope_multiplier, self.slope_shift) != (1, 0):
            below = round_div(value * self.slope_multiplier, np.int64(1) << (shift + self.slope_shift), self.rounding)
            scaled = np.where(value < 0, below, scaled)
        clamped: IntArray = np.clip(scaled, self.lo, self.hi)
        return clamped

    def bounds(self, *ranges: Range) -> Range:
        parameters = [r.lo for r in ranges[1:]]
        ends = [self.run(end[np.newaxis], *parameters)[0] for end in (ranges[0].lo, ranges[0].hi)]
        return Range(np.minimum(*ends), np.maximum(*ends))

    def magnitude(self, acc: Range, multiplier: IntArray, offset: IntArray) -> int:
        """Bound on acc * multiplier + offset and on its product with the slope, as an exact integer."""
        widest = max(abs(int(acc.lo.min())), abs(int(acc.hi.max())))
        steepest, farthest = (max(abs(int(a.min())), abs(int(a.max()))) for a in (multiplier, offset))
        return (widest * steepest + farthest) * max(1, self.slope_multiplier)

    def along_axis(self, values: IntArray, rank: int) -> IntArray:
        """Reshape (C,) or (1,) so that it broadcasts against a sample of `rank` axes."""
        return values.reshape(-1, *(1,) * (rank - 1 - self.axis))
