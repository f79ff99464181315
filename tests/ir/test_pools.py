"""Pooling: semantics against torch and plain loops, windows, value ranges."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rounding_reference import reference
from strategies import Draw, narrow_types, roundings, within

from bittrue.ir import I32, IntArray, Op, Range, Rounding, TensorType
from bittrue.ir.op import RuleViolation
from bittrue.ir.ops import AvgPool, MaxPool


@st.composite
def pools(draw: Draw) -> tuple[tuple[int, ...], dict[str, Any]]:
    """Sample shape and geometry of a pooling in 1-D or 2-D; pads may be asymmetric."""
    rank = draw(st.integers(1, 2))
    kernel, stride, dilation = (tuple(draw(st.tuples(*[st.integers(1, 3)] * rank))) for _ in range(3))
    pads = tuple(draw(st.tuples(*[st.integers(0, 3)] * (2 * rank))))
    size = tuple(draw(st.integers(max(1, (k - 1) * d + 1 - pads[i] - pads[rank + i]), 8))
                 for i, (k, d) in enumerate(zip(kernel, dilation, strict=True)))
    return (draw(st.integers(1, 3)), *size), {"kernel": kernel, "stride": stride, "pads": pads, "dilation": dilation}


def taps(op: MaxPool | AvgPool, shape: tuple[int, ...], at: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The elements of the image that the window at one output position sees."""
    rank = len(shape)
    places = ([a * s + t * d - p for t in range(k)]
              for a, s, d, k, p in zip(at, op.stride, op.dilation, op.kernel, op.pads[:rank], strict=True))
    return [place for place in product(*places) if all(0 <= q < n for q, n in zip(place, shape, strict=True))]


@given(pools(), narrow_types, st.integers(0, 2**32))
@settings(deadline=None, max_examples=150)
def test_max_pool_is_the_largest_real_element_or_refused(case: tuple[tuple[int, ...], dict[str, Any]], elem: Any,
                                                         seed: int) -> None:
    shape, geometry = case
    op, tensor = MaxPool(**geometry), TensorType(shape, elem)
    positions = list(np.ndindex(*op.window.output(shape[1:])))
    if not all(taps(op, shape[1:], at) for at in positions):
        with pytest.raises(RuleViolation, match="lies in the padding alone"):
            op.infer(tensor)
        return
    x = within(tensor, seed)
    y = op.run(x)
    assert op.infer(tensor).shape == y.shape[1:]
    for n, c, *at in np.ndindex(*y.shape):
        assert y[(n, c, *at)] == max(int(x[(n, c, *q)]) for q in taps(op, shape[1:], tuple(at)))


@given(pools(), narrow_types, st.integers(0, 2**32))
@settings(deadline=None, max_examples=60)
def test_max_pool_is_torch(case: tuple[tuple[int, ...], dict[str, Any]], elem: Any, seed: int) -> None:
    shape, geometry = case
    rank = len(shape) - 1
    pads = geometry["pads"] = tuple(min(p, k // 2) for p, k in zip(geometry["pads"][:rank], geometry["kernel"],
                                                                   strict=True)) * 2
    op, x = MaxPool(**geometry), within(TensorType(shape, elem), seed)
    room = [n + 2 * p - (k - 1) * d for n, p, k, d in zip(shape[1:], pads, op.kernel, op.dilation, strict=False)]
    assume(min(room) >= 1 and op.window.covers(shape[1:]))
    call: Any = (torch.max_pool1d, torch.max_pool2d)[rank - 1]
    assert np.array_equal(op.run(x), call(torch.from_numpy(x).double(), op.kernel, op.stride, pads[:rank],
                                          op.dilation).numpy())


@given(pools(), narrow_types, st.integers(0, 3), roundings, st.integers(0, 2**32))
@settings(deadline=None, max_examples=100)
def test_average_is_the_rounded_fraction(case: tuple[tuple[int, ...], dict[str, Any]], elem: Any, divisor: int,
                                         rounding: Rounding, seed: int) -> None:
    shape, geometry = case
    op, tensor = AvgPool(I32, **geometry, divisor=divisor, rounding=rounding), TensorType(shape, elem)
    x = within(tensor, seed)
    y = op.run(x)
    assert op.infer(tensor) == TensorType(y.shape[1:], I32)
    for n, c, *at in np.ndindex(*y.shape):
        total = sum(int(x[(n, c, *q)]) for q in taps(op, shape[1:], tuple(at)))
        assert y[(n, c, *at)] == reference(Fraction(total, divisor or int(np.prod(op.kernel))), rounding)


@given(st.integers(1, 3), st.lists(st.integers(1, 6), min_size=1, max_size=2), narrow_types, roundings,
       st.integers(0, 2**32))
@settings(deadline=None, max_examples=40)
def test_global_average_is_the_rounded_mean(channels: int, size: list[int], elem: Any, rounding: Rounding,
                                            seed: int) -> None:
    tensor = TensorType((channels, *size), elem)
    x = within(tensor, seed)
    op = AvgPool(elem, rounding=rounding)
    y = op.run(x)
    assert op.infer(tensor) == TensorType((channels, *(1 for _ in size)), elem) == TensorType(y.shape[1:], elem)
    for n, c in np.ndindex(*x.shape[:2]):
        mean = Fraction(int(x[n, c].sum()), int(np.prod(size)))
        assert y[n, c].tolist() == np.full([1] * len(size), reference(mean, rounding)).tolist()


@given(pools(), narrow_types, roundings, st.integers(0, 2**32))
@settings(deadline=None, max_examples=60)
def test_bounds_of_pools_are_attained(case: tuple[tuple[int, ...], dict[str, Any]], elem: Any, rounding: Rounding,
                                      seed: int) -> None:
    shape, geometry = case
    low, high = np.sort(within(TensorType(shape, elem), seed, 2), axis=0)
    ops: list[Op] = [AvgPool(I32, **geometry, divisor=1), AvgPool(I32, **geometry, rounding=rounding), AvgPool(I32)]
    maximum = MaxPool(**geometry | {"pads": (0,) * len(geometry["pads"])})
    if all((k - 1) * d < n for n, k, d in zip(shape[1:], maximum.kernel, maximum.dilation, strict=True)):
        ops.append(maximum)
    for op in ops:
        reach = op.bounds(Range(low, high))
        attained: IntArray = op.run(np.stack([low, high]))
        assert np.array_equal(np.stack([reach.lo, reach.hi]), attained)
        middle = np.clip(within(TensorType(shape, elem), seed + 1), low, high)
        assert (reach.lo <= op.run(middle)).all()
        assert (op.run(middle) <= reach.hi).all()


@pytest.mark.parametrize(("op", "x", "why"), [
    (MaxPool((2, 2)), "u8[3]", "is not an image"),
    (MaxPool((2,)), "u8[3,4,5]", "are not for 2 spatial axes"),
    (MaxPool((2, 2), pads=(2, 0, 0, 0)), "u8[3,4,5]", "lies in the padding alone"),
    (MaxPool((2, 2), pads=(1, 1, 2, 1), stride=(2, 2)), "u8[3,3,5]", "lies in the padding alone"),
    (MaxPool((2, 2), pads=(1 << 50, 0, 0, 0), stride=(1 << 49, 1)), "u8[3,4,5]", "large"),
    (AvgPool(I32), "u8[3]", "is not an image"),
    (AvgPool(I32, stride=(2, 2)), "u8[3,4,5]", "a global average has stride (2, 2)"),
    (AvgPool(I32, dilation=(1, 2)), "u8[3,4,5]", "and dilation (1, 2)"),
    (AvgPool(I32, (2, 2), dilation=(2,)), "u8[3,4,5]", "are not for 2 spatial axes"),
    (AvgPool(I32, (2, 3), dilation=(1, 3)), "u8[3,4,5]", "is larger than the padded input"),
    (AvgPool(I32, (2, 2), divisor=-1), "u8[3,4,5]", "the divisor is -1"),
    (AvgPool(I32, (5, 2)), "u8[3,4,5]", "is larger than the padded input"),
])
def test_shape_rules_say_why(op: Op, x: str, why: str) -> None:
    with pytest.raises(RuleViolation) as caught:
        op.infer(TensorType.parse(x))
    assert why in caught.value.why
    assert caught.value.fix
