"""The straight-through rounding modules against the integer definition."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bittrue.ir import Rounding
from bittrue.ir.rounding import round_div
from bittrue.quantization.rounding import FLOAT_TO_INT
from bittrue.quantization.statistics import InputThreshold

FLOATS = st.one_of(st.floats(-300, 300, width=32), st.integers(-600, 600).map(lambda n: n / 2),
                   st.integers(-600, 600).map(lambda n: float(torch.nextafter(torch.tensor(n / 2), torch.tensor(9e9)))))


@pytest.mark.parametrize("rounding", Rounding)
@settings(deadline=None, max_examples=60)
@given(values=st.lists(FLOATS, min_size=1, max_size=20))
def test_modules_round_exactly(rounding: Rounding, values: list[float]) -> None:
    x = torch.tensor(values, dtype=torch.float32)
    exact = [round_div(f.numerator, f.denominator, rounding) for f in map(Fraction, x.tolist())]
    assert FLOAT_TO_INT[rounding]()(x).tolist() == exact


@pytest.mark.parametrize("rounding", Rounding)
def test_the_gradient_is_one(rounding: Rounding) -> None:
    x = torch.tensor([-1.5, 0.25, 3.0], requires_grad=True)
    FLOAT_TO_INT[rounding]()(x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1.0, 1.0, 1.0]


@settings(deadline=None, max_examples=60)
@given(values=st.lists(st.floats(-40, 40, width=32), min_size=1, max_size=9), bits=st.integers(2, 8),
       signed=st.booleans())
def test_input_thresholds_clip_nothing_and_are_the_smallest(values: list[float], bits: int, signed: bool) -> None:
    x = torch.tensor(values if signed else [abs(v) for v in values])
    threshold = Fraction(float(InputThreshold(bits, signed)(x)))
    steps = 2 ** (bits - signed)

    def clips(threshold: Fraction) -> bool:
        scale = threshold / steps
        return any(not -steps * signed <= Fraction(v) / scale <= steps - 1 for v in x.tolist())

    assert not clips(threshold)
    assert clips(threshold / 2) or threshold <= Fraction(1, 2**31)
