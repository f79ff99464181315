"""From a model file and a policy to a frozen classifier and its accuracy, on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from bittrue import api
from bittrue.cli import app
from bittrue.cli.inputs import PIXELS
from bittrue.engine.oracle import Oracle
from bittrue.evaluation import Evaluation
from bittrue.quantization import DataSet, Normalization, load_data
from bittrue.zoo import ZOO

from .test_modules_names import MODEL_FILE

POLICY = """start_epoch: 5
fold_epoch: 4
weight_bits: 4
shift_quantile: 0.98
overrides:
  conv1: {weight_bits: 8}
"""


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def told(*words: object) -> Any:
    result = run(*words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("policy") / "policy.yaml"
    file.write_text(POLICY)
    return file


@pytest.fixture(scope="module")
def folder(policy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three phases, frozen."""
    folder = tmp_path_factory.mktemp("run")
    phases = told("train", "max7800x-digits", "--policy", policy, "--epochs", 1, "--validation", 0.1, "--out",
                  folder)["phases"]
    assert [(name, phase["epochs_now"]) for name, phase in phases.items()] == [("float", 4), ("folded", 1),
                                                                               ("quantized", 1)]
    assert all(phase["test_accuracy"] > 0.8 and phase["accuracy"] > 0.8 for phase in phases.values())
    assert told("freeze", folder)["certificate"] == "proved"
    return folder


def test_a_run_keeps_its_policy(folder: Path, policy: Path, tmp_path: Path) -> None:
    assert json.loads((folder / "run.json").read_text()) == {
        "model": "max7800x-digits", "preset": "max7800x", "data": "digits", "policy": POLICY}
    words = ("train", "max7800x-digits", "--epochs", 1, "--validation", 0.1, "--out", folder, "--resume")
    again = told(*words, "--policy", policy)["phases"]
    assert [phase["epochs_now"] for phase in again.values()] == [0, 0, 0]
    other = tmp_path / "other.yaml"
    other.write_text(POLICY.replace("weight_bits: 4", "weight_bits: 2"))
    result = run(*words, "--policy", other)
    assert (result.exit_code, "BT2041" in result.output, "policy was" in result.output) == (2, True, True)
    other.write_text(POLICY.replace("fold_epoch: 4", "fold_epoch: 3"))
    assert run(*words, "--policy", other).exit_code == 2


def test_the_frozen_model_has_the_policy_s_bits_and_signed_images(folder: Path) -> None:
    graph = api.load(folder / "model.onnx")
    bits = [graph.constants[node.inputs[1]].elem.bits for node in graph.nodes if node.name.endswith(".op")]
    assert bits == [8, 4, 4, 4]
    assert (str(graph.types["input"].elem), graph.node["input"].scale.values) == ("i8", (1 / 128,))  # type: ignore[union-attr]
    result = told("verify", folder / "model.onnx", "--data", "digits", "-n", 5)
    assert (result["differences"], result["certificate"]) == (0, "proved")


def test_evaluate(folder: Path, tmp_path: Path) -> None:
    csv = tmp_path / "said.csv"
    words = ("evaluate", folder / "model.onnx", "--data", "digits")
    found = told(*words, "--csv", csv)
    data, graph = load_data("digits"), api.load(folder / "model.onnx")
    pixels = np.minimum(data.test_pixels.astype(np.int64) * 16 - 128, 127)
    scores = Oracle(graph).run({"input": pixels})[graph.outputs[0]]
    said = scores.argmax(1)
    assert (found["samples"], found["correct"]) == (355, int((said == data.test_y).sum()))
    assert found["top1"] == found["correct"] / 355
    assert found["confusion"] == [[int(((data.test_y == i) & (said == j)).sum()) for j in range(10)] for i in range(10)]
    rows = [list(map(int, line.split(","))) for line in csv.read_text().splitlines()[1:]]
    assert rows == [[n, label, c, *s] for n, (label, c, s) in enumerate(zip(data.test_y.tolist(), said.tolist(),
                                                                            scores.tolist(), strict=True))]
    shown = run(*words, "--confusion").output
    assert f"Top-1: {found['top1']:.2%} ({found['correct']:,} of 355)" in shown
    table = [line.split() for line in shown.splitlines() if len(line.split()) == 12]
    assert [row[0] for row in table] == [str(i) for i in range(10)]
    assert [[0 if n == "." else int(n) for n in row[1:-1]] for row in table] == found["confusion"]
    assert "is \\ said" not in run(*words).output
    assert told(*words, "-n", 7)["samples"] == 7
    own = told(*words, "--pixels", "own")
    assert own["correct"] < found["correct"]  # half of the range, and none below zero
    assert told(*words, "--pixels", "signed") == found


@pytest.mark.parametrize(("words", "code"), [
    (("--data", "mnist"), "BT2053"), (("--data", "digits", "--pixels", "upside-down"), "BT6002"),
    (("--data", "nothing"), "BT2050"), (("--data", "digits", "--pixels", "ai8x"), "BT6002")])
def test_evaluate_refuses(folder: Path, words: tuple[str, ...], code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BITTRUE_DATA", raising=False)
    result = run("evaluate", folder / "model.onnx", *words)
    assert (result.exit_code, code in result.output) == (2, True)


@pytest.mark.parametrize("normalization", [Normalization(0, 256), Normalization(128, 128)])
def test_pixels_of_bytes_as_ai8x_s_loaders_make_them(folder: Path, normalization: Normalization) -> None:
    pixels, labels = np.array([0, 127, 128, 255], np.uint8).reshape(1, 1, 2, 2), np.zeros(1, np.int64)
    images = DataSet("bytes", pixels, labels, pixels, labels, 10, normalization=normalization)
    made = PIXELS["ai8x"](images, api.load(folder / "model.onnx")).test_x
    assert (made * 128).ravel().tolist() == [-128, -1, 1, 127]


def test_scores_of_different_scales_are_compared_as_real_numbers() -> None:
    scores, labels = np.array([[3, 2], [3, 1], [-1, -1]]), np.array([1, 0, 1])
    assert Evaluation(scores, labels, np.array([1.0, 2.0])).predicted.tolist() == [1, 0, 0]
    plain = Evaluation(scores, labels, np.ones(2))
    assert (plain.predicted.tolist(), plain.top1, plain.confusion.tolist()) == ([0, 0, 0], 1 / 3, [[1, 0], [2, 0]])
    assert plain.recalls == [1.0, 0.0]
    assert Evaluation(scores[:, :1], labels * 0, np.ones(1)).recalls == [1.0]


@pytest.mark.parametrize("method", ["SHIFT", "SHIFT-AVG", "SHIFT-AVGMAX", "SHIFT-STDDEV", "SCALE"])
def test_freezing_without_quantized_training(folder: Path, method: str, tmp_path: Path) -> None:
    file = tmp_path / "clipped.onnx"
    words = ("--scale", 1.0) if method == "SCALE" else ()
    assert told("freeze", folder, "--clip-method", method, *words, "-o", file)["certificate"] == "proved"
    assert told("evaluate", file, "--data", "digits")["top1"] > 0.6


def test_freezing_refuses(folder: Path, tmp_path: Path) -> None:
    for words, code in ((("--clip-method", "HALF"), "BT5355"), (("--clip-method", "SCALE", "--scale", -1), "BT5355"),
                        (("--clip-method", "SHIFT-STDDEV", "--stddev", 0), "BT5355"),
                        (("--clip-method", "AVG"), "BT5355"), (("--scale", 1), "BT6002"),
                        (("--clip-method", "SCALE", "--stddev", 1), "BT6002")):
        result = run("freeze", folder, *words)
        assert (result.exit_code, code in result.output) == (2, True)
    told("train", "lenet_digits", "--float-epochs", 1, "--epochs", 1, "--out", tmp_path)
    assert "BT2062" in run("freeze", tmp_path, "--clip-method", "SHIFT").output


def test_a_model_file_of_ai8x(tmp_path: Path) -> None:
    """Its function takes `pretrained` and anything else: it gets classes, channels and size from the data set."""
    (tmp_path / "net.py").write_text(MODEL_FILE)
    words = ("train", f"{tmp_path / 'net.py'}:net", "--data", "digits", "--out", tmp_path / "run")
    phases = told(*words, "--preset", "max7800x-w8", "--float-epochs", 1, "--epochs", 1)["phases"]
    assert list(phases) == ["float", "quantized"]
    assert told("freeze", tmp_path / "run")["certificate"] == "proved"
    graph = api.load(tmp_path / "run" / "model.onnx")
    assert (graph.types["input"].shape, graph.types[graph.outputs[0]].shape) == ((1, 8, 8), (10,))


def test_training_in_float_only(tmp_path: Path) -> None:
    phases = told("train", "max7800x-digits", "--float-epochs", 1, "--epochs", 0, "--out", tmp_path)["phases"]
    assert list(phases) == ["float"]
    assert told("freeze", tmp_path, "--clip-method", "SHIFT-AVGMAX")["certificate"] == "proved"
    nothing = run("train", "max7800x-digits", "--float-epochs", 0, "--epochs", 0, "--out", tmp_path / "x")
    assert (nothing.exit_code, "BT2030" in nothing.output) == (2, True)


REFUSED = {
    "PyTorch's layers": ("nn.Sequential(nn.Flatten(), nn.Linear(64, 10))", 3, "BT5346"),
    "real numbers between layers": ("nn.Sequential(ai8x.Conv2d(1, 1, 1, wide=True), nn.Sigmoid(), nn.Flatten(), "
                                    "ai8x.Linear(64, 10))", 3, "BT2101"),
    "contradictions": ("ai8x.FusedLinearReLU(64, 10, wide=True)", 2, "BT5350"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_frozen_is_not_trained(case: str, tmp_path: Path) -> None:
    code, exit_code, diagnostic = REFUSED[case]
    (tmp_path / "net.py").write_text(f"from torch import nn\nimport bittrue.max7800x as ai8x\ndef net():\n"
                                     f"    return {code}\n")
    result = run("train", f"{tmp_path / 'net.py'}:net", "--preset", "max7800x-w8", "--out", tmp_path / "run")
    assert (result.exit_code, diagnostic in result.output) == (exit_code, True), result.output
    assert not (tmp_path / "run").exists()


def test_wrong_policies_and_presets(policy: Path, tmp_path: Path) -> None:
    words = ("train", "max7800x-digits", "--out", tmp_path / "run")
    assert "BT6002" in run(*words, "--policy", policy, "--preset", "max7800x-w8").output
    assert "BT5347" in run(*words, "--preset", "max7800x-w3").output
    assert "BT5341" in run(*words, "--policy", tmp_path / "none.yaml").output
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("start_epoch: 1\nweight_bits: 16\n")
    result = run(*words, "--policy", wrong)
    assert (result.exit_code, "BT5343" in result.output, f"{wrong}:2" in result.output) == (2, True, True)
    wrong.write_text("start_epoch: 1\nweight_bits: 8\noverrides: {conv9: {weight_bits: 4}}\n")
    assert "BT5345" in run(*words, "--policy", wrong).output
    assert not (tmp_path / "run").exists()


def test_the_networks_of_the_zoo_have_this_family_s_presets() -> None:
    names = [name for name in ZOO if name.startswith("max7800x-")]
    assert names == ["max7800x-digits", "max7800x-mnist", "max7800x-cifar"]
    assert {ZOO[name].preset for name in names} == {"max7800x-w8"}
