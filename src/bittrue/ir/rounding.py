"""The rounding modes: one exact definition, used by the oracle, the proof, the synthesis and the tests."""

from __future__ import annotations

from enum import Enum
from typing import Any, TypeVar

Int = TypeVar("Int", int, Any)


class Rounding(str, Enum):
    """How a quotient becomes an integer."""

    HALF_UP = "HALF_UP"
    """floor(x + 1/2): ties towards plus infinity (MAX7800x, most hardware)."""
    HALF_EVEN = "HALF_EVEN"
    """ties to the even neighbour (IEEE 754, `torch.round`, `numpy.rint`)."""
    HALF_AWAY = "HALF_AWAY"
    """ties away from zero (C `round`)."""
    FLOOR = "FLOOR"
    """towards minus infinity (an arithmetic shift)."""
    TOWARD_ZERO = "TOWARD_ZERO"
    """the fraction is dropped (C integer division)."""

    def __str__(self) -> str:
        return self.value


def round_div(num: Int, den: Int, rounding: Rounding) -> Int:
    """`num / den` rounded to an integer, exactly; `den` > 0. Works on Python integers and on int64 arrays alike.

    >>> [round_div(n, 2, Rounding.HALF_EVEN) for n in (-3, -1, 1, 3)]
    [-2, 0, 0, 2]
    >>> [round_div(n, 2, Rounding.HALF_UP) for n in (-3, -1, 1, 3)]
    [-1, 0, 1, 2]
    >>> [round_div(n, 2, Rounding.HALF_AWAY) for n in (-3, -1, 1, 3)]
    [-2, -1, 1, 2]
    >>> [round_div(n, 2, Rounding.TOWARD_ZERO) for n in (-3, -1, 1, 3)]
    [-1, 0, 0, 1]
    """
    quotient = num // den
    low, high = num - quotient * den, (quotient + 1) * den - num  # distances to the two neighbours; low + high == den
    if rounding is Rounding.FLOOR:
        return quotient
    if rounding is Rounding.TOWARD_ZERO:
        return quotient + ((num < 0) & (low > 0))
    if rounding is Rounding.HALF_UP:
        return quotient + (low >= high)
    tie_goes_up = quotient % 2 == 1 if rounding is Rounding.HALF_EVEN else num >= 0
    return quotient + ((low > high) | ((low == high) & tie_goes_up))
