"""What the kernels must compute, in plain Python and NumPy int64; images are (H, W, C)."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor, trunc

import numpy as np
from numpy.typing import NDArray

from bittrue.ir import Rounding

Ints = NDArray[np.int64]


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


def windows(x: Ints, out: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int], pad: tuple[int, int],
            dilation: tuple[int, int], filler: int = 0) -> Ints:
    """What every window sees: (OH, OW, KH, KW, C)."""
    h, w, channels = x.shape
    seen = np.full((*out, *kernel, channels), filler, np.int64)
    for oy, ox, ky, kx in np.ndindex(*out, *kernel):
        iy, ix = oy * stride[0] - pad[0] + ky * dilation[0], ox * stride[1] - pad[1] + kx * dilation[1]
        if 0 <= iy < h and 0 <= ix < w:
            seen[oy, ox, ky, kx] = x[iy, ix]
    return seen
