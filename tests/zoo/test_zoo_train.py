"""`bittrue train` with networks of the zoo: what is not given comes from the entry."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner, Result

from bittrue.cli import app
from bittrue.zoo import ZOO

SHORT = ("--float-epochs", "1", "--epochs", "1")


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def cifar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny CIFAR-10 of random images."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for split, count in (("train", 260), ("test", 4)):
        files = []
        for _ in range(count):
            content = io.BytesIO()
            Image.fromarray(rng.integers(0, 256, (32, 32, 3), np.uint8)).save(content, "JPEG")
            files.append(content.getvalue())
        np.savez(folder / f"cifar10_jpeg_{split}.npz", jpeg=np.frombuffer(b"".join(files), np.uint8),
                 offsets=np.cumsum([0, *map(len, files)]), labels=(np.arange(count) % 10).astype(np.uint8))
    return folder


def settings_of(folder: Path) -> dict[str, object]:
    """The settings that a run's checkpoint records."""
    settings: dict[str, object] = torch.load(folder / "last.ckpt", weights_only=True)["bittrue"]["settings"]
    return settings


def test_an_entry_gives_data_preset_and_recipe(cifar: Path, tmp_path: Path) -> None:
    words = ("train", "resnet8", "--data", cifar, "--out", tmp_path, *SHORT)
    result = run(*words, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert [(name, phase["epochs"], phase["epochs_now"]) for name, phase in told["phases"].items()] == [
        ("float", 1, 1), ("quantized", 1, 1)]
    assert all(phase["seconds_per_epoch"] > 0 and 0 <= phase["accuracy"] <= 1 for phase in told["phases"].values())
    assert "a few points below those of the lossless set" in told["data_set"]
    assert json.loads((tmp_path / "run.json").read_text()) == {
        "model": "resnet8", "preset": "w8a8_channel", "data": "cifar10"}
    recipe = ZOO["resnet8"].recipe.quantized_settings()
    recipe.pop("epochs")
    assert settings_of(tmp_path).items() >= recipe.items()
    assert (recipe["augmentation"], recipe["schedule"], recipe["optimizer"]) == ("crop_flip", "step", "sgd")
    again = run(*words, "--resume")
    assert again.exit_code == 0, again.output
    assert "a few points below those of the lossless set" in again.output
    shown = {line.split()[0]: line.split() for line in again.stdout.splitlines() if line.split()}
    assert all(shown[name][1:4] == ["1", f"{phase['accuracy']:.2%}", "0"] for name, phase in told["phases"].items())
    assert json.loads(run("freeze", tmp_path, "--data", cifar, "--json").stdout)["certificate"] == "proved"
    assert run("verify", tmp_path / "model.onnx", "--data", cifar, "-n", 2).exit_code == 0


def test_what_is_given_comes_first(tmp_path: Path) -> None:
    options = {"lr": 0.02, "batch-size": 100, "optimizer": "sgd", "momentum": 0.5, "weight-decay": 0.01,
               "schedule": "step", "step-factor": 0.2, "augmentation": "crop", "precision": "bf16-mixed", "seed": 3}
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    result = run("train", "lenet_digits", "--preset", "w8a8", "--out", tmp_path, "--json", *SHORT, *words,
                 "--milestone", 0.3, "--milestone", 0.6)
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "run.json").read_text())["preset"] == "w8a8"
    expected = {name.replace("-", "_"): value for name, value in options.items()} | {"milestones": (0.3, 0.6)}
    assert settings_of(tmp_path).items() >= expected.items()


def test_a_network_of_ones_own_has_the_plain_recipe(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("from bittrue.quantization.models import digits_cnn\n")
    result = run("train", f"{tmp_path / 'net.py'}:digits_cnn", "--out", tmp_path / "run", "--json", *SHORT)
    assert result.exit_code == 0, result.output
    written = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (written["preset"], written["data"]) == ("w4a4", "digits")
    assert settings_of(tmp_path / "run")["lr"] == 3e-3


def test_a_network_of_ones_own_and_a_folder_need_the_name_of_the_set(cifar: Path, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("from bittrue.zoo.resnet import resnet8\n")
    words = ("train", f"{tmp_path / 'net.py'}:resnet8", "--out", tmp_path / "run", *SHORT)
    result = run(*words, "--data", cifar)
    assert (result.exit_code, "BT6002" in result.output, "--data NAME" in result.output) == (2, True, True)
    assert not (tmp_path / "run").exists()
    assert run(*words, "--data", "cifar10", "--data-dir", cifar).exit_code == 0


@pytest.mark.parametrize("name", [name for name, entry in ZOO.items() if entry.data != "digits"])
def test_absent_data_of_an_entry_is_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BITTRUE_DATA", raising=False)
    result = run("train", name, "--out", tmp_path / "run")
    assert (result.exit_code, "BT2053" in result.output, ZOO[name].data in result.output) == (2, True, True)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("option", "value"), [("--augmentation", "paint"), ("--precision", "16-mixed"),
                                               ("--milestone", "1.5"), ("--momentum", "1"), ("--step-factor", "0"),
                                               ("--quantized-lr", "-1")])
def test_wrong_settings_are_diagnostics(option: str, value: str, tmp_path: Path) -> None:
    result = run("train", "lenet_digits", "--out", tmp_path / "run", *SHORT, option, value)
    assert (result.exit_code, "BT2030" in result.output) == (2, True)
    assert not (tmp_path / "run").exists()
