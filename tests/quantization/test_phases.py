"""Both trainings of a run: wherever they are interrupted, resuming ends with the weights of an uninterrupted run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from quantize_support import stripes
from torch import Tensor

from bittrue.errors import BadInput, BittrueError
from bittrue.quantization.phases import Phase, train_run
from bittrue.quantization.runs import Run
from bittrue.zoo import Recipe

DATA = stripes()
RECIPE = Recipe(float_epochs=3, epochs=2, lr=0.01, quantized_lr=0.002, batch_size=10, augmentation="crop")
EPOCHS = RECIPE.float_epochs + RECIPE.epochs
NET = """
from torch import nn

def net():
    return nn.Sequential(nn.Conv2d(1, 5, 3, padding=(1, 0)), nn.BatchNorm2d(5), nn.ReLU(), nn.Dropout(0.1),
                         nn.Flatten(), nn.Linear(5 * 6 * 7, 3))

def wide():
    return nn.Sequential(nn.Flatten(), nn.Linear(54, 4))

def strange():
    return nn.Sequential(nn.Flatten(), nn.Linear(54, 3), nn.Softmax(1))
"""

Train = Callable[..., "dict[str, Phase]"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    file = tmp_path_factory.mktemp("net") / "net.py"
    file.write_text(NET, encoding="utf-8")
    return Run(f"{file}:net", "w4a4", DATA.name)


@pytest.fixture(scope="module")
def train(run: Run) -> Train:
    return partial(train_run, run, RECIPE, DATA, seed=7)


@pytest.fixture(scope="module")
def whole(train: Train, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Phase]]:
    """The uninterrupted run."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, train(folder)


def interrupt_in(epoch: int, how: Callable[[], object]) -> Callable[[dict[str, float]], None]:
    """Calls `how` at the end of an epoch, counted over both phases, before its checkpoint is written."""
    left = iter(range(epoch, 0, -1))

    def on_epoch(metrics: dict[str, float]) -> None:
        if next(left) == 1:
            how()

    return on_epoch


def stop() -> None:
    raise KeyboardInterrupt


def weights(phases: dict[str, Phase], phase: str = "quantized") -> dict[str, Tensor]:
    return phases[phase].result.model.state_dict()


def assert_same(ours: dict[str, Phase], theirs: dict[str, Phase]) -> None:
    for phase in theirs:
        a, b = weights(ours, phase), weights(theirs, phase)
        assert a.keys() == b.keys()
        assert all(torch.equal(a[name], b[name]) for name in a)
        assert ours[phase].result.history == theirs[phase].result.history
    assert ours.keys() == theirs.keys()


def files(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("epoch", range(1, EPOCHS + 1))
def test_interrupted_and_resumed_is_uninterrupted(epoch: int, train: Train, whole: tuple[Path, dict[str, Phase]],
                                                  tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, on_epoch=interrupt_in(epoch, stop))
    done = epoch - 1
    resumed = train(tmp_path, resume=True)
    assert_same(resumed, whole[1])
    assert sum(phase.trained for phase in resumed.values()) == EPOCHS - done
    for metrics in ("metrics.csv", "float/metrics.csv"):
        assert (tmp_path / metrics).read_bytes() == (whole[0] / metrics).read_bytes()


def test_interrupted_between_the_phases(run: Run, train: Train, whole: tuple[Path, dict[str, Phase]], tmp_path: Path,
                                        monkeypatch: pytest.MonkeyPatch) -> None:
    quantized, calls = Run.quantized, []

    def second_time(*words: object) -> object:
        calls.append(words)
        return quantized(*words) if len(calls) < 2 else stop()  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Run, "quantized", second_time)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path)
    assert [(tmp_path / name).is_file() for name in ("float/last.ckpt", "last.ckpt")] == [True, False]
    resumed = train(tmp_path, resume=True)
    assert [phase.trained for phase in resumed.values()] == [0, RECIPE.epochs]
    assert_same(resumed, whole[1])


def test_interrupted_again_and_again(train: Train, whole: tuple[Path, dict[str, Phase]], tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, on_epoch=interrupt_in(2, stop))
    for _ in range(EPOCHS - 2):
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path, resume=True, on_epoch=interrupt_in(2, stop))
    assert_same(train(tmp_path, resume=True), whole[1])


@pytest.mark.parametrize("epoch", [2, 5])
def test_a_killed_process_resumes(epoch: int, run: Run, train: Train, whole: tuple[Path, dict[str, Phase]],
                                  tmp_path: Path) -> None:
    code = (f"import os, signal, sys; sys.path[:0] = {sys.path!r}\n"
            "import torch; torch.set_num_threads(1)\n"
            "import test_phases as t\n"
            "kill = t.interrupt_in(int(sys.argv[1]), lambda: os.kill(os.getpid(), signal.SIGKILL))\n"
            "t.train_run(t.Run(sys.argv[2], 'w4a4', t.DATA.name), t.RECIPE, t.DATA, t.Path(sys.argv[3]), seed=7, "
            "on_epoch=kill)")
    killed = subprocess.run([sys.executable, "-c", code, str(epoch), run.model, str(tmp_path)], capture_output=True,
                            text=True)
    assert killed.returncode == -9, killed.stderr
    resumed = train(tmp_path, resume=True)
    assert_same(resumed, whole[1])
    assert sum(phase.trained for phase in resumed.values()) == EPOCHS - epoch + 1


def test_a_complete_run_is_only_reported(train: Train, whole: tuple[Path, dict[str, Phase]]) -> None:
    folder, phases = whole
    before = files(folder)
    again = train(folder, resume=True)
    assert files(folder) == before
    assert_same(again, phases)
    for phase in again.values():
        assert (phase.trained, phase.seconds_per_epoch, phase.result.model.training) == (0, None, False)
        assert phase.to_json()["accuracy"] == phase.result.history[-1]["accuracy"]


def test_what_a_phase_reports(whole: tuple[Path, dict[str, Phase]]) -> None:
    folder, phases = whole
    told = {name: phase.to_json() for name, phase in phases.items()}
    assert [(t["epochs"], t["epochs_now"]) for t in told.values()] == [(3, 3), (2, 2)]
    assert told["float"]["checkpoint"] == str(folder / "float" / "last.ckpt")
    assert told["quantized"]["seconds_per_epoch"] * 2 == told["quantized"]["seconds"] > 0


def test_more_quantized_epochs_go_on(run: Run, tmp_path: Path) -> None:
    recipe = replace(RECIPE, schedule="constant")
    train_run(run, recipe, DATA, tmp_path / "parts")
    longer = replace(recipe, epochs=4)
    resumed = train_run(run, longer, DATA, tmp_path / "parts", resume=True)
    assert resumed["quantized"].trained == 2
    assert_same(resumed, train_run(run, longer, DATA, tmp_path / "once"))


OTHER = {
    "preset": ({"preset": "w8a8"}, {}, "preset was 'w4a4' and is 'w8a8'"),
    "float epochs": ({}, {"float_epochs": 5}, "float_epochs was 3 and is 5"),
    "fewer float epochs": ({}, {"float_epochs": 2}, "float_epochs was 3 and is 2"),
    "no float phase": ({}, {"float_epochs": 0}, "float_epochs was 3 and is 0"),
    "rate": ({}, {"lr": 0.02}, "lr was 0.01 and is 0.02"),
    "quantized rate": ({}, {"quantized_lr": 0.001}, "lr was 0.002 and is 0.001"),
    "fewer epochs": ({}, {"epochs": 1}, "it is after epoch 2 of 1"),
}


@pytest.mark.parametrize("case", OTHER)
def test_other_settings_are_refused(case: str, run: Run, whole: tuple[Path, dict[str, Phase]]) -> None:
    of_run, of_recipe, why = OTHER[case]
    folder, before = whole[0], files(whole[0])
    with pytest.raises(BadInput) as caught:
        train_run(replace(run, **of_run), replace(RECIPE, **of_recipe), DATA, folder, resume=True, seed=7)
    assert [(d.code, d.why) for d in caught.value.diagnostics] == [("BT2041", why)]
    assert files(folder) == before


def test_a_folder_without_a_run_is_refused(train: Train, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="BT2061"):
        train(tmp_path / "nothing", resume=True)
    assert not (tmp_path / "nothing").exists()


def test_a_new_run_leaves_nothing_of_the_older_one(train: Train, whole: tuple[Path, dict[str, Phase]],
                                                   tmp_path: Path) -> None:
    """Interrupted at once, it must not go on with the other one's weights."""
    train(tmp_path, seed=8)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, on_epoch=interrupt_in(1, stop))
    assert not list(tmp_path.rglob("*.ckpt"))
    resumed = train(tmp_path, resume=True)
    assert sum(phase.trained for phase in resumed.values()) == EPOCHS
    assert_same(resumed, whole[1])


@pytest.mark.parametrize(("function", "of_recipe", "code"), [
    ("wide", {}, "BT2031"), ("net", {"lr": -1.0}, "BT2030"), ("net", {"float_epochs": -1}, "BT2030"),
    ("net", {"quantized_lr": 0.0}, "BT2030"), ("strange", {}, "BT20")])
def test_what_cannot_be_trained_leaves_an_older_run_alone(function: str, of_recipe: dict[str, float], code: str,
                                                          run: Run, whole: tuple[Path, dict[str, Phase]]) -> None:
    other = replace(run, model=run.model.replace(":net", f":{function}"))
    before = files(whole[0])
    with pytest.raises(BittrueError, match=code):
        train_run(other, replace(RECIPE, **of_recipe), DATA, whole[0])  # type: ignore[arg-type]
    assert files(whole[0]) == before
