"""Whole units: how many a number takes, and the number rounded up to them."""

from __future__ import annotations


def units(value: int, unit: int) -> int:
    """How many units hold a value.

    >>> units(8, 4), units(9, 4)
    (2, 3)
    """
    return -(-value // unit)


def whole(value: int, unit: int) -> int:
    """The value rounded up to whole units.

    >>> whole(8, 4), whole(9, 4)
    (8, 12)
    """
    return units(value, unit) * unit
