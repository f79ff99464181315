"""The rounding modes defined on fractions, independently of the code under test."""

from __future__ import annotations

from fractions import Fraction
from math import floor, trunc

from bittrue.ir import Rounding


def reference(value: Fraction, rounding: Rounding) -> int:
    """`value` rounded to an integer."""
    if rounding is Rounding.HALF_UP:
        return floor(value + Fraction(1, 2))
    if rounding is Rounding.HALF_EVEN:
        return round(value)  # Python's own definition: to the nearest, ties to even
    if rounding is Rounding.HALF_AWAY:
        magnitude = floor(abs(value) + Fraction(1, 2))
        return magnitude if value >= 0 else -magnitude
    return trunc(value) if rounding is Rounding.TOWARD_ZERO else floor(value)
