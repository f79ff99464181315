"""The commands for MAX7800x as a user types them: import, check, place; good runs and bad input."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from bittrue.cli import app
from bittrue.engine.oracle import Oracle
from bittrue.ir import IntType
from bittrue.ir.onnx import load, save
from bittrue.ir.ops import Requant
from bittrue.targets import planner
from bittrue.targets.max7800x.ai8x import import_ai8x, read_description, write_description
from bittrue.targets.max7800x.legalize import legalize

from .ai8x_files import GOOD, files
from .graphs import Net
from .project_nets import classifier
from .reference import run as reference

PAD = {"pads": (1, 1, 1, 1)}


def run(*words: str | Path) -> Result:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    return result


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A residual network with pooling and a linear layer."""
    n = Net(np.random.default_rng(0))
    a = n.requant(n.conv(n.input(3, 12, 10), 3, 8, **PAD))
    b = n.requant(n.conv(a, 8, 8, **PAD), 9, -128)
    c = n.requant(n.conv(n.max_pool(n.saturated_sum(a, b)), 8, 12, bits=4, **PAD), 8)
    graph = n.build(n.linear(n.flatten(n.max_pool(c)), 12 * 3 * 2, 5))
    save(graph, tmp_path / "net.onnx")
    return tmp_path / "net.onnx"


@pytest.mark.parametrize("chip", ["max78000", "max78002"])
def test_check_tells_what_the_chip_has_to_give(chip: str, model: Path) -> None:
    report = json.loads(run("check", model, "--target", chip, "--json").stdout)["targets"][0]
    assert report["fits"]
    assert report["host"] == []
    assert list(report["needs"]) == ["layers", "kernel memory", "data memory", "bias memory", "cycles"]


def test_place_writes_the_plan_the_description_and_pictures_and_the_plan_is_kept(model: Path, tmp_path: Path) -> None:
    told = json.loads(run("max7800x", "place", model, "-o", tmp_path / "out", "--json").stdout)
    assert told["files"] == ["data.svg", "kernels.svg", "network.yaml", "plan.json"]
    again = json.loads(run("max7800x", "place", model, "-O", f"plan={tmp_path}/out/plan.json", "--json").stdout)
    assert again["plan"] == told["plan"] == json.loads((tmp_path / "out" / "plan.json").read_text())
    for picture in ("data.svg", "kernels.svg"):
        assert ElementTree.fromstring((tmp_path / "out" / picture).read_text()).tag.endswith("svg")
    first = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    run("max7800x", "place", model, "-o", tmp_path / "out")
    assert first == {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}


def test_place_draws_memories_and_prints_a_line_per_layer(model: Path) -> None:
    result = run("max7800x", "place", model, "--map")
    layers = legalize(load(model), planner("max78000").device).network.layers  # type: ignore[attr-defined]
    for layer in layers:
        assert layer.name in result.output
        assert f"data memory while {layer.name} runs" in result.output
    assert "MAX78000 kernel memory" in result.output


@pytest.mark.parametrize(("option", "why"), [
    ("inputs=hwc", "no such option"), ("input=abc", "none of its values"), ("effort=fast", "no number"),
    ("effort=0", "no number"), ("streaming=2", "none of its values"),
])
def test_wrong_options_are_named(option: str, why: str, model: Path) -> None:
    result = run("check", model, "--target", "max78000", "-O", option)
    assert result.exit_code == 2
    assert "BT5003" in result.output
    assert why in " ".join(result.output.split())


def test_a_plan_that_is_not_there_or_none_is_named(model: Path, tmp_path: Path) -> None:
    assert run("check", model, "--target", "max78000", "-O", f"plan={tmp_path}/no.json").exit_code == 2
    (tmp_path / "no.json").write_text("no")
    result = run("check", model, "--target", "max78000", "-O", f"plan={tmp_path}/no.json")
    assert result.exit_code == 2
    assert "BT5399" in result.output


def test_a_model_that_does_not_fit_ends_with_exit_code_3(tmp_path: Path) -> None:
    n = Net(np.random.default_rng(0))
    save(n.build(n.requant(n.conv(n.input(3, 8, 8), 3, 4, (5, 5)))), tmp_path / "net.onnx")
    result = run("check", tmp_path / "net.onnx", "--target", "max78000")
    assert result.exit_code == 3
    assert "BT5382" in result.output
    assert run("max7800x", "place", tmp_path / "net.onnx").exit_code == 3


def test_a_project_is_compiled_verified_and_run(model: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    result = run("compile", model, "--target", "max78000", "-n", "2", "-o", project, "-O", "timer=0")
    assert result.exit_code == 0
    assert "2 samples" in result.output
    result = run("verify", project)
    assert result.exit_code == 0
    assert "*** PASS ***" in result.output
    assert "Inference time:" in result.output
    assert "0 differences" in result.output
    refused = run("run", project, "--data", "digits", "--target", "max78000")
    assert refused.exit_code == 2
    assert "BT6016" in refused.output
    assert run("run", project, "--data", "digits").exit_code == 2


def test_a_data_set_runs_through_the_chip(tmp_path: Path) -> None:
    save(classifier(), tmp_path / "net.onnx")
    words = ("run", tmp_path / "net.onnx", "--target", "max78000", "--data", "digits", "-n", "10", "-j", "2")
    told = json.loads(run(*words, "--json").stdout)
    assert (told["samples"], told["compared"], told["differences"]) == (10, 100, 0)
    result = run(*words, "--confusion")
    assert result.exit_code == 0
    assert "100 outputs compared with the graph's, 0 differences" in result.output


def test_an_ai8x_network_is_imported_checked_with_its_own_plan_and_computes_what_the_reference_does(
        tmp_path: Path) -> None:
    config, weights = files(tmp_path)
    sample = np.random.default_rng(5).integers(-128, 128, (2, 10, 6))
    np.save(tmp_path / "sample.npy", sample)
    out = tmp_path / "out"
    told = json.loads(run("import", "ai8x", "-c", config, "-k", weights, "--sample", tmp_path / "sample.npy", "-o", out,
                          "--json").stdout)
    assert told["files"] == ["model.onnx", "plan.json", "network.yaml", "sample.npy"]
    assert told["layers"] == ["stem", "left", "right", "sum", "head"]
    assert run("check", out / "model.onnx", "--target", "max78000", "-O", f"plan={out}/plan.json").exit_code == 0
    network = import_ai8x(config, weights, "MAX78000", tmp_path / "sample.npy").network
    graph = load(out / "model.onnx")
    scores = Oracle(graph).run({"input": np.load(out / "sample.npy")[np.newaxis]})[graph.outputs[0]]
    expected = reference(network, sample.tolist())[-1]
    assert scores[0].reshape(-1).tolist() == [value for channel in expected for row in channel for value in row]


def test_an_import_of_wrong_files_lists_everything_and_writes_nothing(tmp_path: Path) -> None:
    config, weights = files(tmp_path, GOOD.replace("pad: 1", "pad: x").replace("operation: add", "operation: divide"))
    result = run("import", "ai8x", "-c", config, "-k", weights, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert result.output.count("net.yaml:") >= 2
    assert not (tmp_path / "out").exists()
    assert run("import", "ai8x", "-c", config, "-k", tmp_path / "none.pth.tar", "-o", tmp_path / "out").exit_code == 2


@pytest.mark.parametrize(("old", "new", "why"), [
    ("operation: linear\n    flatten: true", "flatten: true", "flatten"),
    ("operation: passthrough", "operation: passthrough\n    buffer_shift: 2", "buffer_shift"),
])
def test_keys_that_do_not_go_together_are_named(old: str, new: str, why: str, tmp_path: Path) -> None:
    config, weights = files(tmp_path, GOOD.replace(old, new))
    result = run("import", "ai8x", "-c", config, "-k", weights, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert why in result.output


@pytest.mark.parametrize("scale", ["nan", "inf", "-1", "0"])
def test_a_scale_that_makes_no_sense_is_named(scale: str, tmp_path: Path) -> None:
    config, weights = files(tmp_path)
    result = run("import", "ai8x", "-c", config, "-k", weights, "-o", tmp_path / "out", "--clip-method", "SCALE",
                 "--scale", scale)
    assert result.exit_code == 2
    assert "BT5232" in result.output


@pytest.mark.parametrize("name", ["a\nb: 3", "\U0001f600", 'quote " and \\', "\x7f\x85\u2028"])
def test_any_name_of_a_layer_is_written_so_that_it_is_read_back(name: str, tmp_path: Path) -> None:
    n = Net(np.random.default_rng(0))
    acc = n.conv(n.input(3, 6, 5), 3, 4, **PAD)
    parts = [n.constant([value], "i8") for value in (1, 0, 9)]
    n.builder.add(name, Requant(IntType(8, True), 0, 127), acc, *parts)
    plan = planner("max78000").plan(n.build(name))
    text = write_description(plan.network, plan.placement, "net", "data")
    path = tmp_path / "network.yaml"
    path.write_text(text, encoding="utf-8")
    assert [layer.name for layer in read_description(path).layers] == [name.strip()]


@pytest.mark.parametrize("target", ["max78000", "max78002"])
def test_latency_tells_every_phase(target: str, model: Path) -> None:
    result = run("max7800x", "latency", model, "--target", target)
    assert result.exit_code == 0
    for phase in ("load weights", "load input", "inference", "unload"):
        assert phase in result.output
    told = json.loads(run("max7800x", "latency", model, "--target", target, "--json").stdout)
    assert told["target"] == target
    assert told["total_us"] > 0
