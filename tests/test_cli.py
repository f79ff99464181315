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
from bittrue.cli.inputs import data_source
from bittrue.ir import GraphBuilder, IntType, Rounding
from bittrue.ir.onnx import save
from bittrue.ir.ops import Conv, Relu, Requant


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


@pytest.mark.parametrize("name", list(COMMANDS))
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
    "option without value": (("compile", "MODEL", "-o", "x", "-O", "rows"), 2, "BT5003"),
    "option without name": (("compile", "MODEL", "-o", "x", "-O", "=3"), 2, "BT6002"),
    "option given twice": (("compile", "MODEL", "-o", "x", "-O", "rows=3", "-O", "rows=4"), 2, "BT6002"),
    "run without a target": (("run", "MODEL", "--data", "digits"), 2, "BT6002"),
    "unknown option": (("compile", "MODEL", "-o", "x", "-O", "rows=0", "-O", "colour=red"), 2, "BT5003"),
    "too narrow": (("compile", "MODEL", "-o", "x", "-O", "weight_bits=2"), 3, "BT51"),
    "missing input": (("compile", "MODEL", "-o", "x", "-i", "nothing.npy"), 2, "BT6003"),
    "wrong shape": (("compile", "MODEL", "-o", "x", "-i", "SHAPE"), 2, "BT4002"),
    "wrong values": (("compile", "MODEL", "-o", "x", "-i", "VALUES"), 2, "BT4003"),
    "floats without a scale": (("compile", "MODEL", "-o", "x", "-i", "FLOATS"), 2, "BT4004"),
    "no sample": (("verify", "MODEL", "-i", "EMPTY"), 2, "BT6008"),
    "not a number": (("verify", "MODEL", "-i", "NAN"), 2, "BT6008"),
    "infinite": (("compile", "MODEL", "-o", "x", "-i", "INF"), 2, "BT6008"),
    "floats of a wrong shape": (("verify", "MODEL", "-i", "LONG"), 2, "BT4002"),
    "more samples than memory": (("verify", "MODEL", "-n", "1000000000"), 2, "BT6006"),
    "two sources of samples": (("verify", "MODEL", "-i", "SHAPE", "--data", "digits"), 2, "BT6002"),
    "hostile input": (("compile", "MODEL", "-o", "x", "-i", "OBJECTS"), 2, "BT6003"),
    "other data": (("verify", "MODEL", "--data", "digits"), 2, "BT6004"),
    "unknown data": (("verify", "MODEL", "--data", "cats"), 2, "BT2050"),
    "unknown executor": (("diff", "MODEL", "MODEL@abacus"), 2, "BT6002"),
    "unknown network": (("train", "net"), 2, "BT2060"),
    "unknown preset": (("train", "digits_cnn", "--preset", "w9"), 2, "BT2001"),
    "no run": (("freeze", "."), 2, "BT2061"),
    "bad setting": (("train", "digits_cnn", "--lr", "-1"), 2, "BT2030"),
    "absent data": (("train", "digits_cnn", "--data", "mnist"), 2, "BT2053"),
    "folder without data": (("train", "lenet5", "--data", "."), 2, "BT2051"),
    "neither data nor folder": (("train", "lenet5", "--data", "nowhere"), 2, "BT2050"),
    "two folders": (("train", "lenet5", "--data", ".", "--data-dir", "."), 2, "BT6002"),
    "folder for a model of no set": (("verify", "MODEL", "--data", "."), 2, "BT6004"),
    "nothing to resume": (("train", "digits_cnn", "--resume"), 2, "BT2061"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_can_be_typed_wrong_is_a_diagnostic(case: str, model: Path, tmp_path: Path,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BITTRUE_DATA", raising=False)
    np.save("shape.npy", np.zeros((1, 3, 4, 5), np.int64))
    np.save("values.npy", np.full((1, 3, 5, 4), 16))
    np.save("floats.npy", np.zeros((1, 3, 5, 4)))
    np.save("empty.npy", np.zeros((0, 3, 5, 4), np.int64))
    np.save("nan.npy", np.full((1, 3, 5, 4), np.nan))
    np.save("inf.npy", np.full((1, 3, 5, 4), -np.inf))
    np.save("long.npy", np.zeros((1, 3, 5, 4, 2)))
    np.save("objects.npy", np.array([{}]), allow_pickle=True)
    names = {name.upper(): f"{name}.npy" for name in ("shape", "values", "floats", "objects", "empty", "nan", "inf",
                                                      "long")}
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


def test_names_are_printed_as_they_are(tmp_path: Path) -> None:
    b = GraphBuilder("net[red]:cat:")
    y = b.add("y[/red]:cat:", Relu(), b.input("x[bold]", (2, 3), "i4"))
    model = tmp_path / "[b]:cat: @fast.onnx"
    save(b.build(y), model)
    for words in (("info", model), ("info", model, "--text")):
        shown = run(*words).output
        assert all(name in shown for name in ("net[red]:cat:", "y[/red]:cat:", "x[bold]"))
    assert run("diff", model, f"{model}@fast").exit_code == 0
    assert "[b]:cat: @fas.onnx" in " ".join(run("info", tmp_path / "[b]:cat: @fas.onnx").output.split())


USERS = {
    "raises": ("def net():\n    raise KeyError('mine')", 2, "KeyError: 'mine'"),
    "raises at import": ("\n\n1 / 0", 3, "ZeroDivisionError"),
    "no Python": ("def net(:", 1, "SyntaxError"),
    "imports nothing": ("import nosuchmodule", 1, "nosuchmodule"),
    "exits": ("import sys\nsys.exit(0)", 2, "SystemExit: 0"),
}


@pytest.mark.parametrize("case", USERS)
def test_a_mistake_in_the_users_model_names_its_line(case: str, tmp_path: Path,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, line, why = USERS[case]
    Path("own.py").write_text(code + "\n", encoding="utf-8")
    result = run("train", "own.py:net", "--json")
    told = json.loads(result.stdout)["diagnostics"]
    assert result.exit_code == 2
    assert [d["code"] for d in told] == ["BT6007"]
    assert told[0]["where"].endswith(f"own.py:{line}")
    assert why in told[0]["why"]


def test_freeze_names_the_files_that_it_wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("train", "digits_cnn", "--float-epochs", "0", "--epochs", "1", "--out", "run").exit_code == 0
    told = json.loads(run("freeze", "run", "-o", "frozen", "--json").stdout)
    assert (told["model"], told["certificate"]) == ("frozen.onnx", "proved")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["frozen.cert.json", "frozen.onnx", "run"]
    assert run("freeze", "run", "--multiplier-bits", "0").exit_code == 2


def test_freeze_names_the_set_that_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("train", "digits_cnn", "--float-epochs", "0", "--epochs", "1", "--out", "run").exit_code == 0
    for data in ("digits", "."):
        assert run("freeze", "run", "--data", data).exit_code == 0
    assert run("verify", "run/model.onnx", "--data", ".", "-n", "3").exit_code == 0
    result = run("freeze", "run", "--data", "mnist")
    assert (result.exit_code, "BT6004" in result.output, "trained on digits" in result.output) == (2, True, True)


def test_a_name_comes_before_a_folder_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mnist").mkdir()
    assert data_source("mnist", tmp_path) == ("mnist", tmp_path)
    assert data_source("./mnist", None) == (None, Path("mnist"))
    assert data_source(None, tmp_path) == (None, tmp_path)
    assert data_source("nowhere", None) == ("nowhere", None)


def test_an_interrupted_training_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bittrue.quantization import phases

    def interrupted(*words: object, **settings: object) -> None:
        raise KeyboardInterrupt

    words = ("train", "digits_cnn", "--float-epochs", "1", "--epochs", "1", "--out", tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(phases, "fit", interrupted)
        result = run(*words)
    assert result.exit_code != 0
    assert "--resume" in result.output
    assert json.loads(run(*words, "--resume", "--json").stdout)["phases"]["float"]["epochs_now"] == 1


def test_a_refused_resumption_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("--float-epochs", "0", "--out", "run")
    assert run("train", "digits_cnn", *words, "--epochs", "1", "--seed", "9223372036854775807").exit_code == 0
    before = {path: path.read_bytes() for path in Path("run").rglob("*") if path.is_file()}
    result = run("train", "digits_leaky", *words, "--epochs", "2", "--resume")
    assert (result.exit_code, "BT2041" in result.output) == (2, True)
    assert before == {path: path.read_bytes() for path in Path("run").rglob("*") if path.is_file()}
    assert run("freeze", "run").exit_code == 0


@pytest.mark.slow
def test_a_difference_that_rounding_does_not_explain_fails_the_demo(tmp_path: Path,
                                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    from bittrue.frontends.brevitas.float32 import Float32Report

    words = ("demo", "--epochs", "1", "-n", "1", "--out", tmp_path / "demo", "--json")
    assert run(*words).exit_code == 0
    monkeypatch.setattr(Float32Report, "unexplained", property(lambda report: 3))
    result = run(*words)
    assert (result.exit_code, json.loads(result.stdout)["float32"]["unexplained"]) == (1, 3)


def test_the_functions_of_the_api_take_paths_as_text(model: Path, tmp_path: Path) -> None:
    inputs = {"x": np.zeros((1, 3, 5, 4), np.int64)}
    api.compile(str(model), "systolic", str(tmp_path / "array"), inputs, {"rows": 4, "cols": 4})
    assert api.verify(str(tmp_path / "array"), ("manifest", "files")).differences == 0
    assert api.verify_model(str(model), inputs).differences == 0


def test_a_model_file_may_import_its_neighbours_and_define_dataclasses(tmp_path: Path) -> None:
    (tmp_path / "blocks.py").write_text("WIDTH = 4\n")
    (tmp_path / "net.py").write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\nfrom torch import nn\n"
        "from blocks import WIDTH\n\n@dataclass\nclass Size:\n    width: int = WIDTH\n\n"
        "def net():\n    return nn.Sequential(nn.Conv2d(1, Size().width, 3), nn.ReLU(), nn.Flatten(), "
        "nn.Linear(36 * Size().width, 10))\n\ndef sized(width):\n    return net()\n\ndef nothing():\n    return None\n")
    done = run("train", f"{tmp_path / 'net.py'}:net", "--data", "digits", "--out", tmp_path / "run", "--float-epochs",
               "0", "--epochs", "1")
    assert done.exit_code == 0, done.output
    for name in ("sized", "nothing"):
        result = run("train", f"{tmp_path / 'net.py'}:{name}", "--data", "digits", "--out", tmp_path / "other")
        assert result.exit_code == 2
        assert "BT2060" in result.output
