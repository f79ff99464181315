"""Numbers that may be arrays: one element for each candidate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Amount = Any
"""An int, a float, or a NumPy array of them; NumPy's own types cannot say `either` for all operators."""
Values = Mapping[str, Amount]
"""The integer fields of a kernel's parameters, by name."""


def ceil_div(a: Amount, b: Amount) -> Amount:
    """The quotient, rounded up.

    >>> ceil_div(7, 2)
    4
    """
    return -(-a // b)
