"""Real values become integers exactly as rounding on fractions says."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rounding_reference import reference

from bittrue.engine.rim import to_integers, to_real
from bittrue.errors import BadInput
from bittrue.ir import Graph, GraphBuilder, Rounding, Scale
from bittrue.ir.ops import Relu


def graph(scale: Scale | None) -> Graph:
    b = GraphBuilder("rim")
    return b.build(b.add("y", Relu(), b.input("x", (2, 3), "i8", scale)))


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(Rounding), st.floats(2**-12, 2, width=32), st.none() | st.just((-127, 100)), st.data())
def test_inputs_are_quantized_by_rounding_the_real_quotient(rounding: Rounding, scale: float,
                                                            clamp: tuple[int, int] | None, data: st.DataObject) -> None:
    ties = st.integers(-260, 260).map(lambda k: float(np.float32((k + 0.5) * scale)))
    values = data.draw(st.lists(ties | st.floats(-300, 300, width=32), min_size=6, max_size=6))
    x = np.array(values, np.float32).reshape(1, 2, 3)
    got = to_integers(graph(Scale((scale,), rounding=rounding, clamp=clamp)), {"x": x})["x"]
    lo, hi = clamp or (-128, 127)
    want = [min(max(reference(Fraction(float(v)) / Fraction(scale), rounding), lo), hi) for v in x.ravel()]
    assert got.ravel().tolist() == want


def test_integers_become_real_values_per_channel() -> None:
    rim = graph(Scale((0.5, 0.25), axis=0))
    assert to_real(rim, "x", np.array([[[2, 4, 6], [2, 4, 6]]])).tolist() == [[[1, 2, 3], [0.5, 1, 1.5]]]


def test_without_a_scale_there_are_no_real_values() -> None:
    with pytest.raises(BadInput, match="BT4004"):
        to_integers(graph(None), {"x": np.zeros((1, 2, 3))})
    with pytest.raises(BadInput, match="BT4004"):
        to_real(graph(None), "x", np.zeros((1, 2, 3), np.int64))
