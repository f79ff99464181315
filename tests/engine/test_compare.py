"""The comparer finds the first difference, and `diagnose` names the mistake that was injected."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest

from bittrue.engine.base import Executor, Trace
from bittrue.engine.compare import compare
from bittrue.engine.diagnose import as_chw, as_hwc, wrap
from bittrue.engine.fast import FastExecutor
from bittrue.engine.oracle import Oracle
from bittrue.errors import BadInput, Difference
from bittrue.ir import Graph, GraphBuilder, IntArray, IntType, Op, Rounding, round_div
from bittrue.ir.ops import Add, AvgPool, Conv, Flatten, LeakyRelu, Linear, MaxPool, Requant, Sub

Mutation = Callable[..., IntArray]
"""(op, *operands) -> what the faulty executor computes for the node."""


@dataclass(frozen=True)
class Mutated:
    """The oracle with a mistake in one node, whose followers work on with the wrong values."""

    graph: Graph
    node: str
    mutation: Mutation
    name: str = "mutated"

    def run(self, inputs: Mapping[str, IntArray]) -> Trace:
        values = {name: constant.values for name, constant in self.graph.constants.items()} | dict(inputs)
        for node in self.graph.nodes:
            if node.inputs:
                operands = [values[name] for name in node.inputs]
                values[node.name] = (self.mutation(node.op, *operands) if node.name == self.node
                                     else node.op.run(*operands))
        return {node.name: values[node.name] for node in self.graph.nodes}


@pytest.fixture(scope="module")
def graph() -> Graph:
    """A small network with every kind of node that can go wrong, on an image of 7 x 5."""
    random = np.random.default_rng(3)
    b = GraphBuilder("victim")
    b.constant("w", 8 * random.integers(-16, 16, (4, 3, 3, 3)), "i8")  # multiples of 8: ties are frequent
    b.constant("bias", [96, -3000, 16, 4000], "i16")
    conv = b.add("conv", Conv((2, 1), (1, 0, 0, 2)), b.input("x", (3, 7, 5), "u8"), "w", "bias")
    b.constant("m", [8, 16, 8, 16], "i8")
    b.constant("o", [90048, -50048, 0, 70400], "i20")
    b.constant("s", [13, 14, 12, 13], "u4")
    y = b.add("y", Requant(IntType(8, True), -100, 100, Rounding.HALF_UP, 13, 8), conv, "m", "o", "s")
    leaky = b.add("leaky", LeakyRelu(3, 3, Rounding.HALF_EVEN), y)
    pooled = b.add("pooled", MaxPool((2, 2), (2, 2), (1, 0, 0, 1)), leaky)
    mean = b.add("mean", AvgPool(IntType(8, True), (2, 2), rounding=Rounding.HALF_AWAY), pooled)
    difference = b.add("difference", Sub(IntType(9, True)), mean, b.add("again", AvgPool(IntType(8, True), (2, 2),
                                                                                         rounding=Rounding.FLOOR),
                                                                       pooled))
    total = b.add("total", Add(IntType(10, True)), difference, mean)
    flat = b.add("flat", Flatten(), total)
    size = Graph("", tuple(b.nodes), b.constants, ()).types[flat].shape[0]
    b.constant("wl", random.integers(-128, 128, (size, size)), "i8")
    return b.build(b.add("fc", Linear(), flat, "wl"))


@pytest.fixture(scope="module")
def inputs() -> dict[str, IntArray]:
    return {"x": np.random.default_rng(5).integers(0, 256, (11, 3, 7, 5))}


def with_op(**attributes: object) -> Mutation:
    """The op with other attributes."""
    return lambda op, *operands: replace(op, **attributes).run(*operands)  # type: ignore[no-any-return]


def with_operand(position: int, change: Callable[[IntArray], IntArray]) -> Mutation:
    """The op with one operand changed."""
    return lambda op, *operands: op.run(*operands[:position], change(operands[position]), *operands[position + 1:])


def late_bias(op: Requant, acc: IntArray, mul: IntArray, off: IntArray, shift: IntArray) -> IntArray:
    wide = replace(op, out=IntType(63, True), lo=-2**40, hi=2**40)
    late = round_div(off, np.int64(1) << shift, op.rounding).reshape(-1, 1, 1)
    return np.clip(wide.run(acc, mul, np.zeros_like(off), shift) + late, op.lo, op.hi)


def no_clamp(op: Requant, *operands: IntArray) -> IntArray:
    return wrap(replace(op, out=IntType(63, True), lo=-2**40, hi=2**40).run(*operands), 8)


def conv_phase(op: Conv, x: IntArray, weight: IntArray, bias: IntArray) -> IntArray:
    """Samples rows 1, 3, 5, ... of what stride 1 would give."""
    every = replace(op, stride=(1, 1), pads=(1, 0, 1, 2)).run(x, weight, bias)
    return every[:, :, 1::2]


MUTATIONS: dict[str, tuple[str, Mutation, str, str]] = {
    "rounding of a requantization": ("y", with_op(rounding=Rounding.HALF_EVEN), "rounding mode",
                                     "rounding mode is HALF_EVEN where HALF_UP is meant"),
    "rounding of an average": ("mean", with_op(rounding=Rounding.FLOOR), "rounding mode",
                               "rounding mode is FLOOR where HALF_AWAY is meant"),
    "rounding of a leaky relu": ("leaky", with_op(rounding=Rounding.FLOOR), "rounding mode",
                                 "rounding mode is FLOOR where HALF_EVEN is meant"),
    "16-bit accumulator": ("conv", lambda op, *o: wrap(op.run(*o), 16), "overflow", "wraps at 16 bits"),
    "8-bit accumulator": ("fc", lambda op, *o: wrap(op.run(*o), 8), "overflow", "wraps at 8 bits"),
    "saturating accumulator": ("conv", lambda op, *o: np.clip(op.run(*o), -2**15, 2**15 - 1), "overflow",
                               "saturates at 16 bits"),
    "accumulator wrapped before requantization": ("y", with_operand(0, lambda a: wrap(a, 16)), "overflow",
                                                  "wraps at 16 bits"),
    "no bias": ("conv", with_operand(2, np.zeros_like), "bias", "omitted"),
    "bias reversed": ("conv", with_operand(2, lambda b: b[::-1]), "bias", "reverse channel order"),
    "bias one channel off": ("conv", with_operand(2, lambda b: np.roll(b, 1)), "bias", "shifted by one channel"),
    "no offset": ("y", with_operand(2, np.zeros_like), "bias", "omitted"),
    "bias after scaling": ("y", late_bias, "late bias", "added after scaling"),
    "no clamp": ("y", no_clamp, "clamp", "wraps at i8"),
    "clamp of the type": ("y", with_op(lo=-128, hi=127), "clamp", "not -100..100"),
    "slope ignored": ("y", with_op(slope_multiplier=1, slope_shift=0), "slope", "ignored"),
    "relu for leaky relu": ("leaky", with_op(slope_multiplier=0, slope_shift=0), "slope", "ReLU"),
    "multipliers reversed": ("y", lambda op, a, m, o, s: op.run(a, m[::-1], o, s[::-1]), "scale order", "reverse"),
    "kernel transposed": ("conv", with_operand(1, lambda w: w.swapaxes(2, 3)), "kernel", "transposed"),
    "kernel flipped": ("conv", with_operand(1, lambda w: w[:, :, ::-1, ::-1]), "kernel", "convolution instead of"),
    "matrix transposed": ("fc", with_operand(1, lambda w: w.T), "kernel", "transposed"),
    "weights channels last": ("conv", with_operand(1, as_hwc), "kernel", "layout: the weights"),
    "output channels last": ("conv", lambda op, *o: as_hwc(op.run(*o)), "layout", "output is stored as HWC"),
    "input channels last": ("pooled", with_operand(0, as_hwc), "layout", "input is stored as HWC"),
    "flattened channels last": ("flat", with_operand(0, as_chw), "layout", "input is stored as CHW"),
    "padding side": ("conv", with_op(pads=(0, 2, 1, 0)), "padding side", "other side"),
    "padding side of a pool": ("pooled", with_op(pads=(0, 1, 1, 0)), "padding side", "other side"),
    "stride phase": ("conv", conv_phase, "stride phase", "begin 1, 0 late"),
    "channels reversed": ("conv", lambda op, *o: op.run(*o)[:, ::-1], "channel order", "output channels are in rev"),
    "operands swapped": ("difference", lambda op, a, b: op.run(b, a), "operand order", "reverse order"),
    "noise": ("leaky", lambda op, x: op.run(x) + (np.arange(x.size).reshape(x.shape) % 37 == 5), "unknown", "unknown"),
}


@pytest.mark.parametrize("mistake", MUTATIONS)
def test_every_injected_mistake_is_named(mistake: str, graph: Graph, inputs: dict[str, IntArray]) -> None:
    node, mutation, hypothesis, text = MUTATIONS[mistake]
    report = compare(graph, Oracle(graph), Mutated(graph, node, mutation), inputs, batch=4)
    assert report.first is not None
    assert report.first.layer == node
    assert node in report.culprits
    assert report.first.cause.hypothesis == hypothesis, report.first.cause
    assert text in report.first.cause.text


def test_equal_executors_have_no_difference(graph: Graph, inputs: dict[str, IntArray]) -> None:
    seen: list[tuple[int, int]] = []
    report = compare(graph, Oracle(graph), FastExecutor(graph), inputs, batch=4,
                     progress=lambda done, total: seen.append((done, total)))
    assert report.differences == 0
    assert report.first is None
    assert report.culprits == ()
    assert report.compared == 11 * sum(graph.types[node.name].size for node in graph.nodes)
    assert [layer.name for layer in report.layers] == [node.name for node in graph.nodes]
    assert seen == [(4, 11), (8, 11), (11, 11)]
    report.require_equal()


def flip_at(place: tuple[int, ...]) -> Mutation:
    """Adds one to one element of the batch that holds it; samples are told apart by their content."""
    def mutation(op: Op, x: IntArray, *rest: IntArray) -> IntArray:
        result = op.run(x, *rest)
        marked = (x == 7).all(axis=(1, 2, 3))
        result[marked, place[0], place[1], place[2]] ^= 1
        return result
    return mutation


def test_one_wrong_bit_is_located(graph: Graph, inputs: dict[str, IntArray]) -> None:
    marked = {"x": inputs["x"].copy()}
    marked["x"][9] = 7
    expected = int(Oracle(graph).run(marked)["conv"][9, 2, 1, 3])
    report = compare(graph, Oracle(graph), Mutated(graph, "conv", flip_at((2, 1, 3))), marked, batch=4)
    first = report.first
    assert first is not None
    assert (first.layer, first.image, first.channel, first.row, first.column) == ("conv", 9, 2, 1, 3)
    assert (first.expected, first.got) == (expected, expected ^ 1)
    assert first.expected_bits[:-1] == first.got_bits[:-1]
    assert first.expected_bits[-1] != first.got_bits[-1]
    assert len(first.got_bits) == 32
    assert {layer.name: layer.differences for layer in report.layers}["conv"] == 1
    with pytest.raises(Difference, match="BT4302"):
        report.require_equal()


def test_the_first_node_wins_over_the_first_batch(graph: Graph, inputs: dict[str, IntArray]) -> None:
    """An early batch shows a late node's mistake, a late batch an early node's: the early node is first."""
    marked = {"x": inputs["x"].copy()}
    marked["x"][10] = 7

    class Both:
        name = "both"

        def run(self, batch: Mapping[str, IntArray]) -> Trace:
            trace = Mutated(graph, "conv", flip_at((0, 0, 0))).run(batch)
            trace["fc"] = trace["fc"] + 1
            return trace

    report = compare(graph, Oracle(graph), Both(), marked, batch=4)
    assert report.first is not None
    assert (report.first.layer, report.first.image) == ("conv", 10)
    assert report.culprits == ("conv", "fc")


def test_report_is_json(graph: Graph, inputs: dict[str, IntArray]) -> None:
    report = compare(graph, Oracle(graph), Mutated(graph, "y", with_op(rounding=Rounding.FLOOR)), inputs)
    data = json.loads(json.dumps(report.to_json()))
    assert data["differences"] == report.differences > 0
    assert data["compared"] == report.compared
    assert data["layers"][1] == {"name": "conv", "op": "Conv", "compared": 11 * graph.types["conv"].size,
                                 "differences": 0}
    assert data["first"]["layer"] == "y"
    assert data["first"]["cause"]["hypothesis"] == "rounding mode"


def test_a_missing_tensor_is_a_diagnostic(graph: Graph, inputs: dict[str, IntArray]) -> None:
    only: Executor = FastExecutor(graph, keep="outputs")
    with pytest.raises(BadInput) as caught:
        compare(graph, Oracle(graph), only, inputs)
    assert {d.code for d in caught.value.diagnostics} == {"BT4301"}
    assert len(caught.value.diagnostics) == len(graph.nodes) - 1


def test_a_batch_below_one_is_a_diagnostic(graph: Graph, inputs: dict[str, IntArray]) -> None:
    with pytest.raises(BadInput, match="BT4303"):
        compare(graph, Oracle(graph), Oracle(graph), inputs, batch=0)
