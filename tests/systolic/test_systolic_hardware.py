"""Real RTL against the oracle: random layers, several array sizes, every psum, accumulator, output and cycle."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from systolic_support import WIDE, LayerSpec, emitted, layer_specs, layers_graph, linear_graph, small_network

from bittrue.engine.oracle import Oracle
from bittrue.ir import GraphBuilder, IntType, Rounding
from bittrue.ir.ops import Conv, Linear, Requant
from bittrue.targets.systolic import TARGET

QUIET = settings(deadline=None, max_examples=15, suppress_health_check=list(HealthCheck))


def assert_exact(specs: list[LayerSpec], **options: int) -> None:
    graph, inputs = layers_graph(specs)
    with tempfile.TemporaryDirectory() as folder:
        project = emitted(graph, inputs, Path(folder) / "p", **WIDE, **options)
        report = TARGET.verify(project, ("simulation",), graph)
    assert report.problems == ()
    assert report.differences == 0
    for layer, entry in zip(report.layers, TARGET.plan(graph, WIDE | options).layers, strict=True):
        tiles = sum(map(len, entry.tiles))
        assert layer.cycles == entry.cycles
        assert layer.compared["psum"] == 2 * tiles * entry.layer.n_kij * entry.layer.n_nij * options["cols"]
        assert layer.compared["acc"] == 2 * tiles * entry.layer.n_out * options["cols"]
        assert layer.compared.get("out", 0) == (2 * len(entry.tiles) * entry.layer.n_out * options["cols"]
                                                if entry.layer.requant else 0)


@QUIET
@given(st.lists(layer_specs(), min_size=1, max_size=6))
def test_random_layers_on_4x4(specs: list[LayerSpec]) -> None:
    assert_exact(specs, rows=4, cols=4)


@QUIET
@given(st.lists(layer_specs(), min_size=1, max_size=6))
def test_random_layers_on_8x8(specs: list[LayerSpec]) -> None:
    assert_exact(specs, rows=8, cols=8)


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "cols"), [(8, 16), (16, 8), (3, 5)])
@settings(deadline=None, max_examples=20, suppress_health_check=list(HealthCheck))
@given(specs=st.lists(layer_specs(), min_size=1, max_size=6))
def test_random_layers_on_other_arrays(rows: int, cols: int, specs: list[LayerSpec]) -> None:
    assert_exact(specs, rows=rows, cols=cols)


def spec(act: str, weight: str, rounding: Rounding, slope: tuple[int, int], seed: int) -> LayerSpec:
    return LayerSpec((11, 9), (6, 5), (3, 3), (1, 2), (1, 0, 1, 2), (1, 1), 1, IntType.parse(act),
                     IntType.parse(weight), True, rounding, slope, IntType(4, True), True, seed)


def test_all_widths_and_roundings() -> None:
    """w1..w8 with a1..a8, signed and unsigned, all roundings, identity, ReLU and leaky slopes, in one project."""
    roundings, slopes = list(Rounding), [(1, 0), (0, 0), (13, 8)]
    specs = [spec(f"{'iu'[(a + w) % 2]}{a}", f"i{w}", roundings[(a + w // 2) % 4], slopes[(a + w) % 3], 8 * a + w)
             for a in range(1, 9) for w in range(1, 9)]
    assert_exact(specs, rows=8, cols=8)


@pytest.mark.parametrize("rows", [(), (4,), (2, 3)])
def test_linear_layers(tmp_path: Path, rows: tuple[int, ...]) -> None:
    graph, inputs = linear_graph(rows)
    project = emitted(graph, inputs, tmp_path / "p", **WIDE)
    assert TARGET.verify(project, graph=graph).differences == 0
    trace, oracle = TARGET.simulate(project, graph), Oracle(graph).run(inputs)
    assert set(trace) == {"fc", "q"}
    for name, values in trace.items():
        np.testing.assert_array_equal(values, oracle[name])


@pytest.mark.parametrize(("rows", "cols"), [(1, 1), (2, 1), (1, 3)])
def test_arrays_of_one_row_or_column(tmp_path: Path, rows: int, cols: int) -> None:
    graph, inputs = small_network()
    project = emitted(graph, inputs, tmp_path / "p", rows=rows, cols=cols)
    assert TARGET.verify(project, graph=graph).differences == 0


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


def test_simulate_gives_the_tensors_of_the_oracle(tmp_path: Path) -> None:
    graph, inputs = small_network()
    trace = TARGET.simulate(emitted(graph, inputs, tmp_path / "p", **WIDE), graph)
    oracle = Oracle(graph).run(inputs)
    assert set(trace) == {"conv", "act", "head"}
    for name, values in trace.items():
        assert values.shape == oracle[name].shape
        np.testing.assert_array_equal(values, oracle[name])


def test_depthwise_runs_only_the_diagonal_tiles(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    builder = GraphBuilder("depthwise")
    x = builder.input("x", (20, 4, 7), "u8")
    graph = builder.build(builder.add("dw", Conv((1, 1), (1, 1, 1, 1), groups=20), x,
                                      builder.constant("w", rng.integers(-128, 128, (20, 1, 3, 3)), "i8")))
    plan = TARGET.plan(graph, WIDE)
    assert plan.layers[0].tiles == ((0,), (1,), (2,))
    project = emitted(graph, {"x": rng.integers(0, 256, (1, 20, 4, 7))}, tmp_path / "p", **WIDE)
    assert TARGET.verify(project, graph=graph).differences == 0


def test_nodes_between_the_layers_run_on_the_oracle(tmp_path: Path) -> None:
    """A Requant that does not go channel by channel, or has no layer before it, is not the array's."""
    rng = np.random.default_rng(0)
    builder = GraphBuilder("between")
    x = builder.input("x", (6, 4), "u8")
    scalars = [builder.constant(name, [value], "i8") for name, value in (("m", 3), ("o", 1), ("s", 4))]
    pre = builder.add("pre", Requant(IntType(5, False), 0, 31), x, *scalars)
    fc = builder.add("fc", Linear(), pre, builder.constant("w", rng.integers(-8, 8, (5, 4)), "i4"))
    rows = [builder.constant(f"{name}6", rng.integers(1, 5, 6), "i8") for name in "mos"]
    odd = builder.add("odd", Requant(IntType(8, True), -128, 127, axis=0), fc, *rows)
    graph = builder.build(odd)
    plan = TARGET.plan(graph, WIDE)
    assert plan.host == ("pre", "odd")
    assert plan.layers[0].layer.requant is None
    report = TARGET.verify(emitted(graph, {"x": rng.integers(0, 256, (2, 6, 4))}, tmp_path / "p", **WIDE), graph=graph)
    assert report.host == ("pre", "odd")
    assert report.differences == 0


@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(accumulators=st.lists(st.integers(-(2**15), 2**15), min_size=8, max_size=8),
       multiplier=st.integers(-(2**31), 2**31 - 1), offset=st.integers(-(2**59), 2**59), shift=st.integers(0, 49),
       rounding=st.sampled_from(Rounding), slope=st.tuples(st.integers(0, 2**12), st.integers(0, 12)),
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
    with tempfile.TemporaryDirectory() as folder:
        project = emitted(graph, {"x": np.zeros((1, 1, 1), np.int64)}, Path(folder) / "p", rows=4, cols=4, **WIDE)
        report = TARGET.verify(project, ("simulation",), graph)
    assert report.differences == 0, report.first
    assert report.layers[0].compared["out"] == 8
