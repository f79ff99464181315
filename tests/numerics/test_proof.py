"""The proof: step positions of the graph's integer functions, verdicts, first counterexamples, widths."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bittrue.errors import BadInput
from bittrue.ir import I32, Graph, GraphBuilder, IntType, Rounding
from bittrue.ir.ops import Conv, Linear, Requant
from bittrue.numerics.certificate import Counterexample
from bittrue.numerics.proof import prove, requant_steps
from bittrue.numerics.steps import StepModel

from .models import evaluate, step_models
from .nets import small_net, with_constant

slopes = st.sampled_from([(1, 0), (0, 0), (13, 8), (1, 2), (3, 0)])


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(list(Rounding)), slopes, st.lists(st.integers(-9, 9), min_size=1, max_size=3),
       st.integers(-200, 200), st.integers(0, 6), st.integers(-60, 60), st.integers(0, 60))
def test_bisected_steps_are_the_op_for_every_accumulator(
        rounding: Rounding, slope: tuple[int, int], multipliers: list[int], offset: int, shift: int, begin: int,
        length: int) -> None:
    op = Requant(IntType(8, True), -9, 6, rounding, *slope)
    m = np.array(multipliers)
    parameters = m, np.full_like(m, offset), np.full_like(m, shift)
    lo, hi = np.full_like(m, begin), np.full_like(m, begin + length)
    accs = np.arange(begin, begin + length + 1)
    ran = op.run(np.repeat(accs[:, None], len(m), axis=1), *parameters)
    for c, steps in enumerate(requant_steps(op, parameters, lo, hi, (-12, 9))):
        assert steps.evaluate(accs).tolist() == ran[:, c].tolist()
        assert steps.direction == np.sign(int(ran[-1, c]) - int(ran[0, c]))


def test_many_levels_are_bisected_in_blocks() -> None:
    op, m = Requant(IntType(17, True), -40000, 40000), np.array([1, -2, 3] * 20)
    zero = np.zeros_like(m)
    found = requant_steps(op, (m, zero, zero), zero - 30000, zero + 20000, (-40000, 40000))
    accs = np.array([-30000, -13334, -1, 0, 7, 13333, 20000])
    assert [s.evaluate(accs).tolist() for s in found[:3]] \
        == [np.clip(accs * k, -40000, 40000).tolist() for k in (1, -2, 3)]
    assert len(found) == 60


@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize("slope", [0.1, 13 / 256])
def test_a_frozen_network_is_proved(rounding: Rounding, slope: float) -> None:
    net = small_net(3, slope=slope, rounding=rounding)
    proof = net.proof()
    assert proof.verdict == "proved"
    assert [layer.name for layer in proof.layers] == ["act1", "act2", "act3", "out"]
    assert proof.onnx_sha256 == sha256(net.data).hexdigest()


@pytest.mark.parametrize("constant", ["act1.multiplier", "act1.shift", "act2.offset", "act3.multiplier", "out.offset"])
def test_the_counterexample_is_the_first_difference(constant: str) -> None:
    net = small_net(1)
    layer = constant.split(".")[0]
    nudge = {"multiplier": 40, "shift": 1, "offset": 10**10}[constant.split(".")[1]]
    broken = with_constant(net.graph, constant, lambda v: v + nudge * np.eye(1, v.size, v.size // 2, np.int64)[0])
    proof = prove(broken, net.steps, b"")
    found = {p.name: p for p in proof.layers}[layer]
    assert found.verdict == "different"
    assert proof.verdict.startswith(f"{layer} is different: channel ")
    op, model = broken.node[layer].op, net.steps[layer]
    parameters = [broken.constants[name].values for name in broken.node[layer].inputs[1:]]
    expected = []
    for c, (lo, hi) in enumerate(zip(found.lo_acc, found.hi_acc, strict=True)):
        accs = np.arange(lo, hi + 1)
        ran = replace(op, axis=0).run(accs[:, None], *(p[[c % p.size]] for p in parameters))[:, 0]
        want = [evaluate(model, c, int(acc)) for acc in accs]
        expected += [Counterexample(c, int(acc), model_value, int(value))
                     for acc, model_value, value in zip(accs, want, ran, strict=True) if model_value != value]
    assert found.counterexample == expected[0]


def tiny(clamp: tuple[int, int], *, axis: int = 0, parameters: int = 1) -> Graph:
    """A graph whose requantization is the identity on -8..7, clamped; its numbers per tensor or per channel."""
    b = GraphBuilder("tiny")
    acc = b.add("acc", Linear(), b.input("x", (2, 3), "i4"), b.constant("w", np.eye(3, dtype=np.int64), "i2"))
    numbers = [b.constant(n, [v] * parameters, "i8") for n, v in (("m", 1), ("o", 0), ("s", 0))]
    return b.build(b.add("q", Requant(I32, *clamp, axis=axis), acc, *numbers))


@pytest.mark.parametrize(("channels", "parameters", "axis"),
                         [(1, 1, 0), (1, 1, 1), (3, 1, 1), (1, 3, 1), (3, 3, 1), (2, 2, 0)])
def test_scalar_and_per_channel_models_along_any_axis(channels: int, parameters: int, axis: int) -> None:
    model = StepModel(channels, (np.ones(channels),), np.ones(1), Rounding.HALF_UP, -128, 127)
    proof = prove(tiny((-128, 127), axis=axis, parameters=parameters), {"q": model}, b"")
    assert proof.verdict == "proved"
    assert len(proof.layers[0].lo_acc) == max(channels, parameters)


def test_a_difference_in_the_clamp_alone_is_found() -> None:
    """The graph stops at -6..5 where the model goes on."""
    model = StepModel(1, (np.ones(1),), np.ones(1), Rounding.HALF_UP, -128, 127)
    proof = prove(tiny((-6, 5)), {"q": model}, b"")
    assert proof.layers[0].counterexample == Counterexample(0, -8, -8, -6)
    assert prove(tiny((-6, 5)), {"q": replace(model, lo=-6, hi=5)}, b"").verdict == "proved"


def test_requantizations_without_a_model_are_unproved() -> None:
    net = small_net()
    proof = prove(net.graph, {name: net.steps[name] for name in ("act1", "out")}, b"")
    assert proof.verdict == "act2 is unproved: no trained step function is given; " \
                            "act3 is unproved: no trained step function is given"


def test_a_requantization_to_a_wide_integer_is_unproved() -> None:
    wide = StepModel(1, (np.ones(1),), np.ones(1), Rounding.HALF_UP, -(1 << 31), (1 << 31) - 1)
    proof = prove(tiny((wide.lo, wide.hi)), {"q": wide}, b"")
    assert proof.layers[0].why == "unproved: it has too many output levels"


def test_models_that_do_not_belong_to_the_graph_are_all_named() -> None:
    net = small_net()
    lonely, misfit = net.steps["act1"], replace(net.steps["act1"], source="misfit")
    bad = replace(net.steps["out"], slope=-1.0)
    with pytest.raises(BadInput) as caught:
        prove(net.graph, {"conv1": lonely, "nothing": lonely, "out": misfit, "act1": lonely, "act2": bad}, b"")
    assert sorted(d.code for d in caught.value.diagnostics) == ["BT3003", "BT3020", "BT3020", "BT3021", "BT3021"]


@settings(deadline=None, max_examples=60)
@given(step_models(channels=1))
def test_any_model_against_any_other_function(model: StepModel) -> None:
    """Proved exactly when all 16 values agree."""
    proof = prove(tiny((model.lo, model.hi)), {"q": model}, b"")
    want = [evaluate(model, 0, acc) for acc in range(-8, 8)]
    assert (proof.verdict == "proved") == (want == np.clip(np.arange(-8, 8), model.lo, model.hi).tolist())


def test_widths_say_how_many_bits_every_tensor_needs() -> None:
    b = GraphBuilder("widths")
    x = b.input("x", (1, 4), "u8")
    wide = b.add("a", Conv((1,), (0, 0), (1,)), x, b.constant("w", [[[100, -3]]], "i8"))
    graph = b.build(b.add("b", Linear(acc=IntType(20, True)), x, b.constant("v", [[0, 0, 0, 0]], "i8")), wide)
    widths = {w.name: (w.type, w.lo, w.hi, w.bits) for w in prove(graph, {}, b"").widths}
    assert widths == {"x": ("u8", 0, 255, 8), "a": ("i32", -765, 25500, 16), "b": ("i20", 0, 0, 1)}
