"""Ops that work element by element: activations, clipping, sums and differences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..op import Op, Operand, require
from ..rounding import Rounding, round_div
from ..types import IntArray, IntType, Range, Shape, TensorType
from .monotone import image

PAIR = (Operand("a"), Operand("b"))


@dataclass(frozen=True)
class Relu(Op):
    """y = max(x, 0); y has the type of x."""

    def infer(self, *types: TensorType) -> TensorType:
        return types[0]

    def run(self, *arrays: IntArray) -> IntArray:
        return np.maximum(arrays[0], 0)

    def bounds(self, *ranges: Range) -> Range:
        return image(self, *ranges)


@dataclass(frozen=True)
class LeakyRelu(Op):
    """y = x where x >= 0, else round(x * slope_multiplier / 2**slope_shift); y has the type of x."""

    slope_multiplier: int
    slope_shift: int
    rounding: Rounding = Rounding.HALF_UP

    def infer(self, *types: TensorType) -> TensorType:
        require(0 <= self.slope_multiplier < 1 << 30 and 0 <= self.slope_shift < 31,
                f"slope {self.slope_multiplier}/2**{self.slope_shift} is negative, too large or too fine",
                "use a multiplier of 0 to 2**30-1 with a shift below 31")
        return types[0]

    def run(self, *arrays: IntArray) -> IntArray:
        x = arrays[0]
        below = round_div(x * self.slope_multiplier, np.int64(1 << self.slope_shift), self.rounding)
        return np.where(x < 0, below, x)

    def bounds(self, *ranges: Range) -> Range:
        return image(self, *ranges)


@dataclass(frozen=True)
class Clip(Op):
    """y = min(max(x, lo), hi); y has the type of x, which must hold lo <= hi."""

    lo: int
    hi: int

    def infer(self, *types: TensorType) -> TensorType:
        elem = types[0].elem
        require(elem.min <= self.lo <= self.hi <= elem.max, f"the clip {self.lo}..{self.hi} is not within {elem}",
                f"clip to lo <= hi within {elem.min}..{elem.max}")
        return types[0]

    def run(self, *arrays: IntArray) -> IntArray:
        clipped: IntArray = np.clip(arrays[0], self.lo, self.hi)
        return clipped

    def bounds(self, *ranges: Range) -> Range:
        return image(self, *ranges)


@dataclass(frozen=True)
class Abs(Op):
    """y = |x|; y is unsigned with the bits of x, so that even |-128| of an i8 fits (128 in u8)."""

    def infer(self, *types: TensorType) -> TensorType:
        return TensorType(types[0].shape, IntType(types[0].elem.bits, False))

    def run(self, *arrays: IntArray) -> IntArray:
        return np.abs(arrays[0])

    def bounds(self, *ranges: Range) -> Range:
        lo, hi = ranges[0].lo, ranges[0].hi
        across = (lo <= 0) & (hi >= 0)
        return Range(np.where(across, 0, np.minimum(np.abs(lo), np.abs(hi))), np.maximum(np.abs(lo), np.abs(hi)))


def broadcast_pair(types: tuple[TensorType, ...], axes: slice = slice(None)) -> Shape:
    """NumPy broadcasting of some axes of two samples of equal rank. Raises `RuleViolation` where it is impossible."""
    a, b = types
    pairs = list(zip(a.shape[axes], b.shape[axes], strict=False))
    require(len(a.shape) == len(b.shape) and all(p == q or 1 in (p, q) for p, q in pairs),
            f"{a} and {b} have different ranks, or lengths that differ and are not 1",
            "reshape the operands to one rank; along every axis lengths are equal or one of them is 1")
    return tuple(max(pair) for pair in pairs)


@dataclass(frozen=True)
class Add(Op):
    """y = a + b, of the type `out`. Samples have the same rank; axes of length 1 are repeated (NumPy broadcasting)."""

    out: IntType

    operands = PAIR

    def infer(self, *types: TensorType) -> TensorType:
        return TensorType(broadcast_pair(types), self.out)

    def run(self, *arrays: IntArray) -> IntArray:
        return arrays[0] + arrays[1]

    def bounds(self, *ranges: Range) -> Range:
        return image(self, *ranges)


@dataclass(frozen=True)
class Sub(Op):
    """y = a - b, of the type `out`. Samples have the same rank; axes of length 1 are repeated (NumPy broadcasting)."""

    out: IntType

    operands = PAIR

    def infer(self, *types: TensorType) -> TensorType:
        return TensorType(broadcast_pair(types), self.out)

    def run(self, *arrays: IntArray) -> IntArray:
        return arrays[0] - arrays[1]

    def bounds(self, *ranges: Range) -> Range:
        a, b = ranges
        return Range(a.lo - b.hi, a.hi - b.lo)
