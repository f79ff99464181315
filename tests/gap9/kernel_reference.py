"""What the kernels must compute, in plain Python and NumPy int64; images are (H, W, C)."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor, trunc

import numpy as np

from bittrue.ir import Rounding
from bittrue.targets.gap9.kernels import Kind, RequantTable
from gap9.kernel_builds import Ints

Pair = tuple[int, int]


def rounded(x: Fraction, rounding: Rounding) -> int:
    """An exact fraction to an integer."""
    half = Fraction(1, 2)
    if rounding is Rounding.HALF_AWAY:
        return floor(x + half) if x >= 0 else ceil(x - half)
    return {Rounding.HALF_UP: floor(x + half), Rounding.HALF_EVEN: round(x), Rounding.FLOOR: floor(x),
            Rounding.TOWARD_ZERO: trunc(x)}[rounding]


def requantized(acc: int, numbers: tuple[int, int, int], rounding: Rounding, clamp: tuple[int, int],
                slope: tuple[int, int] = (1, 0)) -> int:
    """clamp(round(slope(acc * m + o) / 2**s)) in exact fractions."""
    multiplier, offset, shift = numbers
    value = Fraction(acc * multiplier + offset)
    if value < 0:
        value = value * slope[0] / 2 ** slope[1]
    return max(clamp[0], min(clamp[1], rounded(value / 2 ** shift, rounding)))


def windows(x: Ints, out: Pair, kernel: Pair, stride: Pair, pad: Pair, dilation: Pair,
            filler: int = 0) -> Ints:
    """What every window sees: (OH, OW, KH, KW, C)."""
    h, w, channels = x.shape
    seen = np.full((*out, *kernel, channels), filler, np.int64)
    for oy, ox, ky, kx in np.ndindex(*out, *kernel):
        iy, ix = oy * stride[0] - pad[0] + ky * dilation[0], ox * stride[1] - pad[1] + kx * dilation[1]
        if 0 <= iy < h and 0 <= ix < w:
            seen[oy, ox, ky, kx] = x[iy, ix]
    return seen


def convolve(x: Ints, w: Ints, out: Pair, stride: Pair, pad: Pair, dilation: Pair) -> Ints:
    seen = windows(x, out, (w.shape[2], w.shape[3]), stride, pad, dilation)
    return np.einsum("yxhwi,oihw->yxo", seen, w)


def scaled(acc: Ints, table: RequantTable) -> Ints:
    """A table applied to accumulators (..., channels), every kind by its definition in exact fractions."""
    if table.kind is Kind.NONE:
        return acc
    out = np.empty_like(acc)
    for place in np.ndindex(*acc.shape):
        numbers = table.scales[place[-1] if table.per_channel else 0]
        if table.kind is Kind.WIDE:
            numbers = (numbers[0], numbers[1], numbers[2] + 32)
        if table.kind is Kind.PARTS:
            numbers = whole(numbers, table.slope_shift)
        out[place] = requantized(int(acc[place]), numbers, table.rounding, (table.lo, table.hi))
    return out


def whole(record: tuple[int, int, int], bits: int) -> tuple[int, int, int]:
    """The multiplier, offset and shift that a record of two parts stands for."""
    high, offset, shift = record
    low = (offset + (1 << 31)) % (1 << 32) - (1 << 31)
    return (high << bits) + low, (offset >> 32 << bits) + (shift >> 5), (shift & 31) + bits
