"""The target as users meet it: check, plan, compile, verify, run, timeline; and what they can get wrong."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from bittrue import api
from bittrue.cli import app
from bittrue.engine.oracle import Oracle
from bittrue.errors import BadInput, Unsupported
from bittrue.ir.onnx import save
from bittrue.targets import get, planner
from bittrue.targets.gap9.check import needs
from bittrue.targets.gap9.plan import make_plan
from gap9.project_networks import GRAPHS
from gap9.random_networks import sample


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gap9") / "model.onnx"
    save(GRAPHS["branches"](), path)
    return path


@pytest.fixture(scope="module")
def project(model: Path) -> Path:
    """A project with two samples."""
    api.compile(model, "gap9", model.parent / "project", sample(api.load(model), 5), {"l1": 32})
    return model.parent / "project"


def command(*words: object) -> tuple[int, str]:
    """Exit code and output of the command line."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_all_checks_are_exact(project: Path) -> None:
    report = api.verify(project)
    assert report.differences == 0
    graph = api.load(project / "model.onnx")
    layers = {layer.name: layer for layer in report.target.layers}
    assert all(layer.cycles > 0 for layer in layers.values())
    for name in graph.outputs:
        expected = 2 * graph.types[name].size
        assert layers[name].compared == {"data": expected, "host": expected}
    assert sum(layer.macs for layer in layers.values()) == make_plan(graph, None).network.macs


def test_the_same_arguments_give_the_same_bytes(model: Path, project: Path, tmp_path: Path) -> None:
    api.compile(model, "gap9", tmp_path / "again", sample(api.load(model), 5), {"l1": 32})
    files = sorted(path.relative_to(project) for path in project.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(tmp_path / "again") for path in (tmp_path / "again").rglob("*")
                           if path.is_file())
    assert all((project / name).read_bytes() == (tmp_path / "again" / name).read_bytes() for name in files)


@pytest.mark.parametrize("jobs", [1, 2])
def test_other_samples(project: Path, jobs: int) -> None:
    graph, done = api.load(project / "model.onnx"), []
    inputs = sample(graph, 77, 9)
    found = get("gap9").run(project, inputs, jobs, done.append)
    expected = Oracle(graph).run(inputs)
    assert sum(done) == 9
    assert all(np.array_equal(found[name], expected[name]) for name in graph.outputs)


def test_simulate_gives_the_outputs(project: Path) -> None:
    graph = api.load(project / "model.onnx")
    expected = Oracle(graph).run(sample(graph, 5))
    found = get("gap9").simulate(project)
    assert all(np.array_equal(found[name], expected[name]) for name in graph.outputs)


@pytest.mark.parametrize(("name", "code"), [("constants.bin", "BT5572"), ("answers.bin", "BT5573")])
def test_wrong_weights_and_wrong_answers_are_differences(project: Path, name: str, code: str, tmp_path: Path) -> None:
    folder = shutil.copytree(project, tmp_path / "project")
    path = folder / "data" / name
    data = path.read_bytes()
    path.write_bytes(bytes([data[0] ^ 0x41]) + data[1:])
    report = get("gap9").verify(folder, ("simulation",))
    assert code in {problem.code for problem in report.problems}
    assert (sum(layer.differences for layer in report.layers) > 0) == (name == "constants.bin")


def test_commands(model: Path, project: Path, tmp_path: Path) -> None:
    code, text = command("gap9", "plan", model, "--map", tmp_path / "map.svg", "-O", "l1=32", "--json")
    plan = json.loads(text)["plan"]
    assert (code, plan["options"]) == (0, {"l1": 32})
    assert (tmp_path / "map.svg").read_text().count("<rect") > 2 * len(plan["layers"])
    code, text = command("gap9", "timeline", project, "-o", tmp_path / "trace.json", "--json")
    rows = json.loads(text)["layers"]
    assert code == 0
    assert [row["layer"] for row in rows] == [layer["name"] for layer in plan["layers"]]
    assert {event["name"] for event in json.loads((tmp_path / "trace.json").read_text())["traceEvents"]} >= {
        row["layer"] for row in rows}
    assert command("gap9", "plan", model)[0] == command("gap9", "timeline", project)[0] == 0


def test_a_check_loads_no_solver_for_what_fits(model: Path) -> None:
    code = ("import sys; from bittrue.cli import app; app(sys.argv[1:], standalone_mode=False); "
            "print([name for name in ('torch', 'ortools', 'onnxruntime', 'numba') if name in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code, "check", str(model), "--target", "gap9"], capture_output=True,
                          text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"
    save(GRAPHS["chain"](), model)
    report = planner("gap9").check(api.load(model), {"l1": 8, "l2": 16, "l3": 0})
    assert not report.fits
    assert {problem.code for problem in report.problems} <= {"BT5550", "BT5551"}
    assert command("check", model, "--target", "gap9", "-O", "l1=8", "-O", "l2=16", "-O", "l3=0")[0] == 3
    with pytest.raises(Unsupported):
        api.compile(model, "gap9", tmp_path / "p", sample(api.load(model), 5), {"l1": 8, "l2": 16, "l3": 0})
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize("options", [{"l1": 4}, {"l1": "many"}, {"cores": 4}])
def test_wrong_options(model: Path, options: dict[str, object]) -> None:
    with pytest.raises(BadInput, match="BT5003"):
        make_plan(api.load(model), options)


def test_needs_name_memories_and_cycles(model: Path) -> None:
    found = needs(make_plan(api.load(model), None))
    assert found["L3"] == "nothing"
    assert "of 109,568 bytes" in found["L1"]
    assert "MACs per cycle" in found["cycles"]
