"""Ops that move elements: semantics and value ranges."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import narrow_types, within

from bittrue.ir import IntType, Op, Range, TensorType
from bittrue.ir.op import RuleViolation
from bittrue.ir.ops import Concat, Flatten, Pad, Reshape, Slice, Transpose

shapes = st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple)


def check(op: Op, tensor: TensorType, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """x and y of an op; the announced type is right, and bounds move as the elements do."""
    x = within(tensor, seed)
    y = op.run(x)
    assert op.infer(tensor) == TensorType(y.shape[1:], tensor.elem)
    low, high = np.sort(x[:2], axis=0)
    reach = op.bounds(Range(low, high))
    assert np.array_equal(np.stack([reach.lo, reach.hi]), op.run(np.stack([low, high])))
    return x, y


@given(shapes, narrow_types, st.data(), st.integers(0, 2**32))
@settings(deadline=None)
def test_transpose_reshape_flatten(shape: tuple[int, ...], elem: IntType, data: st.DataObject, seed: int) -> None:
    perm = tuple(data.draw(st.permutations(range(len(shape)))))
    x, y = check(Transpose(perm), TensorType(shape, elem), seed)
    for n, *at in np.ndindex(*y.shape):
        source = [0] * len(at)
        for i, p in enumerate(perm):
            source[p] = at[i]
        assert y[(n, *at)] == x[(n, *source)]
    for op in (Flatten(), Reshape((prod(shape),)), Reshape((1, *shape[::-1]))):
        x, y = check(op, TensorType(shape, elem), seed)
        assert [v.ravel().tolist() for v in y] == [v.ravel().tolist() for v in x]


@given(shapes, narrow_types, st.data(), st.integers(0, 2**32))
@settings(deadline=None)
def test_pad(shape: tuple[int, ...], elem: IntType, data: st.DataObject, seed: int) -> None:
    pads = tuple(data.draw(st.lists(st.integers(0, 2), min_size=2 * len(shape), max_size=2 * len(shape))))
    value = data.draw(st.integers(elem.min, elem.max))
    x, y = check(Pad(pads, value), TensorType(shape, elem), seed)
    for n, *at in np.ndindex(*y.shape):
        source = [a - b for a, b in zip(at, pads, strict=False)]
        inside = all(0 <= s < length for s, length in zip(source, shape, strict=True))
        assert y[(n, *at)] == (x[(n, *source)] if inside else value)


@given(shapes, narrow_types, st.data(), st.integers(0, 2**32))
@settings(deadline=None)
def test_slice(shape: tuple[int, ...], elem: IntType, data: st.DataObject, seed: int) -> None:
    starts = tuple(data.draw(st.integers(0, length - 1)) for length in shape)
    ends = tuple(data.draw(st.integers(b + 1, length)) for b, length in zip(starts, shape, strict=True))
    x, y = check(Slice(starts, ends), TensorType(shape, elem), seed)
    assert y.shape[1:] == tuple(e - b for b, e in zip(starts, ends, strict=True))
    for n, *at in np.ndindex(*y.shape):
        assert y[(n, *at)] == x[(n, *(a + b for a, b in zip(at, starts, strict=True)))]


@given(shapes, st.lists(st.integers(1, 3), min_size=1, max_size=4), st.data(), st.integers(0, 2**32))
@settings(deadline=None)
def test_concat(shape: tuple[int, ...], lengths: list[int], data: st.DataObject, seed: int) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1))
    types = [TensorType((*shape[:axis], n, *shape[axis + 1:]), IntType(4, True)) for n in lengths]
    arrays = [within(t, seed + i) for i, t in enumerate(types)]
    y = Concat(axis).run(*arrays)
    assert Concat(axis).infer(*types).shape == y.shape[1:]
    slices = [y.take(i, axis + 1).tolist() for i in range(y.shape[axis + 1])]
    assert slices == [a.take(i, axis + 1).tolist() for a in arrays for i in range(a.shape[axis + 1])]
    reach = Concat(axis).bounds(*(Range(a[0], a[0] + 1) for a in arrays))
    assert np.array_equal(reach.lo, y[0])
    assert np.array_equal(reach.hi, y[0] + 1)


@pytest.mark.parametrize(("op", "types", "why"), [
    (Concat(2), "u8[2,3] u8[2,3]", "axis 2 is outside of u8[2,3]"),
    (Concat(0), "u8[2,3] u8[2,4]", "differ beside axis 0"),
    (Concat(0), "u8[2,3] u8[3]", "differ beside axis 0"),
    (Concat(1), "u8[2,3] u8[2]", "differ beside axis 1"),
    (Concat(0), "u8[2,3] i8[2,3]", "have different integer types"),
    (Pad((1, 1)), "u8[2,3]", "for each of 2 axes"),
    (Pad((1, -1)), "u8[2]", "at least 0"),
    (Pad((1, 1), 256), "u8[2]", "u8 cannot hold the padding 256"),
    (Reshape((4, 2)), "u8[2,3]", "does not have the 8 elements of [4, 2]"),
    (Reshape((-2, -3)), "u8[2,3]", "does not have"),
    (Slice((0,), (2,)), "u8[2,3]", "are not one each for the 2 axes of u8[2,3]"),
    (Slice((0, 0), (2,)), "u8[2,3]", "are not one each for the 2 axes of u8[2,3]"),
    (Slice((0, -1), (2, 3)), "u8[2,3]", "is not a part of u8[2,3]"),
    (Slice((0, 0), (2, 4)), "u8[2,3]", "is not a part of u8[2,3]"),
    (Slice((0, 2), (2, 2)), "u8[2,3]", "is not a part of u8[2,3]"),
    (Transpose((0, 0)), "u8[2,3]", "(0, 0) is no order of the 2 axes"),
])
def test_shape_rules_say_why(op: Op, types: str, why: str) -> None:
    with pytest.raises(RuleViolation) as caught:
        op.infer(*map(TensorType.parse, types.split()))
    assert why in caught.value.why
    assert caught.value.fix
