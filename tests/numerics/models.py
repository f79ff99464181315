"""Step models for the tests of numerics: hypothesis strategies, and an evaluation that shares no code with the library.

`evaluate` follows the formula step by step in `fractions`; a square root that is irrational is evaluated in `decimal`
with 90 digits, and a value that comes closer than 1e-60 to a tie without being one would raise.
"""

from __future__ import annotations

from decimal import Context, Decimal
from fractions import Fraction
from math import ceil, floor, isqrt

import numpy as np
from hypothesis import strategies as st

from bittrue.ir import Rounding
from bittrue.numerics.steps import BatchNorm, StepModel

DIGITS = Context(prec=90)


def evaluate(model: StepModel, channel: int, acc: int) -> int:
    """The model's output for one accumulator, by the formula."""
    at = lambda array: Fraction(float(array[channel % len(array)]))  # noqa: E731
    x = Fraction(acc)
    for factor in model.factors:
        x *= at(factor)
    x /= model.divisor
    if model.bias is not None:
        x += at(model.bias)
    extra = None
    if (norm := model.batch_norm) is not None:
        square = at(norm.var) + Fraction(norm.eps)
        x, (root, exact) = (x - at(norm.mean)) * at(norm.gamma), _sqrt(square)
        x, extra = x / root + at(norm.beta), None if exact or x == 0 else square
    if x < 0:
        x *= Fraction(model.slope)
    if model.clip is not None:
        low, high = (Fraction(min(max(end, -1e30), 1e30)) for end in model.clip)
        x = min(max(x, low), high)
        extra = None if x in (low, high) else extra
    x /= at(model.out_scale)
    if extra is not None and x != 0:
        assert abs(x * 2 - round(x * 2)) > Fraction(1, 10**60), "too close to a tie to tell"
    return min(max(rounded(x, model.rounding), model.lo), model.hi)


def rounded(x: Fraction, rounding: Rounding) -> int:
    """A fraction as an integer, by the words of the modes' definitions."""
    if rounding is Rounding.FLOOR:
        return floor(x)
    if rounding is Rounding.HALF_UP:
        return floor(x + Fraction(1, 2))
    if rounding is Rounding.HALF_EVEN:
        return round(x)
    if rounding is Rounding.TOWARD_ZERO:
        return ceil(x) if x < 0 else floor(x)
    return floor(x + Fraction(1, 2)) if x > 0 else ceil(x - Fraction(1, 2))


def _sqrt(square: Fraction) -> tuple[Fraction, bool]:
    num, den = isqrt(square.numerator), isqrt(square.denominator)
    if (num * num, den * den) == (square.numerator, square.denominator):
        return Fraction(num, den), True
    root = DIGITS.sqrt(DIGITS.divide(Decimal(square.numerator), Decimal(square.denominator)))
    return Fraction(root), False


def per_channel(values: st.SearchStrategy[float], channels: int) -> st.SearchStrategy[np.ndarray]:
    """One value, or one per channel."""
    return st.sampled_from(sorted({1, channels})).flatmap(
        lambda n: st.lists(values, min_size=n, max_size=n).map(lambda v: np.array(v, np.float64)))


dyadic = st.builds(lambda n, e: n * 2.0**e, st.integers(-12, 12), st.integers(-4, 1))
positive = st.builds(lambda n, e: n * 2.0**e, st.integers(1, 9), st.integers(-5, 1))
coarse = st.floats(-4, 4, width=32).map(float)
fine = st.floats(0.0625, 3, width=32).map(float)
numbers, scales = dyadic | coarse, positive | fine
slopes = st.sampled_from([0.0, 1.0, 0.25, 13 / 256, 0.01, 0.1, 1.5, 3.0])
levels = st.sampled_from([(0, 3), (0, 15), (-8, 7), (-2, 1), (0, 0), (-128, 127), (2, 5), (-7, -2)])
clips = st.none() | st.tuples(numbers, numbers).map(lambda ends: (min(ends), max(ends))) | st.sampled_from(
    [(0.0, 6.0), (-1.0, 1.0), (-float("inf"), 2.0), (0.5, float("inf"))])


@st.composite
def batch_norms(draw: st.DrawFn, channels: int) -> BatchNorm:
    """Any sign of gamma, zero included; variances whose root is rational and others."""
    square = st.sampled_from([0.25, 1.0, 4.0, 2.25]) | fine
    return BatchNorm(draw(per_channel(numbers, channels)), draw(per_channel(numbers, channels)),
                     draw(per_channel(numbers, channels)), draw(per_channel(square, channels)),
                     draw(st.sampled_from([0.0, 1e-5, 1e-3])))


@st.composite
def step_models(draw: st.DrawFn, channels: int | None = None) -> StepModel:
    """Random models in which exact ties are frequent."""
    count = channels or draw(st.integers(1, 2))
    lo, hi = draw(levels)
    return StepModel(
        count, tuple(draw(st.lists(per_channel(scales, count), min_size=1, max_size=2))),
        draw(per_channel(scales, count)), draw(st.sampled_from(list(Rounding))), lo, hi,
        divisor=draw(st.sampled_from([1, 1, 2, 9])), bias=draw(st.none() | per_channel(numbers, count)),
        batch_norm=draw(st.none() | batch_norms(count)), slope=draw(slopes), clip=draw(clips), source="random")
