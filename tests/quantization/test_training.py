"""Training: reproducible, resumable, quiet, and every wrong setting named."""

from __future__ import annotations

import csv
import dataclasses
import logging
import signal
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch
from quantize_support import stripes
from torch import Tensor, nn

from bittrue.errors import BadInput
from bittrue.quantization import evaluate, fit, load_data, quantize
from bittrue.quantization import models as zoo
from bittrue.quantization.scales import activation_scales
from bittrue.quantization.training import OPTIMIZERS, SCHEDULES

DATA = stripes()


def small(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 5, 3, padding=(1, 0)), nn.BatchNorm2d(5), nn.ReLU(), nn.Dropout(0.1),
                         nn.Flatten(), nn.Linear(5 * 6 * 7, 3))


def quantized(preset: str = "w4a4") -> nn.Module:
    return quantize(small(), preset, example_input=torch.from_numpy(DATA.train_x[:8]))


def state(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("make", [small, quantized])
def test_two_and_two_epochs_are_four(make: object, optimizer: str, tmp_path: Path) -> None:
    settings = {"schedule": "constant", "optimizer": optimizer, "lr": 0.01, "batch_size": 10, "seed": 5}
    whole, parts = make(), make()  # type: ignore[operator]
    once = fit(whole, DATA, epochs=4, out_dir=tmp_path / "once", **settings)
    first = fit(parts, DATA, epochs=2, out_dir=tmp_path / "parts", **settings)
    halfway = state(parts)
    parts = make()  # type: ignore[operator]
    second = fit(parts, DATA, epochs=4, out_dir=tmp_path / "parts", resume=first.last_checkpoint, **settings)
    assert not same(halfway, state(parts))
    assert same(state(whole), state(parts))
    assert once.history == second.history
    assert (tmp_path / "once/metrics.csv").read_bytes() == (tmp_path / "parts/metrics.csv").read_bytes()


def test_an_interrupted_run_resumes_to_the_same_result(tmp_path: Path) -> None:
    def interrupt(metrics: dict[str, float]) -> None:
        if metrics["epoch"] == 3:
            raise KeyboardInterrupt

    handler = signal.getsignal(signal.SIGINT)
    whole, parts = quantized(), quantized()
    fit(whole, DATA, epochs=4)
    with pytest.raises(KeyboardInterrupt):
        fit(parts, DATA, epochs=4, out_dir=tmp_path, on_epoch=interrupt)
    assert signal.getsignal(signal.SIGINT) is handler
    parts = quantized()
    result = fit(parts, DATA, epochs=4, out_dir=tmp_path, resume=tmp_path / "last.ckpt")
    assert [row["epoch"] for row in result.history] == [1, 2, 3, 4]
    assert same(state(whole), state(parts))


def test_a_seed_reproduces_and_another_one_does_not() -> None:
    runs = []
    for seed in (1, 1, 2):
        model = quantized()
        torch.rand(7)  # whatever happened to the global generator before
        fit(model, DATA, epochs=2, seed=seed)
        runs.append(state(model))
    assert same(runs[0], runs[1])
    assert not same(runs[0], runs[2])


def test_training_leaves_the_global_random_state_and_log_level_alone() -> None:
    log, model = logging.getLogger("lightning.pytorch"), quantized()
    level, before, numpy_before = log.level, torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    fit(model, DATA, epochs=1)
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], numpy_before)  # noqa: NPY002
    assert log.level == level


def test_training_learns_weights_and_scales_but_not_the_input_scale() -> None:
    model = quantized("w4a4")
    fit(model, DATA, epochs=1, lr=1e-9)
    before = activation_scales(model)
    weight_scale = "5.weight_quant.tensor_quant.scaling_impl.value"
    learned = state(model)[weight_scale]
    result = fit(model, DATA, epochs=12, lr=0.01, calibration_batches=0)
    after = activation_scales(model)
    assert after["input_1_quant"] == before["input_1_quant"]
    assert after["2"] != before["2"]
    assert not torch.equal(state(model)[weight_scale], learned)
    assert result.accuracy == 1.0
    assert evaluate(model, DATA) == 1.0
    assert not model.training


def test_calibration_comes_first_and_can_be_left_out() -> None:
    example = torch.from_numpy(DATA.train_x[:8]) / 16
    runs = [quantize(small(), "w8a8", example_input=example) for _ in range(2)]
    fit(runs[0], DATA, epochs=1, lr=1e-9)
    fit(runs[1], DATA, epochs=1, lr=1e-9, calibration_batches=0)
    assert activation_scales(runs[0])["input_1_quant"] == 2**-8  # pixels / 256, exactly
    assert activation_scales(runs[1])["input_1_quant"] == 2**-12


def test_files_and_only_those(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                              capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    result = fit(small(), DATA, epochs=2, out_dir="run")
    assert sorted(p.name for p in Path("run").iterdir()) == ["best.ckpt", "last.ckpt", "metrics.csv", "tensorboard"]
    assert any(p.name.startswith("events") for p in Path("run/tensorboard").iterdir())
    assert [p.name for p in Path().iterdir()] == ["run"]
    rows = list(csv.DictReader(Path("run/metrics.csv").read_text().splitlines()))
    assert [float(row["accuracy"]) for row in rows] == [row["accuracy"] for row in result.history]
    assert result.last_checkpoint == Path("run/last.ckpt")
    assert capfd.readouterr() == ("", "")


def test_without_out_dir_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = fit(small(), DATA, epochs=1)
    assert list(tmp_path.iterdir()) == []
    assert result.last_checkpoint is None


def test_the_progress_bar_goes_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    fit(small(), DATA, epochs=1, progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "Epoch" in err


def test_schedules_and_learning_rates() -> None:
    rates = {name: [row["learning_rate"] for row in fit(small(), DATA, epochs=4, lr=1.0, schedule=name).history]
             for name in SCHEDULES}
    assert rates["constant"] == [1.0] * 4
    assert rates["linear"] == [1.0, 0.75, 0.5, 0.25]
    assert rates["cosine"] == [SCHEDULES["cosine"](i / 4) for i in range(4)]
    assert rates["step"] == [1.0, 1.0, 0.1, 0.1**2]


def test_a_step_schedule_falls_at_its_milestones() -> None:
    history = fit(small(), DATA, epochs=5, lr=1.0, schedule="step", milestones=[0.8, 0.4], step_factor=0.5).history
    assert [row["learning_rate"] for row in history] == [1.0, 1.0, 0.5, 0.5, 0.25]


def test_a_validation_part_is_watched_instead_of_the_test_split() -> None:
    unusable = dataclasses.replace(DATA, test_y=(DATA.test_y + 1) % 3)
    result = fit(small(), unusable, epochs=12, lr=0.01, validation=0.25)
    assert result.accuracy == 1.0
    assert evaluate(result.model, unusable) == 0.0


def test_weight_decay_spares_scales_and_batch_norms() -> None:
    free, decayed = quantized(), quantized()
    fit(free, DATA, epochs=1, lr=1e-3, weight_decay=0.0)
    fit(decayed, DATA, epochs=1, lr=1e-3, weight_decay=990.0)
    norms = [float(model.get_parameter("5.weight").detach().norm()) for model in (decayed, free)]
    assert norms[0] < 0.2 * norms[1]
    assert 0.5 < activation_scales(decayed)["2"] / activation_scales(free)["2"] < 2
    assert float(decayed.get_parameter("1.weight").detach().norm()) > 1


def test_evaluate_keeps_the_mode() -> None:
    model = small().train()
    evaluate(model, DATA, batch_size=7)
    assert model.training


def test_wrong_settings_are_all_named() -> None:
    with pytest.raises(BadInput) as caught:
        fit(small(), DATA, epochs=0, lr=-1, batch_size=0, optimizer="lion", schedule="stairs", validation=1.0, seed=-1,
            weight_decay=-1, label_smoothing=1, calibration_batches=-1, momentum=1.0, milestones=(0.5, 1.0),
            step_factor=0.0, augmentation="paint", precision="16-mixed")
    assert [d.code for d in caught.value.diagnostics] == ["BT2030"] * 15


@pytest.mark.parametrize("model", [zoo.digits_cnn(), nn.Sequential(nn.Flatten(), nn.Linear(54, 4))])
def test_a_model_that_does_not_fit_the_data(model: nn.Module) -> None:
    with pytest.raises(BadInput, match="BT2031"):
        fit(model, DATA, epochs=1)


@lru_cache
def trained(make: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    return fit(make(), load_data("digits"), epochs=12).model


@pytest.mark.slow
@pytest.mark.parametrize(("make", "preset", "least"), [
    (zoo.digits_cnn, "w4a4", 0.97), (zoo.digits_leaky, "w4a4_leaky", 0.97), (zoo.digits_resnet, "w8a8_channel", 0.97),
    (zoo.digits_concat, "w4a4_pow2", 0.95), (zoo.digits_cnn, "w4a2", 0.94), (zoo.digits_cnn, "w2a2", 0.9),
    (zoo.digits_cnn, "w1a8", 0.9)])
def test_digits_are_learned(make: Callable[[], nn.Module], preset: str, least: float) -> None:
    digits, model = load_data("digits"), trained(make)
    assert evaluate(model, digits) >= 0.97
    narrow = quantize(model, preset, example_input=torch.from_numpy(digits.train_x[:64]))
    fit(narrow, digits, epochs=8, lr=1e-3)
    assert evaluate(narrow, digits) >= least
