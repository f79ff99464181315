"""Rounding and requantization against definitions on fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rounding_reference import reference
from strategies import SLOPES, roundings, within

from bittrue.ir import I32, IntType, Range, Rounding, TensorType, round_div
from bittrue.ir.op import RuleViolation
from bittrue.ir.ops import Requant

I8 = IntType(8, True)


@pytest.mark.parametrize("rounding", list(Rounding))
def test_rounding_of_every_small_quotient(rounding: Rounding) -> None:
    for den in range(1, 13):
        nums = np.arange(-60, 61)
        expected = [reference(Fraction(int(num), den), rounding) for num in nums]
        assert [round_div(int(num), den, rounding) for num in nums] == expected
        assert round_div(nums, np.int64(den), rounding).tolist() == expected


@given(st.integers(-2**62 + 1, 2**62 - 1), st.integers(1, 2**61), roundings)
@settings(deadline=None)
def test_rounding_is_exact_up_to_the_limit_of_a_requantization(num: int, den: int, rounding: Rounding) -> None:
    expected = reference(Fraction(num, den), rounding)
    assert round_div(num, den, rounding) == expected
    assert round_div(np.array([num]), np.int64(den), rounding).tolist() == [expected]


@given(st.integers(-50, 50), st.integers(0, 61), st.integers(-1, 1), roundings)
@settings(deadline=None)
def test_rounding_at_and_beside_ties(odd: int, shift: int, beside: int, rounding: Rounding) -> None:
    num = (2 * odd + 1) * (1 << shift >> 1) + beside
    if abs(num) < 1 << 62:
        expected = reference(Fraction(num, 1 << shift), rounding)
        assert round_div(np.array([num]), np.int64(1 << shift), rounding).tolist() == [expected]


parameters = st.lists(st.tuples(st.integers(-2**15, 2**15), st.integers(-2**40, 2**40), st.integers(0, 40)),
                      min_size=1, max_size=3)


@given(parameters, st.booleans(), st.sampled_from(SLOPES), roundings, st.integers(0, 2), st.integers(0, 2**32))
@settings(deadline=None, max_examples=100)
def test_requantization_is_its_formula(rows: list[tuple[int, int, int]], single: bool, slope: tuple[int, int],
                                       rounding: Rounding, axis: int, seed: int) -> None:
    rows = rows[:1] if single else rows
    multiplier, offset, shift = np.array(rows).T
    shape = [2, 3, 4]
    shape[axis] = 5 if single else len(rows)
    op, tensor = Requant(I8, -100, 90, rounding, *slope, axis=axis), TensorType(tuple(shape), I32)
    acc = within(tensor, seed) >> np.int64(seed % 30)
    y = op.run(acc, multiplier, offset, shift)
    assert op.infer(tensor, *[TensorType(multiplier.shape, I32)] * 3) == TensorType(y.shape[1:], I8)
    for at in np.ndindex(*y.shape):
        m, o, s = rows[0] if single else rows[at[axis + 1]]
        value = Fraction(int(acc[at]) * m + o)
        below = Fraction(slope[0], 1 << slope[1]) if value < 0 else 1
        assert y[at] == max(-100, min(90, reference(value * below / (1 << s), rounding)))


@given(parameters, st.sampled_from(SLOPES), roundings, st.integers(0, 2**32))
@settings(deadline=None, max_examples=60)
def test_bounds_of_a_requantization_are_attained(rows: list[tuple[int, int, int]], slope: tuple[int, int],
                                                 rounding: Rounding, seed: int) -> None:
    constants = list(np.array(rows).T)
    op, tensor = Requant(I8, -100, 90, rounding, *slope), TensorType((len(rows), 2, 3), I32)
    low, high = np.sort(within(tensor, seed, 2), axis=0)
    reach = op.bounds(Range(low, high), *map(Range.exactly, constants))
    ends = op.run(np.stack([low, high]), *constants)
    assert np.array_equal(reach.lo, ends.min(axis=0))
    assert np.array_equal(reach.hi, ends.max(axis=0))
    inside = op.run(np.clip(within(tensor, seed + 1, 8), low, high), *constants)
    assert ((reach.lo <= inside) & (inside <= reach.hi)).all()


@pytest.mark.parametrize(("op", "types", "why"), [
    (Requant(I8, -1, 1, axis=3), "i32[2,3,4] i8[2] i8[2] i8[2]", "axis 3 is outside of i32[2,3,4]"),
    (Requant(I8, -1, 1), "i32[2,3,4] i8[3] i8[3] i8[3]", "the channel axis has 2"),
    (Requant(I8, -1, 1), "i32[2,3,4] i8[2] i8[1] i8[2]", "multiplier, offset and shift are i8[2], i8[1], i8[2]"),
    (Requant(I8, -129, 1), "i32[2] i8[2] i8[2] i8[2]", "the clamp -129..1 is not within i8"),
    (Requant(I8, 2, 1), "i32[2] i8[2] i8[2] i8[2]", "the clamp 2..1 is not within i8"),
    (Requant(I8, 0, 1, slope_multiplier=-1), "i32[2] i8[2] i8[2] i8[2]", "slope -1/2**0 is negative"),
    (Requant(I8, 0, 1, slope_multiplier=1 << 80), "i32[2] i8[2] i8[2] i8[2]", "too large"),
    (Requant(I8, 0, 1, slope_shift=31), "i32[2] i8[2] i8[2] i8[2]", "too fine"),
])
def test_shape_rule_says_why(op: Requant, types: str, why: str) -> None:
    with pytest.raises(RuleViolation) as caught:
        op.infer(*map(TensorType.parse, types.split()))
    assert why in caught.value.why
    assert caught.value.fix
