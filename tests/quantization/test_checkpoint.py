"""Checkpoints: loaded without running anything, and refused with a reason."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
import torch
from quantize_support import stripes
from torch import nn

from bittrue.errors import BadInput
from bittrue.quantization import fit, quantize
from bittrue.quantization.checkpoint import load_weights

DATA = stripes()


def small(classes: int = 3, preset: str = "w4a4") -> nn.Module:
    torch.manual_seed(classes)
    plain = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 4 * 7, classes))
    return quantize(plain, preset, example_input=torch.from_numpy(DATA.train_x[:8]))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = fit(small(), DATA, epochs=2, out_dir=tmp_path_factory.mktemp("run")).last_checkpoint
    assert path is not None
    return path


def refused(path: Path, code: str, model: nn.Module | None = None, **settings: object) -> BadInput:
    with pytest.raises(BadInput) as caught:
        fit(model or small(), DATA, **{"epochs": 3, "resume": path, **settings})  # type: ignore[arg-type]
    assert {d.code for d in caught.value.diagnostics} == {code}
    return caught.value


def test_weights_load_into_a_fresh_model(checkpoint: Path) -> None:
    trained = small()
    fit(trained, DATA, epochs=2)
    fresh = load_weights(checkpoint, small())
    assert all(torch.equal(value, trained.state_dict()[name]) for name, value in fresh.state_dict().items())


class Hostile:
    """Creates a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("save", [lambda value, path: torch.save(value, path),
                                  lambda value, path: path.write_bytes(pickle.dumps(value))])
def test_a_hostile_checkpoint_runs_nothing(save: object, tmp_path: Path) -> None:
    bad, mark = tmp_path / "bad.ckpt", tmp_path / "executed"
    save({"state_dict": {}, "bittrue": Hostile(mark)}, bad)  # type: ignore[operator]
    refused(bad, "BT2040")
    with pytest.raises(BadInput, match="BT2040"):
        load_weights(bad, small())
    assert not mark.exists()


def test_damaged_and_missing_checkpoints(checkpoint: Path, tmp_path: Path) -> None:
    content = checkpoint.read_bytes()
    for name, damaged in (("half", content[:len(content) // 2]), ("empty", b""), ("noise", b"\x80\x04" + b"abc" * 99)):
        (tmp_path / name).write_bytes(damaged)
        refused(tmp_path / name, "BT2040")
    refused(tmp_path / "nowhere.ckpt", "BT2040")
    torch.save({"weights": 1}, tmp_path / "other")
    refused(tmp_path / "other", "BT2040")


def test_other_settings_are_all_named(checkpoint: Path) -> None:
    error = refused(checkpoint, "BT2041", lr=0.5, seed=9)
    assert [d.why for d in error.diagnostics] == ["lr was 0.002 and is 0.5", "seed was 0 and is 9"]
    assert "resume with lr=0.002" in str(error)


def test_fewer_epochs_than_there_were(checkpoint: Path) -> None:
    assert "after epoch 2 of 1" in str(refused(checkpoint, "BT2041", epochs=1))


def test_a_complete_run_is_only_loaded(checkpoint: Path, tmp_path: Path) -> None:
    trained, loaded = small(), small()
    history = fit(trained, DATA, epochs=2).history
    result = fit(loaded, DATA, epochs=2, resume=checkpoint, out_dir=tmp_path)
    assert all(torch.equal(value, trained.state_dict()[name]) for name, value in loaded.state_dict().items())
    assert (result.model, result.history, result.last_checkpoint) == (loaded, history, checkpoint)
    assert not loaded.training
    assert list(tmp_path.iterdir()) == []


def test_another_model_is_named_tensor_by_tensor(checkpoint: Path) -> None:
    error = refused(checkpoint, "BT2042", small(5))
    assert [d.where.rpartition(" ")[2] for d in error.diagnostics] == ["4.bias", "4.weight"]
    assert any("scaling_impl" in d.where for d in refused(checkpoint, "BT2042", small(preset="w8a8")).diagnostics)
