"""What OR and XOR can give for operands in intervals: both intervals are halved at their highest bit, again and again.

The halves of an interval are full from some bit on, or end with it, so there are few different pairs at every bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import product

import numpy as np

from .file import Array

Span = tuple[int, int]
"""First and last integer of an interval."""

Function = Callable[[int, int], int]


def extremes(function: Function, a: tuple[Array, Array], b: tuple[Array, Array]) -> tuple[Array, Array]:
    """Smallest and largest result of a bitwise function, element by element, with broadcasting."""
    ends = np.broadcast_arrays(*a, *b)
    spans, element = np.unique(np.stack([end.ravel() for end in ends]), axis=1, return_inverse=True)
    found = np.array([_signed(function, (p, q), (r, s)) for p, q, r, s in spans.T.tolist()], np.int64)
    lo, hi = found[element.ravel()].T.reshape(2, *ends[0].shape)
    return lo, hi


def _signed(function: Function, a: Span, b: Span) -> Span:
    """In two's complement: the sign bit counts negatively, and numbers that have it come first."""
    half = 1 << max(abs(end) for end in (*a, *b)).bit_length()
    spans = [(lo + half, hi + half) for lo, hi in (a, b)]
    bits = half.bit_length() - 1
    return _hull((-half * function(1 - p, 1 - q), _unsigned(function, x, y, bits))
                 for (p, x), (q, y) in product(*(_halves(span, half) for span in spans)))


@lru_cache(1 << 16)
def _unsigned(function: Function, a: Span, b: Span, bits: int) -> Span:
    """For numbers of 0..2**bits - 1."""
    if not bits:
        return 0, 0
    half = 1 << (bits - 1)
    return _hull((half * function(p, q), _unsigned(function, x, y, bits - 1))
                 for (p, x), (q, y) in product(_halves(a, half), _halves(b, half)))


def _halves(span: Span, half: int) -> Iterator[tuple[int, Span]]:
    """The parts of an interval of 0..2*half - 1 without and with the highest bit, which is left out."""
    lo, hi = span
    if lo < half:
        yield 0, (lo, min(hi, half - 1))
    if hi >= half:
        yield 1, (max(lo, half) - half, hi - half)


def _hull(parts: Iterator[tuple[int, Span]]) -> Span:
    """The interval around intervals that are moved."""
    ends = [(top + lo, top + hi) for top, (lo, hi) in parts]
    return min(lo for lo, _ in ends), max(hi for _, hi in ends)
