"""Check, plan, options, emission: what is refused, what is derived, what is written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from systolic_support import WIDE, LayerSpec, emitted, layer_specs, layers_graph, linear_graph, small_network

from bittrue.engine.oracle import Oracle
from bittrue.errors import BadInput, Unsupported
from bittrue.ir import GraphBuilder
from bittrue.ir.ops import Conv
from bittrue.targets.systolic import TARGET
from bittrue.targets.systolic.reference import LayerReference


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_default_widths_are_what_the_graph_needs() -> None:
    geometry = TARGET.plan(small_network()[0]).geometry
    assert (geometry.rows, geometry.cols, geometry.act_bits, geometry.weight_bits) == (8, 8, 4, 4)
    assert (geometry.psum_bits, geometry.acc_bits, geometry.out_bits, geometry.addr_bits) == (16, 32, 16, 11)


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
@given(layer_specs())
def test_proven_widths_hold_every_psum_and_accumulator(spec: LayerSpec) -> None:
    graph, inputs = layers_graph([spec], samples=1)
    plan = TARGET.plan(graph, {"rows": 3, "cols": 4})
    needs = TARGET.check(graph, {"rows": 3, "cols": 4}).needs
    reference = LayerReference.of(plan.layers[0], plan.geometry, graph, Oracle(graph).run(inputs))
    for oc, tiles in enumerate(plan.layers[0].tiles):
        psums = [reference.psums(0, oc, ic) for ic in tiles]
        accumulators = reference.partial_accumulators(0, oc, psums)
        for values, name in ((np.stack(psums), "psum_bits"), (accumulators, "acc_bits")):
            limit = 1 << (int(needs[name]) - 1)
            assert -limit <= values.min() <= values.max() < limit


def test_addresses_are_wider_than_11_bits_when_needed(tmp_path: Path) -> None:
    builder = GraphBuilder("large")
    x = builder.input("x", (1, 15, 20), "u1")
    graph = builder.build(builder.add("conv", Conv(), x, builder.constant("w", np.ones((1, 1, 3, 3)), "i2")))
    assert TARGET.plan(graph).geometry.addr_bits == 12
    project = emitted(graph, {"x": np.ones((1, 1, 15, 20), np.int64)}, tmp_path / "p")
    assert len((project / "layers/00_conv/acc.txt").read_text().splitlines()[-1]) == 12


def test_cycles_follow_the_formula() -> None:
    plan = TARGET.plan(small_network()[0], {"rows": 3, "cols": 2})
    conv, head = plan.layers
    # padded 6 x 5, kernel 2 x 3, stride 1 x 2: 5 x 2 outputs; 1 input tile, 3 output tiles
    assert conv.tile_cycles == 6 * (2 * 2 + 3 + 30) + 10 * 6 + 5
    assert conv.cycles == 3 * conv.tile_cycles
    assert conv.utilization == pytest.approx(5 * 10 * 3 * 6 / (3 * 2 * conv.cycles), rel=1e-12)
    assert head.tile_cycles == 1 * (2 * 2 + 3 + 10) + 10 + 5
    assert head.cycles == 4 * head.tile_cycles


def test_groups_connect_only_their_tiles() -> None:
    builder = GraphBuilder("groups")
    x = builder.input("x", (12, 3, 2), "u4")
    graph = builder.build(builder.add("conv", Conv(groups=3), x, builder.constant("w", np.ones((6, 4, 1, 1)), "i4")))
    # inputs 0..3, 4..7, 8..11 feed outputs 0..1, 2..3, 4..5; tiles of 5 inputs and 3 outputs
    assert TARGET.plan(graph, {"rows": 5, "cols": 3}).layers[0].tiles == ((0, 1), (0, 1, 2))
    assert TARGET.plan(graph, {"rows": 4, "cols": 2}).layers[0].tiles == ((0,), (1,), (2,))


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


def test_a_graph_without_layers_is_refused() -> None:
    builder = GraphBuilder("nothing")
    graph = builder.build(builder.input("x", (2,), "u4"))
    assert [p.code for p in TARGET.check(graph).problems] == ["BT5101"]


@pytest.mark.parametrize(("options", "count"), [
    ({"rows": 0}, 1), ({"rows": "eight", "cols": 257}, 2), ({"colour": 3, "act_bits": -1}, 2), ({"header": 2}, 1),
    ({"weight_name": "w{ic}{oc}.txt"}, 1), ({"psum_name": "../p{ic}_{oc}.txt"}, 1), ({"acc_name": "a b.txt"}, 1),
    ({"out_name": "x_{oc}.txt", "stage_name": "x_{oc}.txt"}, 1), ({"rows": 8.5}, 1), ({"rows": None}, 1),
])
def test_wrong_options_are_all_named(options: dict[str, object], count: int) -> None:
    with pytest.raises(BadInput, match="BT5003") as caught:
        TARGET.plan(small_network()[0], options)
    assert len(caught.value.diagnostics) == count


def test_options_may_be_texts() -> None:
    assert TARGET.plan(small_network()[0], {"rows": "3"}).geometry.rows == 3
    assert {option.name for option in TARGET.options} >= {"rows", "cols", "psum_bits", "weight_name"}


def test_names_and_comments_are_free(tmp_path: Path) -> None:
    graph, inputs = small_network()
    project = emitted(graph, inputs, tmp_path / "p", header=0, activation_name="a{ic}.mem", acc_name="map.mem",
                      weight_name="w_{kij}_{oc}_{ic}.mem", **WIDE)
    assert (project / "layers/00_conv/image1/a0.mem").is_file()
    assert b"#" not in (project / "layers/00_conv/map.mem").read_bytes()
    assert (project / "layers/01_head/w_0_0_0.mem").is_file()
    report = TARGET.verify(project, graph=graph)
    assert report.differences == 0
    options = json.loads((project / "plan.json").read_bytes())["options"]
    assert TARGET.plan(graph, options).options.names.acc == "map.mem"


def test_names_that_collide_are_refused_and_nothing_is_left(tmp_path: Path) -> None:
    graph, inputs = small_network()
    with pytest.raises(BadInput, match="two files of the project have this name"):
        emitted(graph, inputs, tmp_path / "p", rows=1, cols=1, psum_name="x{ic}{oc}.txt", out_name="x0{oc}.txt")
    assert list(tmp_path.iterdir()) == []


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
