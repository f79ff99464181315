"""The trainings of a run in one folder, first in float, then with fake quantization, resumable wherever they stop.

The folder gets `run.json` and the files of the quantized phase, its subfolders `float` and `folded` those of the float
phases. What a later call finds there decides where it goes on: a phase with a checkpoint after it, one without from its
start.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from ..errors import BadInput
from ..zoo import Recipe
from .checkpoint import LAST, differences, epochs_of
from .data import DataSet
from .runs import Run
from .training import WRITTEN, EpochMetrics, FitResult, check_fit, evaluate, fit

FLOAT, FOLDED, QUANTIZED = "float", "folded", "quantized"
"""The phases, in order."""

FOLDERS = {FLOAT: FLOAT, FOLDED: FOLDED, QUANTIZED: "."}
"""The subfolder of each phase."""


@dataclass(frozen=True)
class Phase:
    """One of the trainings, complete: all that it gave, how many of its epochs were trained in this call, in how many
    seconds; and the accuracy of the trained model on the test split."""

    result: FitResult
    trained: int
    seconds: float
    test_accuracy: float

    @property
    def seconds_per_epoch(self) -> float | None:
        """The mean over the epochs of this call, None when there were none."""
        return self.seconds / self.trained if self.trained else None

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary for `--json` output."""
        return {"accuracy": self.result.accuracy, "test_accuracy": self.test_accuracy,
                "epochs": len(self.result.history), "epochs_now": self.trained, "seconds": self.seconds,
                "seconds_per_epoch": self.seconds_per_epoch, "checkpoint": str(self.result.last_checkpoint)}


def train_run(run: Run, recipe: Recipe, data: DataSet, folder: Path, *, resume: bool = False, seed: int = 0,
              progress: bool | None = None, on_epoch: Callable[[EpochMetrics], None] | None = None) -> dict[str, Phase]:
    """Train the run's network in float (phase `float`), fold its batch norms and train it on (`folded`), quantize it
    and train it on (`quantized`): those phases that the recipe has epochs for. A run that is in the folder already is
    replaced, or, with `resume`, continued: the weights are then, bit for bit, those of a run that was not interrupted.

    Raises `BadInput` for settings, data or a network that cannot be trained, before anything is written; when resuming,
    also for a folder without a run (BT2061) or with one of other settings (BT2041).
    """
    plain = run.plain()
    every = _settings(recipe)
    wanted = {name: settings for name, settings in every.items() if settings["epochs"] or not recipe.trains}
    for settings in reversed(wanted.values()):
        check_fit(plain, data, seed=seed, **settings)
    if resume:
        _require_same(run, recipe, folder)
    else:
        run.quantized(plain, data)  # a network that cannot be quantized shall not cost a training
        _begin(run, folder)
    train = partial(_phase, data=data, seed=seed, progress=progress, on_epoch=on_epoch)
    phases: dict[str, Phase] = {}
    model = plain
    for name, settings in wanted.items():
        model = _begun(name, run, model, data)
        phases[name] = train(model, folder=folder / FOLDERS[name], **settings)
    return phases


def float_checkpoint(folder: Path, name: str = LAST) -> Path:
    """The checkpoint of a run's float phase; one of its own, not of the quantized phase."""
    return folder / FOLDERS[FLOAT] / name


def _begun(phase: str, run: Run, model: nn.Module, data: DataSet) -> nn.Module:
    """The model that a phase trains, made from that of the phase before."""
    if phase == FLOAT:
        return model
    return run.folded(model) if phase == FOLDED else run.quantized(model, data)


def _settings(recipe: Recipe) -> dict[str, dict[str, Any]]:
    """The settings of each phase, in order."""
    return {FLOAT: recipe.float_settings(), FOLDED: recipe.folded_settings(), QUANTIZED: recipe.quantized_settings()}


def _require_same(run: Run, recipe: Recipe, folder: Path) -> None:
    """Raises `BadInput` (BT2061, BT2041) unless the folder holds this run. The settings of a phase are compared when it
    goes on; here, that a float phase is not made longer or shorter once something was built on it."""
    was: dict[str, Any] = {"policy": "", **Run.load(folder).to_json()}
    wanted: dict[str, Any] = {"policy": "", **run.to_json()}
    for number, (name, settings) in enumerate(list(_settings(recipe).items())[:-1]):
        done = epochs_of(folder / FOLDERS[name] / LAST)
        built_on = any((folder / later / LAST).is_file() for later in list(FOLDERS.values())[number + 1:])
        field, epochs = f"{name}_epochs", settings["epochs"]
        was[field], wanted[field] = done if built_on else max(done, epochs), epochs
    differences(folder, was, wanted).raise_as(BadInput)


def _begin(run: Run, folder: Path) -> None:
    """Take away what an older run has left, so that nothing of it can be resumed, and write `run.json`."""
    for path in (folder / place / name for place in FOLDERS.values() for name in WRITTEN):
        path.unlink(missing_ok=True)
    run.save(folder)


def _phase(model: nn.Module, data: DataSet, *, folder: Path, validation: float, **settings: Any) -> Phase:
    """Train a phase from its last checkpoint, or from its start where there is none."""
    last, start = folder / LAST, time.perf_counter()
    before = epochs_of(last)
    result = fit(model, data, out_dir=folder, resume=last if before else None, validation=validation, **settings)
    seconds = time.perf_counter() - start
    tested = evaluate(result.model, data) if validation else result.accuracy  # without, the test split was watched
    return Phase(result, len(result.history) - before, seconds, tested)
