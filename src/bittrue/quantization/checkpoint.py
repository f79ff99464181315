"""Reading checkpoints: only tensors and plain containers are ever loaded, nothing in a file can run."""

from __future__ import annotations

import pickle
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..errors import BadInput, Diagnostics, declare, fail
from .quiet import quiet

declare({
    "BT2040": "a checkpoint cannot be read",
    "BT2041": "a checkpoint is from a run with other settings",
    "BT2042": "a checkpoint does not fit the model",
})

LAST, BEST = "last.ckpt", "best.ckpt"
"""The checkpoint after the last complete epoch, and after the one with the best accuracy."""

History = list[dict[str, float]]
"""One dict of metrics per epoch."""

LOAD_ERRORS = (OSError, EOFError, RuntimeError, ValueError, TypeError, LookupError, AttributeError, AssertionError,
               OverflowError, MemoryError, pickle.UnpicklingError, struct.error, zipfile.BadZipFile)
"""What reading a file of any content may end in."""

PREFIX = "model."
"""Of the model's parameters in a checkpoint."""


@dataclass(frozen=True)
class Settings:
    """What decides, together with the number of epochs, how a training run goes. Checkpoints that lack a setting are
    from runs with its default."""

    lr: float
    batch_size: int
    optimizer: str
    schedule: str
    weight_decay: float
    label_smoothing: float = 0.0
    validation: float = 0.0
    seed: int = 0
    calibration_batches: int = 8
    data: str = ""
    momentum: float = 0.9
    milestones: tuple[float, ...] = (0.5, 0.75)
    step_factor: float = 0.1
    augmentation: str = "none"
    precision: str = "32-true"


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint of `fit` holds beside the trainer's own state."""

    path: Path
    weights: dict[str, Any]
    settings: dict[str, Any]
    history: History


def load_weights(path: str | Path, model: nn.Module) -> nn.Module:
    """Load the weights and scales of a checkpoint of `fit` into a model of the same form, which is returned. Raises
    `BadInput` (BT2040, BT2042)."""
    checkpoint = _read(Path(path))
    _check_weights(Path(path), checkpoint, model)
    model.load_state_dict(checkpoint.weights)
    return model


def read_checkpoint(path: Path, model: nn.Module, settings: Settings, epochs: int) -> Checkpoint:
    """A checkpoint to resume from, checked before the trainer sees it. Raises `BadInput` (BT2040..BT2042)."""
    checkpoint = _read(path)
    defaults = {f.name: getattr(Settings, f.name, None) for f in fields(Settings)}
    found = differences(path, defaults | checkpoint.settings, asdict(settings))
    if len(checkpoint.history) > epochs:
        found.add("BT2041", str(path), f"it is after epoch {len(checkpoint.history)} of {epochs}",
                  "ask for more epochs")
    found.raise_as(BadInput)
    _check_weights(path, checkpoint, model)
    return checkpoint


def epochs_of(path: Path) -> int:
    """How many epochs are behind a checkpoint; 0 where there is none. Raises `BadInput` (BT2040)."""
    return len(_read(path).history) if path.is_file() else 0


def differences(path: Path, was: Mapping[str, Any], wanted: Mapping[str, Any]) -> Diagnostics:
    """One diagnostic (BT2041) for every wanted setting that the run at `path` has another value of."""
    found = Diagnostics()
    for name, value in wanted.items():
        if was[name] != value:
            found.add("BT2041", str(path), f"{name} was {was[name]!r} and is {value!r}",
                      f"resume with {name}={was[name]!r}")
    return found


def _read(path: Path) -> Checkpoint:
    try:
        with quiet():
            content = torch.load(path, map_location="cpu", weights_only=True)
        own = content["bittrue"]
        weights = {k.removeprefix(PREFIX): v for k, v in content["state_dict"].items()}
        return Checkpoint(path, weights, dict(own["settings"]), [dict(row) for row in own["history"]])
    except LOAD_ERRORS as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        fail(BadInput, "BT2040", str(path), f"it is no checkpoint of fit(): {reason}", "give the last.ckpt or "
             "best.ckpt of a run's out_dir")


def _check_weights(path: Path, checkpoint: Checkpoint, model: nn.Module) -> None:
    """Raises `BadInput` (BT2042) naming every tensor that is missing, unknown or of another shape."""
    found = Diagnostics()
    own = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    there = {name: tuple(getattr(value, "shape", ())) for name, value in checkpoint.weights.items()}
    for name in sorted(own.keys() | there.keys()):
        if own.get(name) != there.get(name):
            found.add("BT2042", f"{path}, {name}", f"the checkpoint has {there.get(name, 'none')}, the model "
                      f"{own.get(name, 'none')}", "build the same model with the same preset")
    found.raise_as(BadInput)
