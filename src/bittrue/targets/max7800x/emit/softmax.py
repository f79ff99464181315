"""The softmax of the emitted project, bit by bit: `softmax.c` and this module give the same integers.

Inputs are Q17.14: a sum x stands for x / 2**14. Outputs are Q15: 32767 is (almost) 1. With m the largest input, for
every input x in turn, all in unsigned 32-bit integers without overflow:

    d = m - x                            distance from the largest, Q14; from LIMIT (12.0) on the result is 0
    t = d * LOG2_E >> 13                 the same as a power of two, Q14
    k, f = t >> 14, t & 0x3fff           whole and fractional part
    e = min((ONE - (f * (C1 - (f * (C2 - (f * C3 >> 14)) >> 14)) >> 14) + (1 << k >> 1)) >> k, 32767)
                                         exp(-d), Q15, as 2**-f * 2**-k; rounded
    y = min((e * 2**15 + s // 2) // s, 32767), s the sum of all e

2**-f is a polynomial of degree 3 whose error is below 1e-4 on [0, 1) before its parts are rounded.
"""

from __future__ import annotations

import numpy as np

from ....ir import IntArray

FRACTION = 14
LIMIT = 12 << FRACTION
"""exp(-12) is less than a quarter of the last place."""
LOG2_E, LOG2_E_FRACTION = 11819, 13
ONE = 1 << 15
C1, C2, C3 = 22667, 7586, 1303
LARGEST = ONE - 1
INT32 = np.iinfo(np.int32)


def softmax_q17p14_q15(values: IntArray) -> IntArray:
    """The softmax of 32-bit sums (n,) as Q15 integers (n,).

    >>> softmax_q17p14_q15(np.array([0, 0, -(1 << 14), 1 << 14])).tolist()
    [6442, 6442, 2370, 17513]
    """
    if not len(values):
        return np.zeros(0, np.int64)
    powers = _exponentials(values.max() - values)
    total = int(powers.sum())
    return np.minimum((powers * ONE + total // 2) // total, LARGEST)


def softmax_shift_q17p14_q15(values: IntArray, in_shift: int) -> IntArray:
    """The softmax of sums of weights with fewer than 8 bits: shifted left first, saturating at 32 bits."""
    return softmax_q17p14_q15(np.clip(values << in_shift, INT32.min, INT32.max))


def _exponentials(distance: IntArray) -> IntArray:
    power = np.minimum(distance, LIMIT) * LOG2_E >> LOG2_E_FRACTION
    whole, part = power >> FRACTION, power & (1 << FRACTION) - 1
    inner = C2 - (part * C3 >> FRACTION)
    root = ONE - (part * (C1 - (part * inner >> FRACTION)) >> FRACTION)
    return np.where(distance < LIMIT, np.minimum(root + (1 << whole >> 1) >> whole, LARGEST), 0)
