"""Synthesized requantizations: exact for every accumulator, minimal, within 64 bits, or a diagnosis of why not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bittrue.errors import Unsupported
from bittrue.ir import IntType, Rounding, round_div
from bittrue.ir.ops.requant import REQUANT_LIMIT
from bittrue.numerics.conditions import Shape
from bittrue.numerics.steps import BatchNorm, StepModel, output_range, thresholds
from bittrue.numerics.synthesis import MAX_SHIFT, RequantParams, synthesize

from .models import step_models

OUT = IntType(9, True)
ROUNDINGS = st.sampled_from(list(Rounding))


def outputs(params: RequantParams, accs: np.ndarray) -> np.ndarray:
    """The op's outputs (len(accs), C)."""
    c = len(params.multiplier)
    grid = np.repeat(accs[:, None], c, axis=1)
    return params.op(OUT).run(grid, params.multiplier, params.offset, params.shift)


def wanted(model: StepModel, accs: np.ndarray) -> np.ndarray:
    """The model's outputs (len(accs), C)."""
    steps = (thresholds(model, c, int(accs[0]), int(accs[-1])) for c in range(model.channels))
    return np.stack([s.evaluate(accs) for s in steps], axis=1)


def synthesized(model: StepModel, accs: np.ndarray, **options: object) -> RequantParams | None:
    """The result for one interval, None if there is none."""
    ends = (np.full(model.channels, end) for end in (accs[0], accs[-1]))
    try:
        return synthesize(model, *ends, **options)  # type: ignore[arg-type]
    except Unsupported:
        return None


def within_limits(params: RequantParams, accs: np.ndarray) -> bool:
    """The verifier's rules on shifts and 64-bit arithmetic."""
    widest = int(np.abs(accs).max()) * int(np.abs(params.multiplier).max()) + int(np.abs(params.offset).max())
    return int(params.shift.min()) >= 0 and int(params.shift.max()) + params.slope_shift <= MAX_SHIFT \
        and widest * max(1, params.slope_multiplier) < REQUANT_LIMIT


@settings(deadline=None, max_examples=250)
@given(step_models(), st.integers(-90, 90), st.integers(0, 90))
def test_equal_for_every_accumulator(model: StepModel, begin: int, length: int) -> None:
    accs = np.arange(begin, begin + length + 1)
    params = synthesized(model, accs)
    if params is None:  # clips that differ between channels cannot be the one clamp of the op, and see the next test
        one_sided = model.rounding in (Rounding.HALF_UP, Rounding.FLOOR)
        assert not one_sided or (model.clip is not None and len(model.out_scale) > 1)
        return
    assert np.array_equal(outputs(params, accs), wanted(model, accs))
    assert within_limits(params, accs)


def test_alternating_ties_of_a_gain_that_is_no_binary_fraction_have_no_exact_multiplier() -> None:
    """acc/6 is a tie at 3, 9, 15; half-even sends the middle one up and the others down, as no line near acc/6 does."""
    model = StepModel(1, (np.array([1.5]),), np.ones(1), Rounding.HALF_EVEN, 0, 3, divisor=9)
    with pytest.raises(Unsupported) as caught:
        synthesize(model, np.array([0]), np.array([15]))
    assert "train with HALF_UP" in caught.value.diagnostics[0].fix
    synthesize(replace(model, rounding=Rounding.HALF_UP), np.array([0]), np.array([15]))


@settings(deadline=None, max_examples=200)
@given(step_models(), ROUNDINGS, st.booleans(), st.sampled_from([2, 5, 8, 31]))
def test_other_rounding_shared_shift_and_short_multipliers_are_exact_or_refused(
        model: StepModel, rounding: Rounding, shared: bool, bits: int) -> None:
    accs = np.arange(-70, 51)
    params = synthesized(model, accs, rounding=rounding, shared_shift=shared, max_multiplier_bits=bits)
    if params is not None:
        assert np.array_equal(outputs(params, accs), wanted(model, accs))
        assert within_limits(params, accs)
        assert int(np.abs(params.multiplier).max()) < 1 << bits
        assert not shared or len(set(params.shift.tolist())) == 1


def exact_somewhere(model: StepModel, accs: np.ndarray, shape: Shape, m: int, shift: int) -> bool:
    """Whether any offset makes a multiplier exact: all offsets that could matter are run through the op."""
    want, largest = wanted(model, accs)[:, 0], 1 << shift
    reach = abs(m) * int(np.abs(accs).max()) + largest * (max(abs(shape.lo), abs(shape.hi)) + 2)
    offsets = np.arange(-reach, reach + 1)
    value = accs[:, None] * m + offsets
    scaled = round_div(value, np.int64(largest), shape.rounding)
    if (shape.slope_multiplier, shape.slope_shift) != (1, 0):
        below = round_div(value * shape.slope_multiplier, np.int64(largest << shape.slope_shift), shape.rounding)
        scaled = np.where(value < 0, below, scaled)
    return bool((np.clip(scaled, shape.lo, shape.hi) == want[:, None]).all(axis=0).any())


@settings(deadline=None, max_examples=60)
@given(step_models(channels=1).filter(lambda m: m.hi - m.lo <= 15 and m.slope in (0.0, 0.25, 1.0)), ROUNDINGS)
def test_smallest_shift_and_multiplier(model: StepModel, rounding: Rounding) -> None:
    accs = np.arange(-9, 10)
    params = synthesized(model, accs, rounding=rounding, max_multiplier_bits=4)
    if params is None:
        return
    m, shift = abs(int(params.multiplier[0])), int(params.shift[0])
    shape = Shape(params.lo, params.hi, rounding, params.slope_multiplier, params.slope_shift)
    works = {(s, n) for s in range(min(shift, 6) + 1) for n in range(16)
             if exact_somewhere(model, accs, shape, n, s) or exact_somewhere(model, accs, shape, -n, s)}
    power = {(s, n) for s, n in works if n & (n - 1) == 0}
    first = min(works | {(shift, m)})
    if m & (m - 1) == 0:
        assert (shift, m) == min(power | {(shift, m)})
        assert shift <= first[0] + 2
    else:
        assert (shift, m) == first
        assert not power


@settings(deadline=None, max_examples=30)
@given(step_models(channels=1).filter(lambda m: m.hi - m.lo <= 7 and m.slope in (0.0, 0.25, 1.0)), ROUNDINGS)
def test_refused_means_that_nothing_works(model: StepModel, rounding: Rounding) -> None:
    accs = np.arange(-6, 9)
    if synthesized(model, accs, rounding=rounding, max_multiplier_bits=2) is not None:
        return
    slope = {1.0: (1, 0), 0.25: (1, 2), 0.0: (0, 0)}[model.slope]
    shape = Shape(*output_range(model), rounding, *slope)
    assert not any(exact_somewhere(model, accs, shape, m, s) for m in range(-3, 4) for s in range(6))


@pytest.mark.parametrize("exponent", [-9, -3, -1, 0, 2])
@pytest.mark.parametrize("sign", [1, -1])
def test_power_of_two_scales_give_a_multiplier_of_one(exponent: int, sign: int) -> None:
    model = StepModel(1, (np.array([sign * 2.0**exponent]),), np.ones(1), Rounding.HALF_EVEN, -128, 127)
    params = synthesized(model, np.arange(-5000, 5001))
    assert params is not None
    assert (int(params.multiplier[0]), int(params.offset[0]), int(params.shift[0])) \
        == (sign * 2**max(exponent, 0), 0, max(-exponent, 0))


def test_half_even_on_a_chip_that_rounds_half_up_needs_a_second_bit() -> None:
    """Ties of acc/4 cannot be told apart with a multiplier of 1, and no multiplier makes half-up alternate."""
    model = StepModel(1, (np.array([0.25]),), np.ones(1), Rounding.HALF_EVEN, 0, 15)
    accs = np.arange(0, 60)
    assert synthesized(model, accs, rounding=Rounding.HALF_UP) is None
    assert synthesized(replace(model, rounding=Rounding.HALF_UP), accs, rounding=Rounding.HALF_EVEN) is not None


def test_zero_gamma_is_a_constant_with_multiplier_zero() -> None:
    norm = BatchNorm(np.array([0.0]), np.array([2.25]), np.array([7.0]), np.array([0.3]), 1e-5)
    model = StepModel(1, (np.array([0.1]),), np.array([0.5]), Rounding.HALF_EVEN, -8, 7, batch_norm=norm, slope=0.1)
    params = synthesized(model, np.arange(-99, 99))
    assert params is not None
    assert params.multiplier.tolist() == [0]
    assert set(outputs(params, np.arange(-99, 99)).ravel().tolist()) == {4}


@pytest.mark.parametrize(("slope", "fraction"), [(13 / 256, (13, 8)), (0.125, (1, 3)), (1.0, (1, 0))])
def test_a_dyadic_slope_is_taken_as_it_is(slope: float, fraction: tuple[int, int]) -> None:
    model = StepModel(1, (np.array([0.037]),), np.array([0.25]), Rounding.HALF_EVEN, -8, 7, slope=slope)
    params = synthesized(model, np.arange(-3000, 3001))
    assert params is not None
    assert (params.slope_multiplier, params.slope_shift) == fraction


@pytest.mark.parametrize("slope", [0.01, 0.1, 0.2])
@pytest.mark.parametrize(("lo", "hi"), [(-8, 7), (-128, 127)])
def test_other_slopes_become_the_first_exact_fraction(slope: float, lo: int, hi: int) -> None:
    gains = np.array([0.037, 0.0021, 0.5])
    model = StepModel(3, (gains,), np.array([0.0625]), Rounding.HALF_EVEN, lo, hi, bias=np.array([0.3, -1.0, 0.0]),
                      slope=slope)
    accs = np.arange(-8000, 8001)
    params = synthesized(model, accs)
    assert params is not None
    assert np.array_equal(outputs(params, accs), wanted(model, accs))
    assert params.slope_multiplier % 2 == 1
    coarser = [(a, b) for b in range(params.slope_shift) for a in (int(slope * 2**b), int(slope * 2**b) + 1)]
    for a, b in coarser:  # the same layer with a coarser slope, as a dyadic model, is another function
        other = replace(model, slope=a / 2**b)
        assert not np.array_equal(wanted(other, accs), wanted(model, accs))


def test_unsigned_outputs_need_no_slope_and_relu6_becomes_the_clamp() -> None:
    leaky = StepModel(1, (np.array([0.1]),), np.array([0.5]), Rounding.HALF_UP, 0, 15, slope=0.1)
    relu6 = StepModel(1, (np.array([0.1]),), np.array([0.5]), Rounding.HALF_UP, -128, 127, clip=(0.0, 6.0))
    for model, clamp in ((leaky, (0, 15)), (relu6, (0, 12))):
        params = synthesized(model, np.arange(-500, 500))
        assert params is not None
        assert (params.slope_multiplier, params.slope_shift, params.lo, params.hi) == (0, 0, *clamp)


def test_wide_accumulators_stay_within_64_bits() -> None:
    model = StepModel(2, (np.array([3.1e-8, 0.7]),), np.array([0.31]), Rounding.HALF_EVEN, -128, 127,
                      bias=np.array([55.5, -3e8]))
    ends = np.array([-(1 << 31)] * 2), np.array([(1 << 31) - 1] * 2)
    params = synthesize(model, *ends)
    assert within_limits(params, np.array([-(1 << 31), (1 << 31) - 1]))
    for c in range(2):
        steps = thresholds(model, c, int(ends[0][c]), int(ends[1][c]))
        near = np.unique(np.concatenate([steps.positions - 1, steps.positions, *ends]))
        near = near[(near >= ends[0][0]) & (near <= ends[1][0])]
        assert np.array_equal(outputs(params, near)[:, c], steps.evaluate(near))


def test_a_prescribed_multiplier_is_used_or_refused() -> None:
    gains = np.array([0.25, -0.5, 0.0])
    model = StepModel(3, (gains,), np.ones(1), Rounding.HALF_EVEN, -8, 7, bias=np.array([0.0, 1.0, 3.0]))
    accs = np.arange(-100, 101)
    params = synthesized(model, accs, multiplier=np.array([1]))
    assert params is not None
    assert params.multiplier.tolist() == [1, -1, 1]
    assert np.array_equal(outputs(params, accs), wanted(model, accs))
    assert synthesized(replace(model, factors=(gains * 0.9,)), accs, multiplier=np.array([1])) is None


def test_the_diagnosis_names_every_channel_its_steps_and_the_remedies() -> None:
    gains = np.array([0.25, 0.3001, 1.0, 0.29])
    model = StepModel(4, (gains,), np.ones(1), Rounding.HALF_EVEN, 0, 255)
    lo, hi = np.full(4, 0), np.full(4, 1000)
    with pytest.raises(Unsupported) as caught:
        synthesize(model, lo, hi, max_multiplier_bits=4, layer="conv2")
    problem = caught.value.diagnostics[0]
    assert (problem.code, problem.where) == ("BT3010", "layer conv2")
    assert "exact in 2 of 4 channels" in problem.why
    assert "1 (" in problem.why
    assert "3 (" in problem.why
    needed = int(problem.fix.split("multiplier of ")[1].split(" bits")[0])
    synthesize(model, lo, hi, max_multiplier_bits=needed)
    with pytest.raises(Unsupported):
        synthesize(model, lo, hi, max_multiplier_bits=needed - 1)


def test_the_diagnosis_counts_the_fewest_misplaced_steps() -> None:
    """acc/2 rounded half to even, on a chip with half-up: of 0.5, 1.5, 2.5, ... every second step would be wrong at the
    right gain; a slightly wrong gain places one more."""
    model, accs = StepModel(1, (np.array([0.5]),), np.ones(1), Rounding.HALF_EVEN, 0, 8), np.arange(100)
    with pytest.raises(Unsupported) as caught:
        synthesize(model, accs[:1], accs[-1:], rounding=Rounding.HALF_UP)
    want = thresholds(model, 0, 0, 99).positions
    tried = (((accs * m + o + (1 << s >> 1)) >> s).clip(0, 8) for s in range(7) for m in range(1, 64)
             for o in range(-64, 65))
    fewest = min(int((np.searchsorted(y, np.arange(1, 9)) != want).sum()) for y in tried)
    assert f"0 ({fewest} of 8)" in caught.value.diagnostics[0].why
    assert "round HALF_EVEN on the chip" in caught.value.diagnostics[0].fix


@settings(deadline=None, max_examples=60)
@given(st.sampled_from([(0, 0), (1, 0), (13, 8), (3, 1)]), ROUNDINGS, st.integers(0, 5))
def test_boundaries_are_the_first_values_of_the_op(slope: tuple[int, int], rounding: Rounding, shift: int) -> None:
    shape, values = Shape(-4, 5, rounding, *slope), np.arange(-6000, 400)
    one = np.array([1])
    op = RequantParams(one, one, one, *slope, rounding, -100, 100).op(OUT)
    ran = op.run(values[:, None], np.array([1]), np.array([0]), np.array([shift]))[:, 0]
    for k, v in zip(range(-3, 6), shape.boundaries(shift).tolist(), strict=True):
        met = values[ran >= k]
        if met.size == values.size:
            assert v <= values[0]
        else:
            assert v == met[0]


def test_the_result_does_not_depend_on_the_other_channels() -> None:
    rng = np.random.default_rng(5)
    model = StepModel(6, (rng.random(6) / 8,), np.array([0.3]), Rounding.HALF_EVEN, 0, 15, bias=rng.normal(size=6))
    lo, hi = np.full(6, -900), np.full(6, 900)
    whole = synthesize(model, lo, hi)
    for c in range(6):
        alone = synthesize(replace(model, channels=1, factors=(model.factors[0][[c]],), bias=model.bias[[c]]),
                           lo[:1], hi[:1])
        assert (alone.multiplier[0], alone.offset[0], alone.shift[0]) \
            == (whole.multiplier[c], whole.offset[c], whole.shift[c])
