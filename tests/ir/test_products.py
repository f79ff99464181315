"""Convolution, transposed convolution, fully connected layer, matrix product: semantics and value ranges."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import Draw, narrow_types, within

from bittrue.ir import IntArray, IntType, Op, Range, TensorType
from bittrue.ir.op import RuleViolation
from bittrue.ir.ops import Conv, ConvTranspose, Linear, MatMul

Case = tuple[Any, TensorType, IntArray, IntArray, IntArray]
"""op, type of x, x (3, *shape), weight, bias"""

I8 = IntType(8, True)


@st.composite
def windows(draw: Draw, padded: bool = True) -> tuple[tuple[int, ...], dict[str, tuple[int, ...]], tuple[int, ...]]:
    """Image size, geometry and kernel of a convolution in 1-D or 2-D."""
    rank = draw(st.integers(1, 2))
    kernel, stride, dilation = (tuple(draw(st.tuples(*[st.integers(1, hi)] * rank))) for hi in (3, 2, 2))
    pads = tuple(draw(st.tuples(*[st.integers(0, 2 * padded)] * (2 * rank))))
    size = tuple(draw(st.integers(max(1, (k - 1) * d + 1 - pads[i] - pads[rank + i]), 7))
                 for i, (k, d) in enumerate(zip(kernel, dilation, strict=True)))
    return size, {"stride": stride, "pads": pads, "dilation": dilation}, kernel


@st.composite
def convolutions(draw: Draw, padded: bool = True) -> Case:
    """A convolution with grouped channels and asymmetric padding, with operands."""
    size, geometry, kernel = draw(windows(padded))
    groups, ins, outs = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.integers(1, 3))
    x, weight = TensorType((groups * ins, *size), draw(narrow_types)), TensorType((groups * outs, ins, *kernel), I8)
    return _case(draw, Conv(**geometry, groups=groups), x, weight, groups * outs)


@st.composite
def transposed(draw: Draw) -> Case:
    """A transposed convolution with operands."""
    size, geometry, kernel = draw(windows())
    groups, ins, outs = (draw(st.integers(1, 2)) for _ in range(3))
    limits = [max(s, d) - 1 for s, d in zip(geometry["stride"], geometry["dilation"], strict=True)]
    extra = tuple(draw(st.integers(0, limit)) for limit in limits)
    least = [(n - 1) * s + (k - 1) * d for n, s, k, d in
             zip(size, geometry["stride"], kernel, geometry["dilation"], strict=True)]
    begin = [draw(st.integers(0, min(2, room))) for room in least]
    end = [draw(st.integers(0, min(2, room - b))) for room, b in zip(least, begin, strict=True)]
    op = ConvTranspose(geometry["stride"], (*begin, *end), extra, geometry["dilation"], groups)
    x, weight = TensorType((groups * ins, *size), draw(narrow_types)), TensorType((groups * ins, outs, *kernel), I8)
    return _case(draw, op, x, weight, groups * outs)


def _case(draw: Draw, op: Op, x: TensorType, weight: TensorType, outputs: int) -> Case:
    seed = draw(st.integers(0, 2**32))
    return (op, x, within(x, seed), within(weight, seed + 1, 1)[0],
            within(TensorType((outputs,), IntType(20, True)), seed + 2, 1)[0])


def check_types(op: Op, y: IntArray, *operands: tuple[IntArray, IntType]) -> None:
    """`infer` announces the shape that `run` gives."""
    x, *constants = operands
    types = [TensorType(x[0].shape[1:], x[1]), *(TensorType(c.shape, e) for c, e in constants)]
    assert op.infer(*types).shape == y.shape[1:]


@given(convolutions())
@settings(deadline=None, max_examples=80)
def test_convolution_is_torch_in_exact_float64(case: Case) -> None:
    op, x_type, x, weight, bias = case
    rank = weight.ndim - 2
    padded = np.pad(x, ((0, 0), (0, 0), *zip(op.pads[:rank], op.pads[rank:], strict=True)))
    call: Any = (torch.conv1d, torch.conv2d)[rank - 1]
    expected = call(*(torch.from_numpy(a).double() for a in (padded, weight, bias)), stride=op.stride,
                    dilation=op.dilation, groups=op.groups).numpy()
    y = op.run(x, weight, bias)
    assert np.array_equal(y, expected)
    assert np.array_equal(op.run(x, weight) + bias.reshape(-1, *(1,) * rank), y)
    check_types(op, y, (x, x_type.elem), (weight, I8), (bias, IntType(20, True)))


@given(convolutions())
@settings(deadline=None, max_examples=25)
def test_convolution_is_its_formula(case: Case) -> None:
    op, _, x, weight, bias = case
    y, rank = op.run(x, weight, bias), weight.ndim - 2
    ins, outs = weight.shape[1], weight.shape[0] // op.groups
    for n, o, *at in np.ndindex(*y.shape):
        total = int(bias[o])
        for i, *tap in np.ndindex(*weight.shape[1:]):
            place = [a * s + t * d - p for a, s, t, d, p in zip(at, op.stride, tap, op.dilation, op.pads[:rank],
                                                                strict=True)]
            if all(0 <= q < length for q, length in zip(place, x.shape[2:], strict=True)):
                total += int(x[(n, o // outs * ins + i, *place)]) * int(weight[(o, i, *tap)])
        assert y[(n, o, *at)] == total


@given(transposed())
@settings(deadline=None, max_examples=80)
def test_transposed_convolution_is_torch_in_exact_float64(case: Case) -> None:
    op, x_type, x, weight, bias = case
    rank = weight.ndim - 2
    call: Any = (torch.conv_transpose1d, torch.conv_transpose2d)[rank - 1]
    full = call(*(torch.from_numpy(a).double() for a in (x, weight, bias)), stride=op.stride, dilation=op.dilation,
                groups=op.groups, output_padding=op.output_padding).numpy()
    inside = tuple(slice(b, n - e) for b, e, n in zip(op.pads[:rank], op.pads[rank:], full.shape[2:], strict=True))
    y = op.run(x, weight, bias)
    assert np.array_equal(y, full[(slice(None), slice(None), *inside)])
    check_types(op, y, (x, x_type.elem), (weight, I8), (bias, IntType(20, True)))


@given(transposed())
@settings(deadline=None, max_examples=25)
def test_transposed_convolution_is_its_formula(case: Case) -> None:
    op, _, x, weight, bias = case
    rank, outs, ins = weight.ndim - 2, weight.shape[1], weight.shape[0] // op.groups
    y = op.run(x, weight, bias)
    expected = np.broadcast_to(bias.reshape(-1, *(1,) * rank), y.shape).copy()
    for (n, i, *at), (o, *tap) in product(np.ndindex(*x.shape), np.ndindex(*weight.shape[1:])):
        place = [a * s + t * d - p for a, s, t, d, p in zip(at, op.stride, tap, op.dilation, op.pads[:rank],
                                                            strict=True)]
        if all(0 <= q < length for q, length in zip(place, y.shape[2:], strict=True)):
            expected[(n, i // ins * outs + o, *place)] += x[(n, i, *at)] * weight[(i, o, *tap)]
    assert np.array_equal(y, expected)


def worst_cases(op: Op, x: TensorType, weight: IntArray, bias: IntArray) -> tuple[IntArray, IntArray]:
    """Smallest and largest output at every position, each from the input that is worst for that very position."""
    basis = np.eye(x.size, dtype=np.int64).reshape(x.size, *x.shape)
    responses = op.run(basis, weight).reshape(x.size, -1)  # the weight with which an input element meets an output
    shape = op.run(basis[:1], weight).shape[1:]
    ends = []
    for positive, negative in ((x.elem.min, x.elem.max), (x.elem.max, x.elem.min)):
        worst = np.where(responses.T > 0, positive, negative).reshape(-1, *x.shape)
        ends.append(np.diagonal(op.run(worst, weight, bias).reshape(len(worst), -1)).reshape(shape))
    return ends[0], ends[1]


@given(convolutions(padded=False))
@settings(deadline=None, max_examples=40)
def test_bounds_of_a_convolution_are_attained(case: Case) -> None:
    op, x_type, _, weight, bias = case
    reach = op.bounds(Range.of_type(x_type), Range.exactly(weight), Range.exactly(bias))
    lowest, highest = worst_cases(op, x_type, weight, bias)
    assert np.array_equal(lowest, np.broadcast_to(reach.lo, lowest.shape))
    assert np.array_equal(highest, np.broadcast_to(reach.hi, highest.shape))


@given(convolutions(), st.booleans())
@settings(deadline=None, max_examples=60)
def test_bounds_of_a_convolution_hold_on_any_range(case: Case, per_channel: bool) -> None:
    op, _, x, weight, bias = case
    low, high = np.sort(x[:2], axis=0)
    if per_channel:
        low = low.min(axis=tuple(range(1, low.ndim)), keepdims=True)
        high = high.max(axis=tuple(range(1, high.ndim)), keepdims=True)
    reach = op.bounds(Range(low, high), Range.exactly(weight), Range.exactly(bias))
    ends = [np.broadcast_to(end, x.shape[1:]) for end in (low, high)]
    y = op.run(np.stack([*ends, np.clip(x[2], low, high)]), weight, bias)
    assert ((reach.lo <= y) & (y <= reach.hi)).all()


def test_padding_counts_in_the_bounds_of_a_convolution() -> None:
    reach = Conv((1,), (1, 0), (1,)).bounds(Range(np.array([[3]]), np.array([[7]])),
                                            Range.exactly(np.array([[[1, -1]], [[1, 1]]])))
    assert reach.lo.ravel().tolist() == [-7, 0]
    assert reach.hi.ravel().tolist() == [7, 14]


@given(transposed())
@settings(deadline=None, max_examples=40)
def test_bounds_of_a_transposed_convolution_are_attained(case: Case) -> None:
    op, x_type, _, weight, bias = case
    reach = op.bounds(Range.of_type(x_type).broadcast(x_type.shape), Range.exactly(weight), Range.exactly(bias))
    lowest, highest = worst_cases(op, x_type, weight, bias)
    assert np.array_equal(lowest, reach.lo)
    assert np.array_equal(highest, reach.hi)


@given(st.integers(1, 5), st.integers(1, 4), st.lists(st.integers(1, 3), max_size=2), st.integers(0, 2**32),
       narrow_types)
@settings(deadline=None, max_examples=60)
def test_linear_is_its_formula_and_its_bounds_are_attained(ins: int, outs: int, before: list[int], seed: int,
                                                           elem: IntType) -> None:
    x_type = TensorType((*before, ins), elem)
    x, weight = within(x_type, seed), within(TensorType((outs, ins), I8), seed + 1, 1)[0]
    bias = within(TensorType((outs,), IntType(20, True)), seed + 2, 1)[0]
    y = Linear().run(x, weight, bias)
    for *at, o in np.ndindex(*y.shape):
        assert y[(*at, o)] == sum(int(a) * int(b) for a, b in zip(x[tuple(at)], weight[o], strict=True)) + int(bias[o])
    check_types(Linear(), y, (x, elem), (weight, I8), (bias, I8))
    reach = Linear().bounds(Range.of_type(x_type), Range.exactly(weight), Range.exactly(bias))
    lowest, highest = worst_cases(Linear(), x_type, weight, bias)
    assert np.array_equal(lowest, np.broadcast_to(reach.lo, lowest.shape))
    assert np.array_equal(highest, np.broadcast_to(reach.hi, highest.shape))


@given(st.tuples(*[st.integers(1, 4)] * 3), st.lists(st.tuples(st.integers(1, 3), st.integers(0, 2)), max_size=1),
       narrow_types, narrow_types, st.integers(0, 2**32))
@settings(deadline=None, max_examples=60)
def test_matrix_product_is_its_formula_and_stays_in_its_bounds(
        mkn: tuple[int, int, int], lead: list[tuple[int, int]], p: IntType, q: IntType, seed: int) -> None:
    m, k, n = mkn
    leads = [tuple(1 if which == i else length for length, which in lead) for i in (0, 1)]
    types = (TensorType((*leads[0], m, k), p), TensorType((*leads[1], k, n), q))
    a, b = within(types[0], seed), within(types[1], seed + 1)
    y = MatMul().run(a, b)
    assert MatMul().infer(*types).shape == y.shape[1:]
    for at in np.ndindex(*y.shape):
        u, v = (np.broadcast_to(c, (*y.shape[:-2], *c.shape[-2:]))[at[:-2]] for c in (a, b))
        assert y[at] == sum(int(u[at[-2], i]) * int(v[i, at[-1]]) for i in range(k))
    reach = MatMul().bounds(*(Range.of_type(t).broadcast(t.shape) for t in types))
    assert (reach.lo <= y).all()
    assert (y <= reach.hi).all()
    products = [s * t for s in (p.min, p.max) for t in (q.min, q.max)]  # attained: a and b are independent
    assert reach.lo.tolist() == np.full(y.shape[1:], k * min(products)).tolist()
    assert reach.hi.tolist() == np.full(y.shape[1:], k * max(products)).tolist()


def t(text: str) -> TensorType:
    return TensorType.parse(text)


@pytest.mark.parametrize(("op", "types", "why"), [
    (Conv(), "u8[3,4,5] i8[2,3,3,3] i8[3]", "the bias is i8[3], not one value per output channel (2)"),
    (Conv(), "u8[3,4] i8[2,3,3,3]", "are not of the shapes"),
    (Conv(), "u8[3,4,5] i8[2,2,3,3]", "3 input and 2 output channels do not fit"),
    (Conv(groups=2), "u8[4,4,5] i8[3,2,3,3]", "in 2 groups"),
    (Conv(), "u8[3,4] i8[2,3,3]", "are not for 1 spatial axes"),
    (Conv(stride=(0, 1)), "u8[3,4,5] i8[2,3,3,3]", "is too small"),
    (Conv(), "u8[3,2,5] i8[2,3,3,3]", "the window [3, 3] is larger than the padded input [2, 5]"),
    (Conv(pads=(1 << 40, 0, 0, 0)), "u8[3,4,5] i8[2,3,3,3]", "large"),
    (Conv(), "i32[3,4,5] i32[2,3,3,3]", "27 products of i32 and i32 (and a bias) can leave 64-bit arithmetic"),
    (ConvTranspose(), "u8[3,4,5] i8[2,3,3,3]", "3 input channels do not fit"),
    (ConvTranspose(groups=0), "u8[3,4,5] i8[3,3,3,3]", "in 0 groups"),
    (ConvTranspose(), "u8[3] i8[2,3,3,3]", "are not of the shapes"),
    (ConvTranspose(output_padding=(1, 0)), "u8[3,4,5] i8[3,1,3,3]", "reaches stride"),
    (ConvTranspose(stride=(1,)), "u8[3,4,5] i8[3,1,3,3]", "are not for 2 spatial axes"),
    (ConvTranspose(pads=(-1, 0, 0, 0)), "u8[3,4,5] i8[3,1,3,3]", "is too small"),
    (ConvTranspose(pads=(3, 0, 3, 0)), "u8[3,4,5] i8[3,1,3,3]", "leave nothing of the output (6, 7)"),
    (ConvTranspose(stride=(1 << 40, 1)), "u8[3,4,5] i8[3,1,3,3]", "large"),
    (ConvTranspose(), "u8[3,4,5] i8[3,2,3,3] i8[3]", "not one value per output channel (2)"),
    (Linear(), "u8[3,4] i8[2,3]", "does not fit weight"),
    (Linear(), "u8[3] i8[2,3] i8[3]", "not one value per output (2)"),
    (MatMul(), "u8[3,4] i8[3,4]", "are not of the shapes (*B, M, K) and (*B, K, N)"),
    (MatMul(), "u8[2,3,4] i8[4,3]", "different ranks"),
    (MatMul(), "u8[2,3,4] i8[3,4,3]", "lengths that differ"),
    (MatMul(), "u32[3,4] i32[4,3]", "can leave 64-bit arithmetic"),
])
def test_shape_rules_say_why(op: Op, types: str, why: str) -> None:
    with pytest.raises(RuleViolation) as caught:
        op.infer(*map(t, types.split()))
    assert why in caught.value.why
    assert caught.value.fix


def test_macs_count_multiplications() -> None:
    assert Conv(groups=2).macs(t("u8[4,5,6]"), t("i8[6,2,3,2]")) == 6 * 3 * 5 * 2 * 3 * 2
    assert Linear().macs(t("u8[7,3]"), t("i8[5,3]")) == 7 * 3 * 5
    assert MatMul().macs(t("u8[2,3,4]"), t("i8[2,4,5]")) == 2 * 3 * 4 * 5
    assert ConvTranspose().macs(t("u8[4,5,6]"), t("i8[4,2,3,2]")) == prod((4, 5, 6, 2, 3, 2))
