"""Step positions in real arithmetic, against an evaluation of the model for every accumulator of small ranges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bittrue.errors import BadInput
from bittrue.ir import Rounding
from bittrue.numerics.steps import BatchNorm, StepModel, Steps, boundary, output_range, thresholds

from .models import evaluate, rounded, step_models

INTERVALS = st.tuples(st.integers(-60, 60), st.integers(0, 60)).map(lambda t: (t[0], t[0] + t[1]))
GRID = np.arange(-200, 201)


@settings(deadline=None, max_examples=400)
@given(step_models(), INTERVALS)
def test_steps_are_the_model_for_every_accumulator(model: StepModel, interval: tuple[int, int]) -> None:
    accs = np.arange(interval[0], interval[1] + 1)
    for channel in range(model.channels):
        steps = thresholds(model, channel, *interval)
        assert steps.evaluate(accs).tolist() == [evaluate(model, channel, int(acc)) for acc in accs]


@settings(deadline=None, max_examples=200)
@given(step_models(channels=1), INTERVALS)
def test_steps_are_canonical(model: StepModel, interval: tuple[int, int]) -> None:
    """Positions follow from the values alone: built from the sampled function they are the same object."""
    accs = np.arange(interval[0], interval[1] + 1)
    values = np.array([evaluate(model, 0, int(acc)) for acc in accs])
    direction = int(np.sign(values[-1] - values[0]))
    order = accs if direction >= 0 else -accs[::-1]
    along = values if direction >= 0 else values[::-1]
    positions = [int(order[along >= k][0]) if (along >= k).any() else int(order[-1]) + 1
                 for k in range(model.lo + 1, model.hi + 1)]
    steps = thresholds(model, 0, *interval)
    assert (steps.direction, steps.positions.tolist()) == (direction, positions)
    again = Steps.canonical(*interval, model.lo, direction, np.array(positions, np.int64))
    assert steps == again
    assert hash(steps) == hash(again)


@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize("sign", [1, -1])
def test_every_tie_of_power_of_two_scales(rounding: Rounding, sign: int) -> None:
    """acc / 4 in steps of 1/2: every second accumulator between two levels is a tie."""
    norm = BatchNorm(np.array([sign * 3.0]), np.array([0.0]), np.array([0.0]), np.array([9.0]), 0.0)
    model = StepModel(1, (np.array([0.25]),), np.array([0.5]), rounding, -50, 50, batch_norm=norm)
    from fractions import Fraction

    want = [min(max(rounded(Fraction(sign * int(acc), 2), rounding), -50), 50) for acc in GRID]
    assert thresholds(model, 0, -200, 200).evaluate(GRID).tolist() == want


@pytest.mark.parametrize("rounding", list(Rounding))
def test_boundary_says_when_a_number_rounds_up_to_k(rounding: Rounding) -> None:
    from fractions import Fraction

    for k in range(-5, 6):
        w, inclusive = boundary(rounding, k)
        for x in (Fraction(n, 12) for n in range(-80, 81)):
            assert (rounded(x, rounding) >= k) == (x > Fraction(w, 2) or (inclusive and x == Fraction(w, 2)))


def test_an_irrational_step_next_to_an_integer_is_told_apart() -> None:
    """acc * g / sqrt(2) reaches 1/2 where acc >= sqrt(2) * 2**k: far beyond what float64 can tell from an integer."""
    scale = 2.0**-40
    norm = BatchNorm(np.array([1.0]), np.array([0.0]), np.array([0.0]), np.array([2.0]), 0.0)
    model = StepModel(1, (np.array([scale]),), np.array([2.0]), Rounding.HALF_UP, 0, 1, batch_norm=norm)
    position = int(thresholds(model, 0, 0, 1 << 50).positions[0])
    assert (position - 1) ** 2 < 2 * (1 << 80) <= position**2


@settings(deadline=None, max_examples=150)
@given(step_models(channels=1))
def test_output_range_holds_every_output(model: StepModel) -> None:
    lo, hi = output_range(model)
    outputs = thresholds(model, 0, -200, 200).evaluate(GRID)
    assert model.lo <= lo <= outputs.min()
    assert outputs.max() <= hi <= model.hi


@settings(deadline=None, max_examples=150)
@given(step_models(channels=1), step_models(channels=1))
def test_first_difference_is_the_first(a: StepModel, b: StepModel) -> None:
    b = replace(b, lo=a.lo, hi=a.hi)
    one, two = thresholds(a, 0, -200, 200), thresholds(b, 0, -200, 200)
    differs = GRID[one.evaluate(GRID) != two.evaluate(GRID)]
    assert one.first_difference(two) == (int(differs[0]) if differs.size else None)
    assert (one == two) == (differs.size == 0)


@settings(deadline=None, max_examples=100)
@given(step_models(channels=1), INTERVALS)
def test_runs_and_wider_levels_are_the_same_function(model: StepModel, interval: tuple[int, int]) -> None:
    steps, accs = thresholds(model, 0, *interval), np.arange(interval[0], interval[1] + 1)
    values = steps.evaluate(accs)
    changes = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist()]
    assert steps.runs() == [(int(accs[i]), int(values[i])) for i in changes]
    assert steps.spanning(model.lo - 3, model.hi + 2).evaluate(accs).tolist() == values.tolist()


BAD = {
    "BT3001": [{"bias": np.array([np.nan])}, {"out_scale": np.array([np.inf])}, {"slope": float("nan")}],
    "BT3002": [{"bias": np.ones(3)}, {"factors": (np.ones((1, 1)),)}],
    "BT3003": [{"out_scale": np.zeros(1)}, {"slope": -0.5}, {"divisor": 0}, {"lo": 4}, {"clip": (1.0, 0.0)},
               {"batch_norm": BatchNorm(*(np.ones(1),) * 3, np.array([-1e-5]), 1e-5)}],
}


@pytest.mark.parametrize(("code", "change"), [(code, change) for code, all_of in BAD.items() for change in all_of])
def test_models_without_a_value_are_refused(code: str, change: dict[str, object]) -> None:
    model = replace(StepModel(2, (np.ones(1),), np.ones(1), Rounding.HALF_UP, 0, 3), **change)
    with pytest.raises(BadInput) as caught:
        thresholds(model, 0, 0, 1)
    assert code in {d.code for d in caught.value.diagnostics}


def test_all_problems_at_once() -> None:
    model = StepModel(2, (np.array([np.inf]),), np.zeros(3), Rounding.HALF_UP, 0, 3, slope=-1.0)
    assert [p.code for p in model.problems] == ["BT3002", "BT3001", "BT3003", "BT3003"]


def test_an_empty_interval_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        thresholds(StepModel(1, (np.ones(1),), np.ones(1), Rounding.HALF_UP, 0, 3), 0, 1, 0)
