"""OR and XOR: semantics bit by bit, and value ranges that are exactly what the operands can give."""

from __future__ import annotations

from itertools import product
from operator import or_, xor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import within

from bittrue.ir import IntArray, IntType, Op, Range, TensorType
from bittrue.ir.op import RuleViolation
from bittrue.ir.ops import BitOr, BitXor
from bittrue.numerics.checker.bits import extremes

OPS = {BitOr(): or_, BitXor(): xor}
FUNCTIONS = {BitOr(): lambda p, q: p or q, BitXor(): lambda p, q: p != q}
"""What each op does to two bits."""
types = st.builds(IntType, st.integers(1, 32), st.booleans())


def bits(value: int, elem: IntType) -> list[bool]:
    """The bits of a value, lowest first."""
    return [bool(value % (1 << elem.bits) & (1 << i)) for i in range(elem.bits)]


@pytest.mark.parametrize("op", list(OPS))
@given(types, st.lists(st.integers(1, 3), min_size=1, max_size=3), st.data(), st.integers(0, 2**32))
@settings(deadline=None)
def test_every_bit_of_the_result(op: Op, elem: IntType, shape: list[int], data: st.DataObject, seed: int) -> None:
    other = tuple(data.draw(st.sampled_from([1, n])) for n in shape)
    tensors = TensorType(tuple(shape), elem), TensorType(other, elem)
    a, b = (within(t, seed + i) for i, t in enumerate(tensors))
    y = op.run(a, b)
    assert op.infer(*tensors) == TensorType(y.shape[1:], elem)
    assert elem.holds(y)
    for at in np.ndindex(*y.shape):
        p, q = (bits(int(np.broadcast_to(v, y.shape)[at]), elem) for v in (a, b))
        assert bits(int(y[at]), elem) == list(map(FUNCTIONS[op], p, q))


def test_of_extreme_bytes() -> None:
    a, b = np.array([[-128, -128, 127, -1, 0, 85]]), np.array([[127, -128, 127, 0, -128, -86]])
    assert BitOr().run(a, b).tolist() == [[-1, -128, 127, -1, -128, -1]]
    assert BitXor().run(a, b).tolist() == [[-1, 0, 0, -1, -128, -1]]


def pairs(lo: int, hi: int) -> IntArray:
    """All intervals within lo..hi, (n, 2)."""
    return np.array([(a, b) for a in range(lo, hi + 1) for b in range(a, hi + 1)])


@pytest.mark.parametrize("elem", ["i4", "u4", "i1", "u1", "i3"])
@pytest.mark.parametrize("op", list(OPS))
def test_bounds_of_all_small_intervals_are_attained(op: Op, elem: str) -> None:
    """The verifier's rule and the certificate checker's own one, against every pair of operands."""
    kind = IntType.parse(elem)
    spans = pairs(kind.min, kind.max)
    ends = [(spans[:, :1], spans[:, 1:]), (spans[np.newaxis, :, 0], spans[np.newaxis, :, 1])]
    reach = op.bounds(*(Range(*end) for end in ends))
    assert (reach.lo.shape, reach.hi.shape) == ((len(spans),) * 2,) * 2
    for found, other in zip((reach.lo, reach.hi), extremes(OPS[op], *ends), strict=True):
        assert np.array_equal(found, other)
    for (i, (a, b)), (j, (c, d)) in product(enumerate(spans.tolist()), repeat=2):
        results = {OPS[op](p, q) for p in range(a, b + 1) for q in range(c, d + 1)}
        assert (reach.lo[i, j], reach.hi[i, j]) == (min(results), max(results))


@pytest.mark.parametrize("op", list(OPS))
@given(types, st.data(), st.integers(0, 2**32))
@settings(deadline=None, max_examples=60)
def test_bounds_hold_and_both_rules_agree(op: Op, elem: IntType, data: st.DataObject, seed: int) -> None:
    shape = (3, data.draw(st.integers(1, 4)))
    low, high = np.sort(within(TensorType((2, *shape), elem), seed, 2), axis=0)
    ranges = [Range(low[i], high[i]) for i in range(2)]
    reach = op.bounds(*ranges)
    other = extremes(OPS[op], *((r.lo, r.hi) for r in ranges))
    assert np.array_equal(reach.lo, other[0])
    assert np.array_equal(reach.hi, other[1])
    a, b = (np.clip(within(TensorType(shape, elem), seed + i, 9), low[i], high[i]) for i in range(2))
    assert ((reach.lo <= op.run(a, b)) & (op.run(a, b) <= reach.hi)).all()


def test_bounds_may_be_short_along_any_axis() -> None:
    a, b = Range(np.array([[0], [-1]]), np.array([[3], [2]])), Range(np.array([[4, 0, 0]]), np.array([[4, 7, 0]]))
    reach = BitOr().bounds(a, b)
    assert reach.lo.tolist() == [[4, 0, 0], [-1, -1, -1]]
    assert reach.hi.tolist() == [[7, 7, 3], [6, 7, 2]]


@pytest.mark.parametrize("op", list(OPS))
@pytest.mark.parametrize(("operands", "why"), [
    ("i8[3] u8[3]", "have different integer types"),
    ("i8[3] i7[3]", "have different integer types"),
    ("i8[3] i8[3,1]", "different ranks"),
    ("i8[3,2] i8[3,3]", "lengths that differ"),
])
def test_shape_rules_say_why(op: Op, operands: str, why: str) -> None:
    with pytest.raises(RuleViolation) as caught:
        op.infer(*map(TensorType.parse, operands.split()))
    assert why in caught.value.why
    assert caught.value.fix
