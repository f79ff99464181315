"""`bittrue systolic ...` as a user types it: good runs, and everything that can be typed wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from systolic_support import emitted, small_network
from typer.testing import CliRunner, Result

from bittrue.cli import app
from bittrue.cli.systolic import COMMANDS
from bittrue.ir.onnx import save


def run(*words: str | Path) -> Result:
    result = CliRunner().invoke(app, ["systolic", *map(str, words)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    return result


@pytest.fixture
def model(tmp_path: Path) -> Path:
    save(small_network()[0], tmp_path / "m.onnx")
    return tmp_path / "m.onnx"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return emitted(*small_network(), tmp_path / "p", with_model=True, rows=3, cols=2)


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_help_with_an_example(name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0
    assert f"Example: bittrue systolic {name}" in " ".join(result.output.split())


def test_report_of_a_model_and_of_a_project(model: Path, project: Path, tmp_path: Path) -> None:
    of_model = json.loads(run("report", model, "-O", "rows=3", "-O", "cols=2", "--json").stdout)
    of_project = json.loads(run("report", project, "--json").stdout)
    assert of_model == of_project
    text = run("report", model, "--csv", tmp_path / "r.csv", "--html", tmp_path / "r.html").stdout
    assert all(word in text for word in ("conv", "SCALE-Sim", "run by the host: none", "memory traffic in bytes"))
    assert (tmp_path / "r.csv").read_text(encoding="utf-8").startswith("layer,op,macs")
    assert (tmp_path / "r.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_lines_are_as_long_as_their_numbers_need(model: Path) -> None:
    lines = run("report", model).stdout.splitlines()
    assert next(line for line in lines if "SCALE-Sim" in line).split() == [
        "layer", "bound", "plain", "util.", "overlapped", "util.", "SCALE-Sim", "util."]
    assert any(line.split()[:1] == ["total"] for line in lines)


def test_timeline(model: Path, tmp_path: Path) -> None:
    told = json.loads(run("timeline", model, "-o", tmp_path / "t.json", "--json").stdout)
    trace = json.loads((tmp_path / "t.json").read_text())
    assert told["cycles"] == sum(e["dur"] for e in trace["traceEvents"] if e["ph"] == "X" and e["tid"] == 1)
    assert "ui.perfetto.dev" in run("timeline", model, "-o", tmp_path / "t.json", "--passes").output


MISTAKES = {
    "no model": (2, "BT1101", lambda m, p: ["report", m.with_name("none.onnx")]),
    "no project": (2, "BT5005", lambda m, p: ["report", p / "rtl"]),
    "options of a project": (2, "BT5150", lambda m, p: ["timeline", p, "-o", m.with_name("t"), "-O", "rows=2"]),
    "unknown option": (2, "BT5003", lambda m, p: ["report", m, "-O", "size=2"]),
    "no option": (2, "BT5003", lambda m, p: ["report", m, "-O", "rows"]),
    "does not fit": (3, "BT5102", lambda m, p: ["report", m, "-O", "weight_bits=1"]),
    "file cannot be written": (2, "BT6001", lambda m, p: ["timeline", m, "-o", p / "none" / "t.json"]),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_what_can_be_typed_wrong_is_a_diagnostic(case: str, model: Path, project: Path) -> None:
    exit_code, diagnostic, words = MISTAKES[case]
    result = run(*words(model, project))
    assert result.exit_code == exit_code
    assert diagnostic in result.output
    assert "fix:" in result.output
