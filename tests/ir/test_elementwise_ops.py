"""Activations, sums, differences and tables: semantics and value ranges on every value of small types."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rounding_reference import reference
from strategies import narrow_types, roundings, within

from bittrue.ir import I32, IntArray, IntType, Op, Range, Rounding, TensorType
from bittrue.ir.op import RuleViolation
from bittrue.ir.ops import Abs, Add, Clip, LeakyRelu, Lookup, Relu, Sub


def every(elem: IntType) -> IntArray:
    """One sample per value of a type."""
    return np.arange(elem.min, elem.max + 1, dtype=np.int64)[:, np.newaxis]


def check_tight(op: Op, elem: IntType, lo: int, hi: int, *constants: IntArray) -> None:
    """On the values lo..hi the op gives results from the lower to the upper bound, both attained."""
    x = np.arange(lo, hi + 1, dtype=np.int64)[:, np.newaxis]
    reach = op.bounds(Range(x[0], x[-1]), *map(Range.exactly, constants))
    y = op.run(x, *constants)
    assert (int(reach.lo[0]), int(reach.hi[0])) == (int(y.min()), int(y.max()))
    out = op.infer(TensorType((1,), elem), *(TensorType(c.shape, I32) for c in constants))
    assert out.elem.holds(y)


spans = st.tuples(st.integers(0, 255), st.integers(0, 255))


def cut(elem: IntType, span: tuple[int, int]) -> tuple[int, int]:
    """A part lo..hi of a type's values."""
    lo, hi = sorted(elem.min + s % (elem.max - elem.min + 1) for s in span)
    return lo, hi


@given(narrow_types, spans)
@settings(deadline=None)
def test_relu_and_abs(elem: IntType, span: tuple[int, int]) -> None:
    assert Relu().run(every(elem)).ravel().tolist() == [max(v, 0) for v in range(elem.min, elem.max + 1)]
    assert Abs().run(every(elem)).ravel().tolist() == [abs(v) for v in range(elem.min, elem.max + 1)]
    assert Relu().infer(TensorType((3, 2), elem)) == TensorType((3, 2), elem)
    assert Abs().infer(TensorType((3, 2), elem)) == TensorType((3, 2), IntType(elem.bits, False))
    for op in (Relu(), Abs()):
        check_tight(op, elem, *cut(elem, span))


@given(narrow_types, spans, spans)
@settings(deadline=None)
def test_clip(elem: IntType, limits: tuple[int, int], span: tuple[int, int]) -> None:
    lo, hi = cut(elem, limits)
    assert Clip(lo, hi).run(every(elem)).ravel().tolist() == [min(max(v, lo), hi) for v in
                                                              range(elem.min, elem.max + 1)]
    check_tight(Clip(lo, hi), elem, *cut(elem, span))


@given(narrow_types, st.integers(0, 8), st.integers(0, 256), roundings, spans)
@settings(deadline=None)
def test_leaky_relu(elem: IntType, shift: int, multiplier: int, rounding: Rounding, span: tuple[int, int]) -> None:
    op = LeakyRelu(min(multiplier, 1 << shift), shift, rounding)
    slope = Fraction(op.slope_multiplier, 1 << shift)
    expected = [v if v >= 0 else reference(v * slope, rounding) for v in range(elem.min, elem.max + 1)]
    assert op.run(every(elem)).ravel().tolist() == expected
    check_tight(op, elem, *cut(elem, span))


@given(narrow_types, st.integers(0, 2**32), spans)
@settings(deadline=None)
def test_lookup(elem: IntType, seed: int, span: tuple[int, int]) -> None:
    table = within(TensorType((1 << elem.bits,), IntType(6, True)), seed, 1)[0]
    op = Lookup(elem.min)
    assert op.run(every(elem), table).ravel().tolist() == table.tolist()
    check_tight(op, elem, *cut(elem, span), table)
    assert op.infer(TensorType((3,), elem), TensorType(table.shape, IntType(6, True))) == \
        TensorType((3,), IntType(6, True))


def test_lookup_bounds_are_per_element() -> None:
    table = np.array([5, -1, 7, 0])
    reach = Lookup(-2).bounds(Range(np.array([[-2], [0]]), np.array([[-1], [1]])), Range.exactly(table))
    assert reach.lo.tolist() == [[-1], [0]]
    assert reach.hi.tolist() == [[5], [7]]


@st.composite
def pairs(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Two shapes that broadcast."""
    lengths = draw(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 2)), min_size=1, max_size=3))
    a, b = (tuple(1 if which == i else length for length, which in lengths) for i in (0, 1))
    return a, b


@given(pairs(), narrow_types, narrow_types, st.integers(0, 2**32))
@settings(deadline=None)
def test_sum_and_difference(shapes: tuple[tuple[int, ...], tuple[int, ...]], p: IntType, q: IntType,
                            seed: int) -> None:
    types = (TensorType(shapes[0], p), TensorType(shapes[1], q))
    a, b = within(types[0], seed), within(types[1], seed + 1)
    ends = [np.sort(within(t, seed + 2, 2), axis=0) for t in types]
    a_part, b_part = np.clip(a, *ends[0]), np.clip(b, *ends[1])
    for op, sign in ((Add(I32), 1), (Sub(I32), -1)):
        y = op.run(a, b)
        assert op.infer(*types) == TensorType(y.shape[1:], I32)
        for at in np.ndindex(*y.shape):
            u, v = (int(np.broadcast_to(c, y.shape)[at]) for c in (a, b))
            assert y[at] == u + sign * v
        reach = op.bounds(*(Range(lo, hi) for lo, hi in ends))
        part = op.run(a_part, b_part)
        assert ((reach.lo <= part) & (part <= reach.hi)).all()
        lowest = op.run(ends[0][:1], ends[1][:1] if sign > 0 else ends[1][1:])
        highest = op.run(ends[0][1:], ends[1][1:] if sign > 0 else ends[1][:1])
        assert np.array_equal(reach.lo, lowest[0])
        assert np.array_equal(reach.hi, highest[0])


@pytest.mark.parametrize(("op", "types", "why"), [
    (LeakyRelu(-1, 0), "i8[3]", "slope -1/2**0 is negative"),
    (LeakyRelu(1, 31), "i8[3]", "too fine"),
    (Clip(1, 0), "i8[3]", "the clip 1..0 is not within i8"),
    (Clip(0, 200), "i8[3]", "the clip 0..200 is not within i8"),
    (Add(I32), "i8[3] i8[3,1]", "different ranks"),
    (Sub(I32), "i8[3,2] i8[3,3]", "lengths that differ"),
    (Lookup(), "i8[3] i8[256]", "is not one entry for each value of i8"),
    (Lookup(-128), "i8[3] i8[255]", "is not one entry for each value of i8"),
    (Lookup(), "u17[3] i8[256]", "too many values for a table"),
])
def test_shape_rules_say_why(op: Op, types: str, why: str) -> None:
    with pytest.raises(RuleViolation) as caught:
        op.infer(*map(TensorType.parse, types.split()))
    assert why in caught.value.why
    assert caught.value.fix
