"""Projects from model to emulated chip: emitted, compiled, run, compared with the oracle in every layer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from project_support import refreshed_manifest

from bittrue import api
from bittrue.engine.oracle import Oracle
from bittrue.errors import BadInput, Unsupported
from bittrue.ir import Graph
from bittrue.ir.onnx import save, to_bytes, to_model
from bittrue.targets import VerifyReport, get, planner
from bittrue.targets.max7800x.network import BUFFER, INPUT, Layer, Network, Operator, RollingBuffer, Weights
from bittrue.targets.max7800x.placement import BufferPlacement, LayerPlacement, Placement
from bittrue.targets.max7800x.plan import Max7800xPlan
from bittrue.targets.max7800x.to_graph import to_graph
from max7800x.graphs import Net
from max7800x.project_nets import PAD, classifier, depthwise, image_to_image, sequence, up_again

CHIPS = ("max78000", "max78002")
Options = dict[str, str]


def samples(graph: Graph, count: int = 2, seed: int = 1) -> dict[str, np.ndarray]:
    shape = graph.types[graph.inputs[0].name].shape
    return {graph.inputs[0].name: np.random.default_rng(seed).integers(-128, 128, (count, *shape))}


def compiled(graph: Graph, target: str, folder: Path, options: Options | None = None, count: int = 2) -> Path:
    save(graph, folder / "net.onnx")
    api.compile(folder / "net.onnx", target, folder / "project", samples(graph, count), options)
    return folder / "project"


def verified(project: Path) -> VerifyReport:
    return api.verify(project).target


CASES: dict[str, tuple[str, Callable[[], Graph], Options, str]] = {
    "plain": ("max78000", classifier, {}, "PASS"),
    "other chip": ("max78002", classifier, {}, "PASS"),
    "softmax and timer": ("max78000", classifier, {"softmax": "", "timer": "0"}, "Class 9: output"),
    "8-bit outputs": ("max78002", lambda: classifier(wide=False), {}, "PASS"),
    "packed by the mlator": ("max78000", image_to_image, {"mlator": "1"}, "PASS"),
    "packed by the mlator, other chip": ("max78002", image_to_image, {"mlator": "1"}, "PASS"),
    "input inline": ("max78000", image_to_image, {"compact-data": "0"}, "PASS"),
    "weights block by block": ("max78000", image_to_image, {"compact-weights": "0"}, "PASS"),
    "kernels column by column": ("max78002", image_to_image, {"mexpress": "0"}, "PASS"),
    "weights read back": ("max78000", image_to_image, {"verify-kernels": "1"}, "All weights are as written"),
    "known answer cut short": ("max78000", image_to_image, {"max-checklines": "7"}, "PASS"),
    "no known answer": ("max78000", image_to_image, {"no-kat": "1"}, "PASS"),
    "no unloading": ("max78000", image_to_image, {"no-unload": "1"}, "PASS"),
    "busy waiting": ("max78002", image_to_image, {"no-wfi": "1"}, "PASS"),
    "layer by layer": ("max78002", image_to_image, {"one-shot": "1"}, "PASS"),
    "no pipeline": ("max78002", image_to_image, {"no-pipeline": "1"}, "PASS"),
    "all registers": ("max78000", image_to_image, {"write-zero-registers": "1", "zero-unused": "1"}, "PASS"),
    "tested memories": ("max78002", image_to_image, {"zero-sram": "1", "init-tram": "1"}, "PASS"),
    "boost and energy": ("max78000", image_to_image, {"boost": "2.5", "energy": "1"}, "Measuring"),
    "RISC-V": ("max78000", classifier, {"riscv": "1", "softmax": "1"}, "Class 9: output"),
    "RISC-V, other chip": ("max78002", classifier, {"riscv": "1"}, "PASS"),
    "RISC-V alone with its memory": ("max78000", image_to_image, {"riscv-exclusive": "1"}, "PASS"),
    "RISC-V with a debugger": ("max78000", image_to_image, {"riscv-debug": "1"}, "PASS"),
    "depthwise": ("max78002", depthwise, {}, "PASS"),
    "pooled and transposed": ("max78000", up_again, {}, "PASS"),
    "pooled and transposed, other chip": ("max78002", up_again, {}, "PASS"),
    "1-D": ("max78000", sequence, {}, "PASS"),
    "1-D, other chip": ("max78002", sequence, {}, "PASS"),
    "input channel by channel": ("max78000", image_to_image, {"input": "chw"}, "PASS"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_project_computes_what_the_oracle_computes(case: str, tmp_path: Path) -> None:
    target, graph, options, said = CASES[case]
    report = verified(compiled(graph(), target, tmp_path, options))
    assert report.problems == ()
    assert report.first is None
    assert report.differences == 0
    assert said in report.console
    assert "FAIL" not in report.console
    values = {layer.name: layer.compared["data"] for layer in report.layers}
    assert min(values.values()) > 0


@pytest.mark.parametrize("target", CHIPS)
def test_the_same_model_gives_the_same_bytes(target: str, tmp_path: Path) -> None:
    contents = []
    for name in "ab":
        (tmp_path / name).mkdir()
        project = compiled(classifier(), target, tmp_path / name, {"softmax": "1"})
        contents.append({path.name: path.read_bytes() for path in project.rglob("*") if path.is_file()})
    assert contents[0] == contents[1]
    assert {"main.c", "cnn.c", "cnn.h", "weights.h", "sampledata.h", "sampleoutput.h", "softmax.c", "Makefile",
            "model.onnx", "plan.json", "README.md"} <= contents[0].keys()


def test_stopping_after_a_layer_makes_it_the_output(tmp_path: Path) -> None:
    report = verified(compiled(image_to_image(), "max78000", tmp_path, {"stop-after": "0"}))
    assert report.differences == 0
    assert [layer.compared["data"] for layer in report.layers] == [2 * 5 * 6 * 8]


@pytest.mark.parametrize("name", ["weights.h", "sampledata.h", "sampleoutput.h"])
def test_what_changes_in_a_file_is_found_by_its_content_and_by_the_simulation(name: str, tmp_path: Path) -> None:
    project = compiled(image_to_image(), "max78000", tmp_path)
    text = (project / name).read_text()
    words = list(re.finditer("0x[0-9a-f]{8}", text))
    word = words[len(words) // 2]
    changed = f"0x{int(word[0], 16) ^ 0x40:08x}"
    (project / name).write_text(text[:word.start()] + changed + text[word.end():])
    refreshed_manifest(project, "max78000")
    report = verified(project)
    checks = {result.check: result for result in report.results}
    assert checks["manifest"].differences == 0
    line = 1 + text[:word.start()].count("\n")
    assert any(problem.where.endswith(f"{name}, line {line}") for problem in checks["files"].problems)
    assert checks["simulation"].differences > 0


def test_a_wrong_register_is_named_by_the_layer_that_suffers(tmp_path: Path) -> None:
    project = compiled(image_to_image(), "max78000", tmp_path)
    report = verified(project)
    assert report.differences == 0
    text = (project / "cnn.c").read_text()
    line = next(line for line in text.splitlines() if "REG_POST(1)" in line and "0x" in line)
    value = line[line.index("0x", line.index("REG_POST(1)")):].split("u")[0].split(",")[0].rstrip("} ")
    (project / "cnn.c").write_text(text.replace(line, line.replace(value, hex(int(value, 16) ^ 1 << 13))))
    refreshed_manifest(project, "max78000")
    report = verified(project)
    assert report.first is not None
    second = [layer.name for layer in report.layers][1]
    assert report.first.layer.startswith(second)
    assert report.layers[0].differences == 0
    assert {"sample", "channel", "row", "column", "memory instance", "word", "byte"} == report.first.place.keys()
    assert "FAIL" in report.console


@pytest.mark.parametrize("target", CHIPS)
def test_other_samples_run_through_the_same_program(target: str, tmp_path: Path) -> None:
    graph = classifier()
    project = compiled(graph, target, tmp_path, count=1)
    inputs, done = samples(graph, 5, seed=8), []
    expected = Oracle(graph).run(inputs)[graph.outputs[0]]
    got = api.run(project, inputs, 1, done.append)
    assert got[graph.outputs[0]].tolist() == expected.tolist()
    assert sum(done) == 5


def test_simulate_gives_the_outputs(tmp_path: Path) -> None:
    graph = classifier()
    project = compiled(graph, "max78000", tmp_path, count=2)
    trace = get("max78000").simulate(project)
    expected = Oracle(graph).run(samples(graph))
    assert {name: values.tolist() for name, values in trace.items()} \
        == {name: expected[name].tolist() for name in graph.outputs}


@pytest.mark.parametrize(("options", "code"), [
    ({"softmax": "1"}, "BT5481"), ({"fifo": "1"}, "BT5481"), ({"max-checklines": "100000"}, "BT5481"),
    ({"one-shot": "1"}, "BT5400"), ({"colour": "red"}, "BT5003"), ({"timer": "9"}, "BT5003"),
    ({"deepsleep": "1"}, "BT5482"), ({"stop-after": "9"}, "BT5404"),
])
def test_options_that_make_no_sense_or_have_no_effect_are_refused(options: Options, code: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=code):
        compiled(image_to_image(), "max78000", tmp_path, options)
    assert not (tmp_path / "project").exists()


def test_a_project_keeps_its_plan_and_options(tmp_path: Path) -> None:
    project = compiled(classifier(), "max78000", tmp_path, {"softmax": "", "input": "hwc"})
    plan = json.loads((project / "plan.json").read_text())
    assert plan["options"] == {"softmax": ""}
    assert plan["placement"]["chw"] is False


def test_a_model_that_does_not_fit_emits_nothing(tmp_path: Path) -> None:
    n = Net(np.random.default_rng(0))
    graph = n.build(n.requant(n.conv(n.input(3, 8, 8), 3, 4, (5, 5))))
    with pytest.raises(Unsupported, match="BT5382"):
        compiled(graph, "max78000", tmp_path)
    assert not (tmp_path / "project").exists()


def test_a_project_that_is_larger_than_the_memories_says_what_would_fit(tmp_path: Path) -> None:
    n = Net(np.random.default_rng(0))
    graph = n.build(n.requant(n.conv(n.input(3, 88, 88), 3, 64, **PAD), 9, -128))
    with pytest.raises(Unsupported) as caught:
        compiled(graph, "max78000", tmp_path, count=1)
    flash, sram = caught.value.diagnostics
    assert (flash.code, sram.code) == ("BT5484", "BT5485")
    options = {"max-checklines": flash.fix.rsplit("=", 1)[1], "no-unload": "1"}
    report = verified(compiled(graph, "max78000", tmp_path, options, count=1))
    assert report.problems == ()
    assert report.differences == 0


def test_a_rolling_buffer_starts_with_what_the_sample_says(tmp_path: Path) -> None:
    """After a first layer: drop the oldest row of four, append a new one, read them all."""
    rng, past = np.random.default_rng(3), 0x7000
    network = Network("rolling", 3, (1, 1), (
        Layer("stem", Operator.CONV2D, (INPUT,), 3, (1, 1), weights=Weights(rng.integers(-8, 8, (4, 3, 1, 1)), 4)),
        Layer("shift", Operator.PASSTHROUGH, (BUFFER,), 4, (3, 1), buffer_shift=1),
        Layer("row", Operator.CONV2D, (0,), 4, (1, 1), buffer_insert=1,
              weights=Weights(rng.integers(-128, 128, (4, 4, 1, 1)), 8)),
        Layer("read", Operator.CONV1D, (BUFFER,), 4, (4, 1), kernel=(3, 1), output_width=32,
              weights=Weights(rng.integers(-128, 128, (5, 4, 3)), 8))), (3,), buffer=RollingBuffer("past", 4, (4, 1)))
    places = (LayerPlacement(0x7, 0xF, 0, 0x2000), LayerPlacement(0xF0, 0xF0, past + 4, past),
              LayerPlacement(0xF, 0xF0, 0x2000, past + 12),
              LayerPlacement(0xF0, 0x1F, past, 0x1000))
    device = planner("max78000").device  # type: ignore[attr-defined]
    plan = Max7800xPlan.of(device, network, Placement(places, overlap_data=True, buffer=BufferPlacement(0xF0, past)))
    graph = to_graph(network).graph
    inputs = {name: rng.integers(-128, 128, (3, *graph.types[name].shape)) for name in ("input", "past")}
    get("max78000").emit(graph, plan, inputs, tmp_path / "project", {"model.onnx": to_bytes(to_model(graph))})
    report = verified(tmp_path / "project")
    assert report.problems == ()
    assert report.differences == 0
    again = {name: values[:, ..., ::-1].copy() for name, values in inputs.items()}
    expected, got = Oracle(graph).run(again), api.run(tmp_path / "project", again)
    assert {name: got[name].tolist() for name in graph.outputs} \
        == {name: expected[name].tolist() for name in graph.outputs}
