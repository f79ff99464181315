"""A form chosen for a requantization is equal to the definition at every reachable accumulator, not only at steps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bittrue.engine import fast
from bittrue.engine.fast import FastExecutor
from bittrue.engine.forms import Parameters, choose
from bittrue.engine.native import BACKENDS, PANEL, Form, Kernels
from bittrue.engine.oracle import Oracle
from bittrue.ir import GraphBuilder, IntArray, IntType, Rounding
from bittrue.ir.ops import Requant

REACH = 3000
"""Accumulators are tried exhaustively from -REACH to REACH."""


def best_kernels() -> Kernels:
    found, _ = fast._best()
    if found is None:
        pytest.skip("no C compiler")
    return found


@st.composite
def requants(draw: st.DrawFn) -> tuple[Requant, tuple[IntArray, IntArray, IntArray]]:
    """A requantization of one panel of channels into a byte, with outputs over the whole clamp."""
    out = IntType.parse(draw(st.sampled_from(["u8", "i8", "u4", "i2"])))
    lo, hi = (out.min, out.max) if draw(st.booleans()) else (max(out.min, -3), out.max // 2)
    slope = draw(st.sampled_from([(1, 0), (1, 0), (0, 0), (13, 8), (3, 1)]))
    op = Requant(out, lo, hi, draw(st.sampled_from(list(Rounding))), *slope)
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    bits = draw(st.integers(0, 30))
    mul = np.int64(1) << random.integers(0, 4, PANEL) if bits == 0 else random.integers(1, 2**bits + 1, PANEL)
    mul *= draw(st.sampled_from([1, 1, -1]))
    width = np.maximum(0, np.ceil(np.log2(np.abs(mul) * REACH / (out.max + 1)))).astype(np.int64)
    shift = np.clip(width + random.integers(-1, 3, PANEL), 0, 45)
    off = random.integers(-2, 3, PANEL) * ((np.int64(1) << shift) // 2) + random.integers(-1, 2, PANEL)
    return op, (mul, off, shift)


@given(requants())
@settings(deadline=None, max_examples=150)
def test_the_chosen_form_is_exact_everywhere(case: tuple[Requant, tuple[IntArray, IntArray, IntArray]]) -> None:
    op, operands = case
    kernels = best_kernels()
    zero = 128 if op.out.signed else 0
    parameters = Parameters.of(op, operands, np.arange(PANEL), zero)
    (form,) = choose(kernels, parameters, np.full(PANEL, -REACH), np.full(PANEL, REACH))
    acc = np.repeat(np.arange(-REACH, REACH + 1)[:, np.newaxis], PANEL, axis=1)
    got = kernels.apply(form, parameters.native(), 0, (acc + parameters.extra).astype(np.int32))
    np.testing.assert_array_equal(got, op.run(acc, *operands) + zero)


def test_a_clamp_that_the_range_never_reaches() -> None:
    """Accumulators of 0 and more into a signed type: stored as they are, the clamp's lower end is below a byte."""
    kernels = next((k for b in BACKENDS[:1] if isinstance(k := fast._working(b), Kernels)), None)
    if kernels is None:
        pytest.skip("no AVX-512 VNNI")
    op = Requant(IntType(8, True), -128, 127, Rounding.HALF_EVEN)
    operands = tuple(np.full(PANEL, value) for value in (600_000_001, 0, 30))
    parameters = Parameters.of(op, operands, np.arange(PANEL), 0)
    assert choose(kernels, parameters, np.zeros(PANEL, np.int64), np.full(PANEL, 255)) == [Form.FLOAT]
    acc = np.repeat(np.arange(256)[:, np.newaxis], PANEL, axis=1)
    got = kernels.apply(Form.FLOAT, parameters.native(), 0, acc.astype(np.int32))
    np.testing.assert_array_equal(got, op.run(acc, *operands))


@pytest.mark.parametrize(("op", "mul", "form"), [
    (Requant(IntType(8, True), -128, 127, Rounding.HALF_UP), 1, Form.SHIFT),
    (Requant(IntType(8, True), -128, 127, Rounding.HALF_EVEN), 1, Form.SHIFT_EVEN),
    (Requant(IntType(8, False), 0, 255, Rounding.HALF_EVEN), 1_234_567, Form.INT64),
    (Requant(IntType(8, True), -128, 127, Rounding.HALF_AWAY, 13, 8), 5, Form.EXACT),
])
def test_which_form_is_chosen(op: Requant, mul: int, form: Form) -> None:
    """Power-of-two scales shift; what float32 cannot do takes 64 bits; a LeakyReLU runs by the definition."""
    kernels = next((k for b in BACKENDS[:1] if isinstance(k := fast._working(b), Kernels)), None)
    if kernels is None:
        pytest.skip("no AVX-512 VNNI")
    shift = 7 if mul == 1 else 9 if mul == 5 else 35
    values = tuple(np.full(PANEL, value) for value in (mul, 0, shift))
    parameters = Parameters.of(op, values, np.arange(PANEL), 0 if op.lo == 0 else 128)
    reach = 2**22 if mul > 5 else 2**14
    assert choose(kernels, parameters, np.full(PANEL, -reach), np.full(PANEL, reach)) == [form]


def test_a_wide_clamp_behind_a_narrow_tensor_needs_no_memory() -> None:
    b = GraphBuilder("wide")
    x = b.input("x", (3, 4), "u1")
    numbers = [b.constant(name, [value], "i32") for name, value in (("m", 1_579_781_887), ("o", 0), ("s", 0))]
    graph = b.build(b.add("y", Requant(IntType(32, True), 0, 1_579_781_887), x, *numbers))
    inputs = {"x": np.arange(24).reshape(2, 3, 4) % 2}
    assert np.array_equal(FastExecutor(graph).run(inputs)["y"], Oracle(graph).run(inputs)["y"])
