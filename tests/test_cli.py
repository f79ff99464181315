"""The command line as a new user meets it: help, good runs, and everything that can be typed wrong."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from bittrue import api
from bittrue.cli import COMMANDS, app
from bittrue.ir import GraphBuilder, IntType, Rounding
from bittrue.ir.onnx import save
from bittrue.ir.ops import Conv, Requant


def run(*words: str | Path) -> Result:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    return result


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A graph of one layer, without certificate."""
    b = GraphBuilder("one")
    x = b.input("x", (3, 5, 4), "u4")
    weight = b.constant("w", np.arange(-54, 54).reshape(4, 3, 3, 3) % 16 - 8, "i4")
    acc = b.add("conv", Conv(pads=(1, 0, 0, 1)), x, weight)
    ones = [b.constant(name, [value], "i16") for name, value in (("m", 3), ("o", 5), ("s", 6))]
    y = b.add("out", Requant(IntType.parse("i4"), -8, 7, Rounding.HALF_AWAY), acc, *ones)
    save(b.build(y), tmp_path / "one.onnx")
    return tmp_path / "one.onnx"


@pytest.mark.parametrize("name", [function.__name__.rstrip("_") for function in COMMANDS])
def test_every_command_has_help_with_an_example(name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0
    assert "Example" in result.output
    assert f"bittrue {name}" in result.output


def test_info_shows_layers_and_work(model: Path) -> None:
    told = json.loads(run("info", model, "--json").stdout)
    assert [layer["op"] for layer in told["layers"]] == ["Input", "Conv", "Requant"]
    assert told["macs"] == 4 * 3 * 3 * 3 * 4 * 3
    assert "conv" in run("info", model).output
    assert "Requant(%conv" in run("info", model, "--text").output


def test_compile_and_verify(model: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.random.default_rng(1).integers(0, 16, (2, 3, 5, 4)))
    project = tmp_path / "array"
    done = json.loads(run("compile", model, "-o", project, "-i", tmp_path / "x.npy", "-O", "rows=4", "-O", "cols=4",
                          "--json").stdout)
    assert sorted(done["files"]) == sorted(str(p.relative_to(project)) for p in project.rglob("*")
                                           if p.is_file() and p.name != "manifest.json")
    result = run("verify", project, "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["differences"], told["certificate"]) == (0, 0, "missing")
    assert told["layers"][0]["compared"]["psum"] > 0


def test_diff_finds_a_changed_weight(model: Path, tmp_path: Path) -> None:
    assert run("diff", model, f"{model}@onnxruntime").exit_code == 0
    graph = api.load(model)
    other = GraphBuilder("one", list(graph.nodes), dict(graph.constants))
    weights = graph.constants["w"].values.copy()
    weights[2, 1, 0, 0] += 1
    other.constant("w", weights, "i4")
    save(other.build("out"), tmp_path / "other.onnx")
    result = run("diff", model, tmp_path / "other.onnx", "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 1
    assert told["differences"] > 0
    assert (told["first"]["layer"], told["first"]["channel"]) == ("conv", 2)


def test_verify_of_a_model_without_certificate_is_no_success(model: Path) -> None:
    result = run("verify", model, "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["differences"], told["certificate"]) == (1, 0, "missing")


BAD = {
    "no such model": (("info", "nowhere.onnx"), 2, "BT1101"),
    "no project": (("verify", "."), 2, "BT6012"),
    "unknown target": (("compile", "MODEL", "-o", "x", "--target", "toaster"), 2, "BT5001"),
    "option without value": (("compile", "MODEL", "-o", "x", "-O", "rows"), 2, "BT6002"),
    "unknown option": (("compile", "MODEL", "-o", "x", "-O", "rows=0", "-O", "colour=red"), 2, "BT5003"),
    "too narrow": (("compile", "MODEL", "-o", "x", "-O", "weight_bits=2"), 3, "BT51"),
    "missing input": (("compile", "MODEL", "-o", "x", "-i", "nothing.npy"), 2, "BT6003"),
    "wrong shape": (("compile", "MODEL", "-o", "x", "-i", "SHAPE"), 2, "BT4002"),
    "wrong values": (("compile", "MODEL", "-o", "x", "-i", "VALUES"), 2, "BT4003"),
    "floats without a scale": (("compile", "MODEL", "-o", "x", "-i", "FLOATS"), 2, "BT4004"),
    "hostile input": (("compile", "MODEL", "-o", "x", "-i", "OBJECTS"), 2, "BT6003"),
    "other data": (("verify", "MODEL", "--data", "digits"), 2, "BT6004"),
    "unknown data": (("verify", "MODEL", "--data", "cats"), 2, "BT2050"),
    "unknown executor": (("diff", "MODEL", "MODEL@abacus"), 2, "BT6002"),
    "unknown network": (("train", "net"), 2, "BT2060"),
    "unknown preset": (("train", "digits_cnn", "--preset", "w9"), 2, "BT2001"),
    "no run": (("freeze", "."), 2, "BT2061"),
    "bad setting": (("train", "digits_cnn", "--lr", "-1"), 2, "BT2030"),
    "absent data": (("train", "digits_cnn", "--data", "mnist"), 2, "BT2053"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_can_be_typed_wrong_is_a_diagnostic(case: str, model: Path, tmp_path: Path,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BITTRUE_DATA", raising=False)
    np.save("shape.npy", np.zeros((1, 3, 4, 5), np.int64))
    np.save("values.npy", np.full((1, 3, 5, 4), 16))
    np.save("floats.npy", np.zeros((1, 3, 5, 4)))
    np.save("objects.npy", np.array([{}]), allow_pickle=True)
    names = {"SHAPE": "shape.npy", "VALUES": "values.npy", "FLOATS": "floats.npy", "OBJECTS": "objects.npy"}
    words, code, diagnostic = BAD[case]
    before = set(tmp_path.rglob("*"))
    result = run(*(names.get(word, word.replace("MODEL", str(model))) for word in words))
    assert result.exit_code == code
    assert diagnostic in result.output
    assert "fix:" in result.output
    assert set(tmp_path.rglob("*")) == before, "something half-written was left behind"


def test_without_a_compiler_the_array_names_the_missing_tool(model: Path, tmp_path: Path,
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    run("compile", model, "-o", tmp_path / "array")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CXX", raising=False)
    result = run("verify", tmp_path / "array")
    assert result.exit_code == 4
    assert "g++" in result.output


@pytest.mark.parametrize("words", [("demo",), ("train", "digits_cnn"), ("freeze", ".")])
def test_without_pytorch_the_training_commands_name_what_to_install(words: tuple[str, ...], tmp_path: Path,
                                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "torch", None)
    result = run(*words)
    assert result.exit_code == 4
    assert "BT6005" in result.output
    assert "bittrue[train]" in result.output
