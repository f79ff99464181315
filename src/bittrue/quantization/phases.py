"""Both trainings of a run in one folder, first in float, then with fake quantization, resumable wherever they stop.

The folder gets `run.json` and the files of the quantized phase, its subfolder `float` those of the float phase. What a
later call finds there decides where it goes on: a phase with a checkpoint after it, one without from its start.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from ..errors import BadInput
from ..zoo import Recipe
from .checkpoint import LAST, differences, epochs_of
from .data import DataSet
from .runs import Run
from .training import WRITTEN, EpochMetrics, FitResult, check_fit, fit

FLOAT = "float"
"""The subfolder of the float phase."""


@dataclass(frozen=True)
class Phase:
    """One of the two trainings, complete: all that it gave, and how many of its epochs were trained in this call, in
    how many seconds."""

    result: FitResult
    trained: int
    seconds: float

    @property
    def seconds_per_epoch(self) -> float | None:
        """The mean over the epochs of this call, None when there were none."""
        return self.seconds / self.trained if self.trained else None

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary for `--json` output."""
        return {"accuracy": self.result.accuracy, "epochs": len(self.result.history), "epochs_now": self.trained,
                "seconds": self.seconds, "seconds_per_epoch": self.seconds_per_epoch,
                "checkpoint": str(self.result.last_checkpoint)}


def train_run(run: Run, recipe: Recipe, data: DataSet, folder: Path, *, resume: bool = False, seed: int = 0,
              progress: bool | None = None, on_epoch: Callable[[EpochMetrics], None] | None = None) -> dict[str, Phase]:
    """Train the run's network in float (phase `float`, if the recipe has epochs for it), quantize it, and train it on
    (phase `quantized`). A run that is in the folder already is replaced, or, with `resume`, continued: the weights are
    then, bit for bit, those of a run that was not interrupted.

    Raises `BadInput` for settings, data or a network that cannot be trained, before anything is written; when resuming,
    also for a folder without a run (BT2061) or with one of other settings (BT2041).
    """
    plain = run.plain()
    check_fit(plain, data, seed=seed, **recipe.quantized_settings())
    if recipe.float_epochs:
        check_fit(plain, data, seed=seed, **recipe.float_settings())
    if resume:
        _require_same(run, recipe, folder)
    else:
        run.quantized(plain, data)  # a network that cannot be quantized shall not cost a training
        _begin(run, folder)
    train = partial(_phase, data=data, seed=seed, progress=progress, on_epoch=on_epoch)
    phases = {FLOAT: train(plain, folder=folder / FLOAT, **recipe.float_settings())} if recipe.float_epochs else {}
    return phases | {"quantized": train(run.quantized(plain, data), folder=folder, **recipe.quantized_settings())}


def _require_same(run: Run, recipe: Recipe, folder: Path) -> None:
    """Raises `BadInput` (BT2061, BT2041) unless the folder holds this run. The settings of a phase are compared when it
    goes on; here, that the float phase is not made longer or shorter once something was built on it."""
    done = epochs_of(folder / FLOAT / LAST)
    epochs = done if (folder / LAST).is_file() else max(done, recipe.float_epochs)
    differences(folder, asdict(Run.load(folder)) | {"float_epochs": epochs},
                asdict(run) | {"float_epochs": recipe.float_epochs}).raise_as(BadInput)


def _begin(run: Run, folder: Path) -> None:
    """Take away what an older run has left, so that nothing of it can be resumed, and write `run.json`."""
    for path in (place / name for place in (folder, folder / FLOAT) for name in WRITTEN):
        path.unlink(missing_ok=True)
    run.save(folder)


def _phase(model: nn.Module, *, folder: Path, **settings: Any) -> Phase:
    """Train a phase from its last checkpoint, or from its start where there is none."""
    last, start = folder / LAST, time.perf_counter()
    before = epochs_of(last)
    result = fit(model, out_dir=folder, resume=last if before else None, **settings)
    return Phase(result, len(result.history) - before, time.perf_counter() - start)
