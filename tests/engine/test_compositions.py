"""What accelerators with 8-bit fixed-point data compute, written with the graph's ops: plain Python, the oracle, ONNX
Runtime and every backend of the fast executor give the same integers, extreme values included."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from fractions import Fraction
from functools import reduce
from itertools import product
from math import floor, prod
from operator import add, or_, sub, xor

import numpy as np
import pytest
from rounding_reference import reference

from bittrue.engine.fast import BACKEND_NAMES, FastExecutor
from bittrue.engine.oracle import Oracle
from bittrue.engine.ort import OnnxRuntimeExecutor
from bittrue.errors import ToolMissing
from bittrue.ir import I32, Graph, GraphBuilder, IntArray, IntType, Op, Rounding
from bittrue.ir.ops import (
    Abs,
    Add,
    AvgPool,
    BitOr,
    BitXor,
    Conv,
    ConvTranspose,
    Flatten,
    Linear,
    Lookup,
    MaxPool,
    Relu,
    Requant,
    Slice,
    Sub,
)

I8 = IntType(8, True)
EXTREMES = np.array([-128, -128, 127, 127, -127, -1, 0, 1])


def backends(graph: Graph) -> list[FastExecutor]:
    """The fast executor on every backend that this machine has; NumPy is always among them."""
    found = []
    for name in BACKEND_NAMES:
        with suppress(ToolMissing):
            found.append(FastExecutor(graph, threads=2, backend=name))
    return found


def computed(graph: Graph, x: IntArray) -> IntArray:
    """The output of a graph of one input for a batch, after all executors gave the same tensors."""
    expected = Oracle(graph).run({"x": x})
    onnx = OnnxRuntimeExecutor(graph, threads=1).run({"x": x})
    for name, tensor in expected.items():
        np.testing.assert_array_equal(onnx[name], tensor, err_msg=f"ONNX Runtime, {name}")
    for fast in backends(graph):
        whole, fused = fast.run({"x": x}), fast.predict({"x": x})
        for name, tensor in expected.items():
            np.testing.assert_array_equal(whole[name], tensor, err_msg=f"{fast.backend}, {name}")
        np.testing.assert_array_equal(fused[graph.outputs[0]], expected[graph.outputs[0]], err_msg=fast.backend)
    return expected[graph.outputs[0]]


def samples(shape: Sequence[int], seed: int = 0) -> IntArray:
    """Batches of 4: all -128, all 127, extremes mixed, anything."""
    rng = np.random.default_rng(seed)
    return np.stack([np.full(shape, -128), np.full(shape, 127), rng.choice(EXTREMES, shape),
                     rng.integers(-128, 128, shape)])


class Composition(GraphBuilder):
    """A graph in the making, of one 8-bit input x."""

    def __init__(self, *shape: int) -> None:
        super().__init__("composition")
        self.input("x", shape, I8)

    def chain(self, first: str, *ops: Op) -> str:
        """One op behind the other; a Requant leaves numbers as they are but for its clamp."""
        for op in ops:
            unit = [f"{part}" for part in ("one", "none", "none")] if isinstance(op, Requant) else []
            first = self.add(f"n{len(self.nodes)}", op, first, *map(self.unit, unit))
        return first

    def unit(self, name: str) -> str:
        """The constant 0 or 1."""
        return self.constant(name, [int(name == "one")], "u1")

    def weights(self, name: str, *shape: int) -> str:
        """Weights of every 8-bit value, extremes among them."""
        rng = np.random.default_rng(len(self.nodes))
        return self.constant(name, np.where(rng.random(shape) < 0.5, rng.choice(EXTREMES, shape),
                                            rng.integers(-128, 128, shape)), I8)


SATURATED = Requant(I8, -128, 127)
"""Without multiplier, offset and shift: a clamp that changes the type."""


def saturated(value: int) -> int:
    return min(max(value, -128), 127)


def test_absolute_value_of_bytes_within_bytes() -> None:
    """|-128| is 127: Abs gives u8, a Requant without a multiplier makes it an i8 again; or one table."""
    x = np.arange(-128, 128).reshape(1, 8, 4, 8)
    expected = [min(abs(v), 127) for v in range(-128, 128)]
    b = Composition(8, 4, 8)
    graph = b.build(b.chain("x", Abs(), Requant(I8, 0, 127)))
    assert graph.types[graph.outputs[0]].elem == I8
    assert computed(graph, x).ravel().tolist() == expected
    b = Composition(8, 4, 8)
    assert computed(b.build(b.add("y", Lookup(-128), "x", b.constant("table", expected, I8))),
                    x).ravel().tolist() == expected


@pytest.mark.parametrize("activation", [None, "relu", "abs"])
@pytest.mark.parametrize("shift", [-15, -7, 0, 1, 6, 8, 15])
def test_output_stage(shift: int, activation: str | None) -> None:
    """floor(sum * 2**(shift - 7) + 1/2), saturated, then activated; ties among the sums."""
    b = Composition(3, 5, 4)
    acc = b.add("acc", Conv(pads=(1, 0, 1, 0)), "x", b.weights("w", 6, 3, 3, 2), b.constant("b", np.array(
        [-128, 127, 0, 1, -1, 64]) * 128, "i16"))
    up, down = 2 ** max(0, shift - 7), max(0, 7 - shift)
    y = b.add("y", SATURATED, acc, b.constant("m", [up], "u9"), b.unit("none"), b.constant("s", [down], "u5"))
    y = b.chain(y, *{None: [], "relu": [Relu()], "abs": [Abs(), Requant(I8, 0, 127)]}[activation])
    x = samples((3, 5, 4))
    sums = computed(b.build(acc), x)
    bend: Callable[[int], int] = {None: int, "relu": lambda v: max(v, 0), "abs": lambda v: min(abs(v), 127)}[activation]
    assert computed(b.build(y), x).ravel().tolist() == [
        bend(saturated(floor(v * Fraction(2) ** (shift - 7) + Fraction(1, 2)))) for v in sums.ravel().tolist()]


OPERATORS: dict[str, tuple[Callable[[int, int], int], Callable[[int], Op]]] = {
    "add": (add, lambda i: Add(IntType(8 + i.bit_length(), True))),
    "sub": (sub, lambda i: Sub(IntType(8 + i.bit_length(), True))),
    "or": (or_, lambda i: BitOr()),
    "xor": (xor, lambda i: BitXor()),
}
"""What the i-th operand does to those before it."""


@pytest.mark.parametrize("operands", [2, 3, 16])
@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("size", [(3, 5), (7,)])
def test_many_operands(operator: str, operands: int, size: tuple[int, ...]) -> None:
    """Operands are parts of the channels; the result is saturated once, at the end."""
    channels, (function, op) = 3, OPERATORS[operator]
    b = Composition(operands * channels, *size)
    parts = [b.add(f"part{i}", Slice((i * channels, *(0 for _ in size)), ((i + 1) * channels, *size)), "x")
             for i in range(operands)]
    total = parts[0]
    for i in range(1, operands):
        total = b.add(f"join{i}", op(i), total, parts[i])
    x = samples((operands * channels, *size), operands)
    y = computed(b.build(b.chain(total, SATURATED)), x)
    for n, c, *at in np.ndindex(*y.shape):
        values = [int(x[(n, i * channels + c, *at)]) for i in range(operands)]
        assert y[(n, c, *at)] == saturated(reduce(function, values))


def test_bitwise_after_different_ranges() -> None:
    """Operands of one type whose proven ranges differ, so that the kernels store them differently."""
    b = Composition(5, 4, 3)
    low = b.chain("x", Requant(IntType(16, True), -128, -1))
    high = b.chain("x", Abs(), Requant(IntType(16, True), 0, 128))
    wide = b.add("wide", Requant(IntType(16, True), -32768, 32767), "x", b.constant("m", [255], "u8"), b.unit("none"),
                 b.unit("none"))
    pairs = [b.add(f"y{i}", op, p, q) for i, (op, (p, q)) in enumerate(product(
        (BitOr(), BitXor()), ((low, high), (high, wide), (wide, low), (low, low))))]
    total = reduce(lambda p, q: b.add(f"sum_{q}", Add(I32), p, q), pairs)
    x = np.arange(-128, 128).repeat(60)[:256 * 60].reshape(256, 5, 4, 3)
    y = computed(b.build(total), x)
    for v, found in zip(range(-128, 128), y[:, 0, 0, 0].tolist(), strict=True):
        p, q, r = min(v, -1), abs(v), 255 * v
        assert found == sum(f(*two) for f in (or_, xor) for two in ((p, q), (q, r), (r, p), (p, p)))


def windows(x: IntArray, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
            ) -> tuple[list[int], list[list[int]]]:
    """Sizes of the output, and the elements of every window of one channel, in order."""
    size = [(n - (k - 1) * d - 1) // s + 1 for n, k, s, d in zip(x.shape, kernel, stride, dilation, strict=True)]
    return size, [[int(x[tuple(a * s + t * d for a, s, t, d in zip(at, stride, tap, dilation, strict=True))])
                   for tap in np.ndindex(*kernel)] for at in np.ndindex(*size)]


GEOMETRIES = [
    ((9, 7), (2, 3), (1, 2), (3, 2)), ((5, 8), (1, 1), (2, 3), (1, 1)), ((6, 7), (2, 2), (2, 2), (1, 1)),
    ((11,), (3,), (2,), (4,)), ((13,), (16 // 2,), (3,), (1,)), ((20, 17), (16, 16), (3, 1), (1, 1)),
    ((16, 16), (16, 16), (16, 16), (1, 1)), ((9,), (1,), (4,), (1,)), ((31, 4), (16, 2), (1, 1), (2, 3)),
]
"""Size, kernel, stride, dilation; a window of 1 with a stride only skips."""


@pytest.mark.parametrize(("size", "kernel", "stride", "dilation"), GEOMETRIES)
def test_max_pool(size: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, ...],
                  dilation: tuple[int, ...]) -> None:
    b = Composition(3, *size)
    pads = (0,) * 2 * len(size)
    x = samples((3, *size))
    y = computed(b.build(b.chain("x", MaxPool(kernel, stride, pads, dilation))), x)
    for n, c in np.ndindex(4, 3):
        shape, taps = windows(x[n, c], kernel, stride, dilation)
        assert list(y.shape[2:]) == shape
        assert y[n, c].ravel().tolist() == list(map(max, taps))


@pytest.mark.parametrize("rounding", [Rounding.TOWARD_ZERO, Rounding.HALF_AWAY])
@pytest.mark.parametrize(("size", "kernel", "stride", "dilation"), GEOMETRIES)
def test_average_pool(size: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, ...],
                      dilation: tuple[int, ...], rounding: Rounding) -> None:
    """Signed averages whose fraction is dropped, or that are rounded with ties away from zero."""
    b = Composition(3, *size)
    pads = (0,) * 2 * len(size)
    x = samples((3, *size))
    y = computed(b.build(b.chain("x", AvgPool(I8, kernel, stride, pads, 0, rounding, dilation))), x)
    for n, c in np.ndindex(4, 3):
        shape, taps = windows(x[n, c], kernel, stride, dilation)
        assert list(y.shape[2:]) == shape
        assert y[n, c].ravel().tolist() == [reference(Fraction(sum(t), prod(kernel)), rounding) for t in taps]


@pytest.mark.parametrize("rows", range(1, 17))
def test_average_of_every_window_drops_the_fraction(rows: int) -> None:
    """Sums at and beside every multiple of the area, of both signs."""
    for columns in (1, 3, rows):
        area = rows * columns
        sums = sorted({min(max(q * area + d, -128 * area), 127 * area) for q in (-128, -2, -1, 0, 1, 2, 127)
                       for d in (-1, 0, 1)})
        x = np.stack([np.array([total // area + (i < total % area) for i in range(area)]).reshape(1, rows, columns)
                      for total in sums])
        assert x.sum(axis=(1, 2, 3)).tolist() == sums
        b = Composition(1, rows, columns)
        graph = b.build(b.chain("x", AvgPool(I8, (rows, columns), rounding=Rounding.TOWARD_ZERO)))
        assert computed(graph, x).ravel().tolist() == [abs(s) // area * (1 if s > 0 else -1) for s in sums]


def test_crop_and_skip() -> None:
    """Rows left out before and after, then every third column."""
    b = Composition(4, 9, 8)
    graph = b.build(b.chain("x", Slice((1, 2, 0), (4, 8, 8)), MaxPool((1, 1), (1, 3))))
    x = samples((4, 9, 8))
    assert np.array_equal(computed(graph, x), x[:, 1:4, 2:8, ::3])


@pytest.mark.parametrize(("size", "pads", "extra"), [((4, 3), (1, 1, 1, 1), (1, 1)), ((3, 5), (0, 1, 0, 1), (1, 0)),
                                                    ((5, 2), (0, 0, 0, 0), (0, 0)), ((2, 3), (2, 1, 2, 1), (1, 1))])
def test_transposed_convolution(size: tuple[int, int], pads: tuple[int, ...], extra: tuple[int, int]) -> None:
    """Stride 2 on signed data, with output padding, against the sum over all inputs and taps."""
    b = Composition(3, *size)
    bias = b.constant("b", np.array([-128, 127]) * 128, "i16")
    acc = b.add("acc", ConvTranspose((2, 2), pads, extra), "x", b.weights("w", 3, 2, 3, 3), bias)
    x = samples((3, *size))
    y, w = computed(b.build(acc), x), b.constants["w"].values
    expected = np.zeros((4, 2, *((n - 1) * 2 + 3 - pads[i] - pads[i + 2] + extra[i] for i, n in enumerate(size))), int)
    expected += np.array([-128, 127]).reshape(2, 1, 1) * 128
    for c, o, row, col, i, j in np.ndindex(3, 2, *size, 3, 3):
        place = 2 * row + i - pads[0], 2 * col + j - pads[1]
        if all(0 <= p < s for p, s in zip(place, expected.shape[2:], strict=True)):
            expected[(slice(None), o, *place)] += x[:, c, row, col] * w[c, o, i, j]
    assert np.array_equal(y, expected)
    b.add("s7", SATURATED, acc, b.unit("one"), b.unit("none"), b.constant("s", [7], "u3"))
    assert computed(b.build("s7"), x).ravel().tolist() == [
        saturated(floor(Fraction(v, 128) + Fraction(1, 2))) for v in expected.ravel().tolist()]


@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize(("kernel", "dilation"), [(k, d) for k in range(1, 10) for d in (1, 2, 5)])
def test_one_dimensional_convolution(kernel: int, dilation: int, groups: int) -> None:
    """Kernels of 1 to 9, dilated, dense and depthwise; the sums themselves are the output."""
    length, pad = max(1, (kernel - 1) * dilation - 3) + 4, 2
    b = Composition(4, length)
    graph = b.build(b.add("acc", Conv((1,), (pad, pad), (dilation,), groups), "x",
                          b.weights("w", 4, 4 // groups, kernel)))
    assert graph.types["acc"].elem == I32
    x, w = samples((4, length)), b.constants["w"].values
    y = computed(graph, x)
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad)))
    for n, o, at in np.ndindex(*y.shape):
        inputs = range(4) if groups == 1 else [o]
        assert y[n, o, at] == sum(int(padded[n, c, at + t * dilation]) * int(w[o, i, t])
                                  for i, c in enumerate(inputs) for t in range(kernel))


def test_depthwise_convolution() -> None:
    b = Composition(5, 6, 4)
    graph = b.build(b.add("acc", Conv((1, 1), (1, 1, 1, 1), groups=5), "x", b.weights("w", 5, 1, 3, 3)))
    x, w = samples((5, 6, 4)), b.constants["w"].values
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    y = computed(graph, x)
    for n, c, row, col in np.ndindex(*y.shape):
        assert y[n, c, row, col] == int((padded[n, c, row:row + 3, col:col + 3] * w[c, 0]).sum())


def test_flattened_linear_layer_with_wide_output() -> None:
    """1024 inputs at their extremes: the sums need 25 bits, and are the output as they are."""
    b = Composition(16, 8, 8)
    acc = b.add("acc", Linear(), b.chain("x", Flatten()), b.weights("w", 5, 1024), b.constant("b", [-16384] * 5, "i15"))
    x, w = samples((16, 8, 8)), b.constants["w"].values
    assert np.array_equal(computed(b.build(acc), x), x.reshape(4, 1024) @ w.T - 16384)
