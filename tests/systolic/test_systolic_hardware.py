"""Real RTL against the oracle: random layers and networks, several arrays, both schedules, every psum, accumulator,
output and counter."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from strategies import batch
from systolic_support import (
    WIDE,
    LayerSpec,
    emitted,
    host_graph,
    layer_specs,
    layers_graph,
    linear_graph,
    networks,
    small_network,
)

from bittrue.engine.oracle import Oracle
from bittrue.ir import Graph, GraphBuilder, IntArray, IntType, Rounding
from bittrue.ir.ops import Conv, Linear, Requant
from bittrue.targets.base import VerifyReport
from bittrue.targets.systolic import TARGET
from bittrue.targets.systolic.layers import ROUNDINGS

QUIET = settings(deadline=None, max_examples=15, suppress_health_check=list(HealthCheck))

CONFIGURATIONS: dict[str, dict[str, int | str]] = {
    "8x8": {"rows": 8, "cols": 8}, "8x8 plain": {"rows": 8, "cols": 8, "schedule": "plain"},
    "4x4 subword": {"rows": 4, "cols": 4, "subword": 1},
    "3x5, all weights at once": {"rows": 3, "cols": 5, "load_lanes": 5},
    "8x16 plain subword": {"rows": 8, "cols": 16, "schedule": "plain", "subword": 1},
    "5x2 unfolded": {"rows": 5, "cols": 2, "subword": 1, "unfold": 1},
}


def verified(graph: Graph, inputs: Mapping[str, IntArray], **options: int | str) -> VerifyReport:
    """What the hardware check finds."""
    with tempfile.TemporaryDirectory() as folder:
        project = emitted(graph, dict(inputs), Path(folder) / "p", **options)
        return TARGET.verify(project, ("simulation",), graph)


def assert_exact(graph: Graph, inputs: Mapping[str, IntArray], **options: int | str) -> None:
    report = verified(graph, inputs, **options)
    assert report.problems == ()
    assert report.differences == 0
    images = len(next(iter(inputs.values())))
    for layer, entry in zip(report.layers, TARGET.plan(graph, options).layers, strict=True):
        shape = entry.lowered.layer
        assert layer.cycles == entry.cycles.total
        assert layer.compared["psum"] == images * entry.traffic.psums * int(options["cols"])
        assert layer.compared["acc"] == images * shape.out_shape[0] * shape.n_out
        assert layer.compared.get("out", 0) == (layer.compared["acc"] if shape.requant else 0)


@pytest.mark.parametrize("name", CONFIGURATIONS)
@QUIET
@given(specs=st.lists(layer_specs(), min_size=1, max_size=6))
def test_random_layers(name: str, specs: list[LayerSpec]) -> None:
    assert_exact(*layers_graph(specs), **WIDE, **CONFIGURATIONS[name])


@pytest.mark.parametrize("name", CONFIGURATIONS)
@QUIET
@given(graph=networks(), seed=st.integers(0, 2**32 - 1))
def test_random_networks(name: str, graph: Graph, seed: int) -> None:
    """Layers that hand their results on in the array's memories; three samples, two of them extreme."""
    assert_exact(graph, batch(graph, seed), **WIDE | {"psum_bits": 32}, **CONFIGURATIONS[name])


def spec(act: str, weight: str, rounding: Rounding, slope: tuple[int, int], seed: int) -> LayerSpec:
    return LayerSpec((11, 9), (6, 5), (3, 3), (1, 2), (1, 0, 1, 2), (1, 1), 1, IntType.parse(act),
                     IntType.parse(weight), True, rounding, slope, IntType(4, True), True, seed)


@pytest.mark.parametrize("schedule", ["overlapped", "plain"])
def test_all_widths_and_roundings(schedule: str) -> None:
    """w1..w8 with a1..a8, signed and unsigned, all roundings, identity, ReLU and leaky slopes, in one project."""
    roundings, slopes = list(ROUNDINGS), [(1, 0), (0, 0), (13, 8)]
    specs = [spec(f"{'iu'[(a + w) % 2]}{a}", f"i{w}", roundings[(a + w // 2) % 4], slopes[(a + w) % 3], 8 * a + w)
             for a in range(1, 9) for w in range(1, 9)]
    assert_exact(*layers_graph(specs), **WIDE, rows=8, cols=8, schedule=schedule, subword=1)


@pytest.mark.parametrize("rows", [(), (4,), (2, 3)])
def test_linear_layers(tmp_path: Path, rows: tuple[int, ...]) -> None:
    graph, inputs = linear_graph(rows)
    project = emitted(graph, inputs, tmp_path / "p", **WIDE)
    assert TARGET.verify(project, graph=graph).differences == 0
    trace, oracle = TARGET.simulate(project, graph), Oracle(graph).run(inputs)
    assert set(trace) == {"fc", "q"}
    for name, values in trace.items():
        np.testing.assert_array_equal(values, oracle[name])


@pytest.mark.parametrize("schedule", ["overlapped", "plain"])
@pytest.mark.parametrize(("rows", "cols"), [(1, 1), (2, 1), (1, 3)])
def test_arrays_of_one_row_or_column(rows: int, cols: int, schedule: str) -> None:
    assert_exact(*small_network(), rows=rows, cols=cols, schedule=schedule)


def test_operands_wider_than_eight_bits(tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    builder = GraphBuilder("wide")
    x = builder.input("x", (4, 3, 5), "u12")
    conv = builder.add("conv", Conv(), x, builder.constant("w", rng.integers(-2048, 2048, (3, 4, 3, 1)), "i12"))
    scales = [builder.constant(name, [value], "i30") for name, value in (("m", 300_000_001), ("o", -5), ("s", 33))]
    graph = builder.build(builder.add("q", Requant(IntType(20, True), -(1 << 19), (1 << 19) - 1), conv, *scales))
    project = emitted(graph, {"x": rng.integers(0, 4096, (2, 4, 3, 5))}, tmp_path / "p", rows=3, cols=2)
    geometry = TARGET.plan(graph, {"rows": 3, "cols": 2}).geometry
    assert (geometry.act_bits, geometry.weight_bits, geometry.out_bits) == (12, 12, 20)
    assert geometry.psum_bits > 20
    assert TARGET.verify(project, graph=graph).differences == 0
    assert np.unique(TARGET.simulate(project, graph)["q"]).size > 20


@pytest.mark.parametrize("schedule", ["overlapped", "plain"])
def test_simulate_gives_the_tensors_of_the_oracle(tmp_path: Path, schedule: str) -> None:
    graph, inputs = small_network()
    trace = TARGET.simulate(emitted(graph, inputs, tmp_path / "p", **WIDE, schedule=schedule), graph)
    oracle = Oracle(graph).run(inputs)
    assert set(trace) == {"conv", "act", "head"}
    for name, values in trace.items():
        assert values.shape == oracle[name].shape
        np.testing.assert_array_equal(values, oracle[name])


def test_depthwise_runs_only_the_diagonal_tiles() -> None:
    rng = np.random.default_rng(0)
    builder = GraphBuilder("depthwise")
    x = builder.input("x", (20, 4, 7), "u8")
    graph = builder.build(builder.add("dw", Conv((1, 1), (1, 1, 1, 1), groups=20), x,
                                      builder.constant("w", rng.integers(-128, 128, (20, 1, 3, 3)), "i8")))
    assert [tile.steps for tile in TARGET.plan(graph, WIDE).layers[0].tiles] == [1, 1, 1]
    assert_exact(graph, {"x": rng.integers(0, 256, (1, 20, 4, 7))}, **WIDE, rows=8, cols=8)


def test_nodes_between_the_layers_run_on_the_oracle() -> None:
    """A Requant of another axis than the channels is not the array's: the host computes it and loads what follows."""
    rng = np.random.default_rng(0)
    builder = GraphBuilder("between")
    x = builder.input("x", (6, 4), "u8")
    fc = builder.add("fc", Linear(), x, builder.constant("w", rng.integers(-8, 8, (5, 4)), "i4"))
    rows = [builder.constant(f"{name}6", rng.integers(1, 5, 6), "i8") for name in "mos"]
    odd = builder.add("odd", Requant(IntType(8, True), -128, 127, axis=0), fc, *rows)
    graph = builder.build(builder.add("fc2", Linear(), odd, builder.constant("w2", rng.integers(-8, 8, (3, 5)), "i4")))
    plan = TARGET.plan(graph, WIDE)
    assert plan.host == ("odd",)
    assert [[load.source.tensor for load in layer.loads] for layer in plan.layers] == [["x"], ["odd"]]
    report = verified(graph, {"x": rng.integers(0, 256, (2, 6, 4))}, **WIDE)
    assert (report.host, report.differences) == (("odd",), 0)


@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(accumulators=st.lists(st.integers(-(2**15), 2**15), min_size=8, max_size=8),
       multiplier=st.integers(-(2**31), 2**31 - 1), offset=st.integers(-(2**59), 2**59), shift=st.integers(0, 49),
       rounding=st.sampled_from(ROUNDINGS), slope=st.tuples(st.integers(0, 2**12), st.integers(0, 12)),
       out=st.sampled_from([IntType(16, True), IntType(16, False), IntType(1, False), IntType(3, True)]))
@example([-1, 1, -3, 3, -5, 5, 0, 7], 1, 0, 1, Rounding.HALF_EVEN, (1, 0), IntType(16, True))
@example([-1, 1, -3, 3, -5, 5, 0, 7], 1, 0, 1, Rounding.HALF_AWAY, (1, 0), IntType(16, True))
@example([-1, 1, -3, 3, -5, 5, 0, 7], 1, 0, 1, Rounding.HALF_UP, (1, 1), IntType(16, True))
def test_output_stage(accumulators: list[int], multiplier: int, offset: int, shift: int, rounding: Rounding,
                      slope: tuple[int, int], out: IntType) -> None:
    """Extreme multipliers, offsets, shifts and slopes; the accumulators are the biases of a layer of zero weights."""
    offset //= max(1, slope[0])
    builder = GraphBuilder("stage")
    acc = builder.add("acc", Conv((1,), (0, 0), (1,)), builder.input("x", (1, 1), "u1"),
                      builder.constant("w", np.zeros((8, 1, 1)), "i2"), builder.constant("b", accumulators, "i20"))
    constants = [builder.constant("m", [multiplier], "i32"), builder.constant("o", [offset], "i63"),
                 builder.constant("s", [shift], "u6")]
    graph = builder.build(builder.add("y", Requant(out, out.min, out.max, rounding, *slope), acc, *constants))
    report = verified(graph, {"x": np.zeros((1, 1, 1), np.int64)}, rows=4, cols=4, **WIDE)
    assert report.differences == 0, report.first
    assert report.layers[0].compared["out"] == 8


def test_what_the_output_stages_cannot_do() -> None:
    """Its sums leave the array; what the host makes of them comes back into it."""
    graph = host_graph()
    assert_exact(graph, batch(graph, 3), rows=4, cols=4, **WIDE)
