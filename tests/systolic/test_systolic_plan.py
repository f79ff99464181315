"""Check, plan, options, emission: what is refused, what is derived, what is written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from systolic_support import LayerSpec, emitted, host_graph, layer_specs, layers_graph, linear_graph, small_network

from bittrue.engine.oracle import Oracle
from bittrue.errors import BadInput, Unsupported
from bittrue.ir import Graph, GraphBuilder, IntArray, IntType
from bittrue.ir.ops import Concat, Conv, Flatten, Linear, Requant
from bittrue.targets.systolic import TARGET
from bittrue.targets.systolic.images import WordFormat
from bittrue.targets.systolic.limits import memory_problems
from bittrue.targets.systolic.reference import LayerReference


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_default_widths_are_what_the_graph_needs() -> None:
    geometry = TARGET.plan(small_network()[0]).geometry
    assert (geometry.rows, geometry.cols, geometry.act_bits, geometry.weight_bits) == (8, 8, 4, 4)
    assert (geometry.psum_bits, geometry.acc_bits, geometry.out_bits) == (16, 32, 16)


def test_psum_width_grows_when_16_bits_are_not_proven() -> None:
    """Eight products of 255 and -128 are -261,120: 19 bits."""
    builder = GraphBuilder("wide")
    x = builder.input("x", (8, 2, 3), "u8")
    graph = builder.build(builder.add("conv", Conv(), x, builder.constant("w", np.full((1, 8, 1, 1), -128), "i8")))
    assert TARGET.plan(graph).geometry.psum_bits == 19
    assert TARGET.plan(graph, {"psum_bits": 19}).geometry.psum_bits == 19
    with pytest.raises(Unsupported, match="psum_bits is 18"):
        TARGET.plan(graph, {"psum_bits": 18})
    assert TARGET.plan(graph, {"rows": 1}).geometry.psum_bits == 16


@settings(deadline=None, max_examples=40)
@given(layer_specs(), st.sampled_from(["overlapped", "plain"]), st.integers(0, 1))
def test_proven_widths_hold_every_psum_and_accumulator(spec: LayerSpec, schedule: str, subword: int) -> None:
    graph, inputs = layers_graph([spec], samples=1)
    options = {"rows": 3, "cols": 4, "schedule": schedule, "subword": subword}
    layer, needs = TARGET.plan(graph, options).layers[0], TARGET.check(graph, options).needs
    reference = LayerReference.of(layer, 4, schedule == "plain", graph, Oracle(graph).run(inputs), 0)
    psums = list(reference.psums())
    for values, name in ((np.concatenate(psums), "psum_bits"), (reference.accumulators(psums), "acc_bits")):
        limit = 1 << (int(needs[name]) - 1)
        assert -limit <= values.min() <= values.max() < limit


def test_needs_are_those_of_the_form_that_runs() -> None:
    """Five taps of a single channel run as five channels: up to three products of -1 in one partial sum."""
    builder = GraphBuilder("unfolded")
    x = builder.input("x", (1, 5), "u1")
    weights = builder.constant("w", np.array([[[0, -1, -1, -1, 0]]]), "i1")
    graph = builder.build(builder.add("conv", Conv((1,), (0, 0), (1,)), x, weights))
    options = {"rows": 3, "cols": 4}
    assert TARGET.plan(graph, options).layers[0].lowered.layer.in_shape == (5, 1, 1)
    assert TARGET.check(graph, options).needs["psum_bits"] == "2"


def test_cycles_of_the_plain_schedule_follow_the_formula() -> None:
    conv, head = TARGET.plan(small_network()[0], {"rows": 3, "cols": 2, "schedule": "plain"}).layers
    # padded 6 x 5, kernel 2 x 3, stride 1 x 2: 5 x 2 outputs; 1 input tile, 3 output tiles
    assert conv.cycles.total == 2 + 3 * (6 * (2 + 30 + 3 + 2) + 10 * 6) + 4
    assert conv.utilization == pytest.approx(5 * 10 * 3 * 6 / (3 * 2 * conv.cycles.total), rel=1e-12)
    assert head.cycles.total == 2 + 4 * (1 * (2 + 10 + 3 + 2) + 10) + 4


def test_cycles_of_the_overlapped_schedule_follow_the_formula() -> None:
    """Weights of the first pass, then every output position of every pass; the head begins while `conv` drains."""
    conv, head = TARGET.plan(small_network()[0], {"rows": 3, "cols": 2, "load_lanes": 1, "unfold": 0}).layers
    assert conv.cycles.total == 2 + 2 + 3 * 6 * 10 + conv.cycles.drain
    assert conv.cycles.drain < 3 + 2 + 3
    assert head.cycles.total == 2 + 2 + 4 * 10 + (3 + 2 + 3)
    assert conv.cycles.stalls() == {"start": 2, "weights": 2, "gather": 0, "array": 0, "drain": conv.cycles.drain}


def test_weights_that_take_longer_than_a_pass_are_stalls() -> None:
    graph = one_conv((8, 2, 2), np.ones((8, 8, 1, 1)))
    stalls = {lanes: TARGET.plan(graph, {"load_lanes": lanes}).layers[0].cycles.weights for lanes in (1, 2, 4, 8)}
    assert stalls == {1: 8, 2: 4, 4: 2, 8: 1}
    graph = one_conv((16, 2, 2), np.ones((8, 16, 1, 1)))  # two passes of four positions
    stalls = {lanes: TARGET.plan(graph, {"load_lanes": lanes}).layers[0].cycles.weights for lanes in (1, 2, 4, 8)}
    assert stalls == {1: 8 + 4, 2: 4, 4: 2, 8: 1}


def one_conv(shape: tuple[int, int, int], weights: IntArray, groups: int = 1) -> Graph:
    builder = GraphBuilder("one")
    x = builder.input("x", shape, "u4")
    return builder.build(builder.add("conv", Conv(groups=groups), x, builder.constant("w", weights, "i4")))


def inputs_of(graph: Graph, **options: int) -> list[list[range]]:
    layer = TARGET.plan(graph, options).layers[0]
    return [list(tile.inputs(layer.lowered.layer.in_shape[0])) for tile in layer.tiles]


def test_groups_connect_only_their_channels() -> None:
    """Inputs 0..3, 4..7, 8..11 feed outputs 0..1, 2..3, 4..5; tiles may begin at any channel."""
    graph = one_conv((12, 3, 2), np.ones((6, 4, 1, 1)), groups=3)
    assert inputs_of(graph, rows=5, cols=3) == [[range(5), range(5, 8)], [range(4, 9), range(9, 12)]]
    assert inputs_of(graph, rows=4, cols=2) == [[range(4)], [range(4, 8)], [range(8, 12)]]


def test_subword_mode_halves_the_input_tiles() -> None:
    graph = one_conv((32, 3, 2), np.ones((8, 32, 3, 1)))
    full, split = (TARGET.plan(graph, {"subword": mode, "act_bits": 8, "unfold": 0}).layers[0] for mode in (0, 1))
    assert (full.work.passes, split.work.passes) == (4 * 3, 2 * 3)
    assert (full.multipliers, split.multipliers) == (64, 128)
    assert not TARGET.plan(graph, {"subword": 1, "act_bits": 6}).layers[0].subword  # 3 bits do not hold a u4


def test_images_from_outside_are_unfolded_where_that_saves_cycles() -> None:
    """Three channels fill three of eight rows; 27 channels at one kernel position fill four tiles."""
    graph = one_conv((3, 9, 7), np.ones((8, 3, 3, 3)))
    folded, unfolded = (TARGET.plan(graph, {"unfold": mode}).layers[0] for mode in (0, 1))
    assert (folded.work.passes, unfolded.work.passes) == (9, 4)
    assert TARGET.plan(graph).layers[0].work.passes == 4
    assert TARGET.plan(graph, {"schedule": "plain"}).layers[0].work.passes == 9
    assert TARGET.plan(one_conv((8, 9, 7), np.ones((8, 8, 3, 3)))).layers[0].work.passes == 9


def test_a_linear_layer_on_an_image_needs_no_flattening() -> None:
    builder = GraphBuilder("flat")
    x = builder.add("flat", Flatten(), builder.input("x", (5, 2, 3), "u4"))
    graph = builder.build(builder.add("fc", Linear(), x, builder.constant("w", np.ones((4, 30)), "i4")))
    plan = TARGET.plan(graph)
    assert plan.host == ()
    assert plan.layers[0].lowered.layer.window.kernel == (2, 3)
    assert plan.layers[0].work.passes == 6


def test_concatenated_channels_lie_in_one_buffer() -> None:
    builder = GraphBuilder("cat")
    x = builder.input("x", (3, 4, 5), "u4")
    unit = [builder.constant(name, [1], "i2") for name in "mos"]
    parts = [builder.add(f"q{n}", Requant(IntType(4, False), 0, 15), builder.add(
        f"c{n}", Conv(), x, builder.constant(f"w{n}", np.ones((n, 3, 1, 1)), "i4")), *unit) for n in (5, 6)]
    cat = builder.add("cat", Concat(), *parts)
    graph = builder.build(builder.add("c", Conv(), cat, builder.constant("w", np.ones((2, 11, 1, 1)), "i4")))
    plan = TARGET.plan(graph, {"rows": 4, "cols": 4})
    first, second, last = plan.layers
    assert plan.host == ()
    assert first.store is not None
    assert second.store is not None
    assert last.sources[0] == first.store
    assert (second.store.addr - first.store.addr, second.store.lane) == (20, 1)  # channel 5 of 4 lanes


def test_memory_is_used_again_when_a_tensor_is_no_longer_needed() -> None:
    """A chain of ten equal layers needs two buffers, whatever its length."""
    builder = GraphBuilder("chain")
    x = builder.input("x", (8, 6, 5), "u4")
    unit = [builder.constant(name, [1], "i2") for name in "mos"]
    w = builder.constant("w", np.ones((8, 8, 3, 3)), "i4")
    for i in range(10):
        x = builder.add(f"q{i}", Requant(IntType(4, False), 0, 15), builder.add(
            f"c{i}", Conv(pads=(1, 1, 1, 1)), x, w), *unit)
    layers = TARGET.plan(builder.build(x), {"unfold": 0}).layers
    assert {place.addr for layer in layers for place in layer.sources} == {0, 30}


def test_everything_that_does_not_fit_is_reported_at_once() -> None:
    graph, _ = small_network()
    options = {"act_bits": 3, "weight_bits": 2, "psum_bits": 5, "acc_bits": 7, "out_bits": 3}
    report = TARGET.check(graph, options)
    assert not report.fits
    assert [(p.code, p.where) for p in report.problems if p.where == "layer conv"] == [
        (code, "layer conv") for code in ("BT5102", "BT5103", "BT5104", "BT5105", "BT5106")]
    assert {p.where for p in report.problems} == {"layer conv", "layer head"}
    assert all("=" in p.fix for p in report.problems)
    with pytest.raises(Unsupported) as caught:
        TARGET.plan(graph, options)
    assert caught.value.diagnostics == report.problems
    assert TARGET.check(graph).fits
    assert TARGET.check(graph).layers == ("conv", "head")


def test_values_wider_than_the_hardware_can_be() -> None:
    builder = GraphBuilder("wide")
    x = builder.input("x", (2, 3, 3), "i20")
    graph = builder.build(builder.add("conv", Conv(), x, builder.constant("w", [[[[3]], [[1]]]], "i4")))
    assert [p.code for p in TARGET.check(graph).problems] == ["BT5103"]


def test_memories_end_where_addresses_do() -> None:
    assert memory_problems({"weights": 1 << 24}) == ()
    problem, = memory_problems({"weights": (1 << 24) + 1, "activations": 3})
    assert (problem.code, problem.where) == ("BT5107", "memory of weights")


def test_a_graph_without_layers_is_refused() -> None:
    builder = GraphBuilder("nothing")
    graph = builder.build(builder.input("x", (2,), "u4"))
    assert [p.code for p in TARGET.check(graph).problems] == ["BT5101"]


@pytest.mark.parametrize(("options", "count"), [
    ({"rows": 0}, 1), ({"rows": "eight", "cols": 257}, 2), ({"colour": 3, "act_bits": -1}, 2), ({"subword": 2}, 1),
    ({"schedule": "best"}, 1), ({"dataflow": "output_stationary", "schedule": 3}, 2), ({"rows": 8.5}, 1),
    ({"rows": None}, 1), ({"subword": 1, "act_bits": 3}, 1), ({"load_lanes": 9}, 1),
])
def test_wrong_options_are_all_named(options: dict[str, object], count: int) -> None:
    with pytest.raises(BadInput, match="BT5003") as caught:
        TARGET.plan(small_network()[0], options)
    assert len(caught.value.diagnostics) == count


def test_options_may_be_texts() -> None:
    assert TARGET.plan(small_network()[0], {"rows": "3"}).geometry.rows == 3
    assert {option.name for option in TARGET.options} >= {"rows", "cols", "psum_bits", "schedule", "subword"}


def test_options_are_kept_in_the_plan(tmp_path: Path) -> None:
    graph, inputs = small_network()
    project = emitted(graph, inputs, tmp_path / "p", schedule="plain", load_lanes=2, subword=1)
    options = json.loads((project / "plan.json").read_bytes())["options"]
    plan = TARGET.plan(graph, options)
    assert (plan.options.schedule, plan.options.load_lanes, plan.options.subword) == ("plain", 2, 1)
    assert plan.to_json()["options"] == options


def test_memory_images_of_a_tiny_layer(tmp_path: Path) -> None:
    """Two input and three output channels on a 2x2 array: every word of the images, worked out by hand."""
    builder = GraphBuilder("tiny")
    x = builder.input("x", (2, 1, 3), "u4")
    weights = builder.constant("w", np.array([[1, -2], [3, 4], [-5, 6]]).reshape(3, 2, 1, 1), "i4")
    graph = builder.build(builder.add("conv", Conv(), x, weights, builder.constant("b", [7, -1, 0], "i8")))
    inputs = {"x": np.array([1, 2, 3, 10, 11, 12]).reshape(1, 2, 1, 3)}
    project = emitted(graph, inputs, tmp_path / "p", rows=2, cols=2, load_lanes=1, scaled_bits=63)
    images = {path.name: path.read_text().splitlines()[1:] for path in project.rglob("*.hex")}
    # Two output tiles, each with one segment: 1 step from lane 0 of address 0; the last digit of `last` is 1.
    assert images["segments.hex"] == ["1" "0001" "0000" "000000"] * 2
    # One line per column, row 1 first: (-2, 1), (4, 3), then (6, -5) and a column without a channel.
    assert images["weights.hex"] == ["e1", "43", "6b", "00"]
    # Address, lane 0, two lanes, then lane 1 and lane 0.
    assert images["load0.hex"] == ["000000" "0000" "0002" "a1", "000001" "0000" "0002" "b2",
                                   "000002" "0000" "0002" "c3"]
    # Column 1 first: bias, multiplier 1, offset 0, shift 0 (63 + 6 bits: the multiplier ends up shifted left by 5).
    bits = [f"{int(line, 16):0266b}" for line in images["channels.hex"]]
    words = [[line[:133], line[133:]] for line in bits]
    assert [[int(word[:32], 2) for word in line] for line in words] == [[2**32 - 1, 7], [0, 0]]
    assert [[int(word[32:64], 2) for word in line] for line in words] == [[1, 1], [0, 1]]
    assert len(images["program.hex"]) == 1
    assert images["program.hex"][0].startswith("1" "1" "0" "0" "0" "0" "0" "0" "0007" "000002" "0001" "0003")


def test_a_value_that_does_not_fit_its_field_is_refused() -> None:
    word = WordFormat((("a", 4), ("b", 8)))
    assert word.lines({"a": np.array([-1]), "b": np.array([255])}, "x.hex") == b"fff\n"
    with pytest.raises(BadInput, match=r"BT5119.*field a.*16 does not fit 4 bits"):
        word.lines({"a": np.array([16]), "b": np.array([0])}, "x.hex")
    with pytest.raises(BadInput, match=r"BT5119.*-9 does not fit"):
        word.lines({"a": np.array([-9]), "b": np.array([0])}, "x.hex")


def test_emission_is_deterministic_and_replaces_a_project(tmp_path: Path) -> None:
    graph, inputs = small_network()
    first = content(emitted(graph, inputs, tmp_path / "a", with_model=True))
    other = linear_graph()
    emitted(*other, tmp_path / "b")
    assert content(emitted(graph, inputs, tmp_path / "b", with_model=True)) == first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
    assert json.loads(first["manifest.json"])["files"].keys() == first.keys() - {"manifest.json"}


def test_a_directory_that_is_no_project_is_left_alone(tmp_path: Path) -> None:
    graph, inputs = small_network()
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(BadInput, match="BT5004"):
        emitted(graph, inputs, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_wrong_inputs_leave_nothing_behind(tmp_path: Path) -> None:
    graph, inputs = small_network()
    for wrong, code in (({"x": inputs["x"] + 9}, "BT4003"), ({}, "BT4001"), ({"x": inputs["x"][:0]}, "BT5117")):
        with pytest.raises(BadInput, match=code):
            emitted(graph, wrong, tmp_path / "p")
    with pytest.raises(BadInput, match="BT5118"):
        TARGET.emit(graph, TARGET.plan(graph), inputs, tmp_path / "p", {"../model.onnx": b""})
    assert list(tmp_path.iterdir()) == []


def test_what_the_output_stages_cannot_do_runs_on_the_host() -> None:
    graph = host_graph()
    plan = TARGET.plan(graph)
    assert [layer.lowered.layer.name for layer in plan.layers] == ["acc", "last"]
    assert plan.layers[0].lowered.layer.requant is None
    assert plan.host == ("q", "mean", "part0", "part1", "or", "xor")
    assert TARGET.check(graph).problems == ()
