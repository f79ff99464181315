"""A training run on disk: which model, preset and data set, beside the checkpoints. `bittrue train` writes it,
`bittrue freeze` reads it."""

from __future__ import annotations

import importlib.util
import inspect
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..errors import BadInput, declare, fail
from ..files import write_whole
from ..zoo import ZOO
from .checkpoint import load_weights
from .convert import QuantizedModel, quantize
from .data import DataSet, load_data

declare({
    "BT2060": "there is no such model",
    "BT2061": "a folder holds no training run",
})

RUN_FILE = "run.json"
EXAMPLES = 32
"""Images from which `quantize` takes its first scales; training replaces them."""

MODELS: dict[str, Callable[[], nn.Module]] = {name: entry.model for name, entry in ZOO.items()}
"""The built-in networks by name."""


@dataclass(frozen=True)
class Run:
    """What rebuilds a quantized model: `model` is a built-in name or `file.py:function`, without arguments."""

    model: str
    preset: str
    data: str

    def plain(self) -> nn.Module:
        """The float model, freshly initialized from seed 0. Raises `BadInput` (BT2060)."""
        factory = MODELS.get(self.model) or _from_file(self.model)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = factory()
        if not isinstance(model, nn.Module):
            fail(BadInput, "BT2060", f"model {self.model!r}", f"it returns {type(model).__name__}, not an nn.Module",
                 "return the model, not its class")
        return model

    def quantized(self, plain: nn.Module, data: DataSet) -> QuantizedModel:
        """The fake-quantized form of `plain` under the run's preset. Raises what `quantize` raises."""
        examples = data.normalization(data.train_pixels[:EXAMPLES])
        return quantize(plain, self.preset, example_input=torch.from_numpy(examples))

    def trained(self, checkpoint: Path, root: Path | None = None) -> tuple[nn.Module, DataSet]:
        """The quantized model with the weights of a checkpoint, in evaluation mode, and its data set."""
        data = load_data(self.data, root)
        return load_weights(checkpoint, self.quantized(self.plain(), data)).eval(), data

    def save(self, folder: Path) -> None:
        """Write `run.json` into the folder, at once or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / RUN_FILE, (json.dumps(asdict(self), indent=2) + "\n").encode())

    @classmethod
    def load(cls, folder: Path) -> Run:
        """Read `run.json`. Raises `BadInput` (BT2061)."""
        path = folder / RUN_FILE
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            return cls(**{name: str(fields[name]) for name in ("model", "preset", "data")})
        except (OSError, ValueError, TypeError, KeyError) as error:
            fail(BadInput, "BT2061", str(path), f"it cannot be read as a training run: {error}",
                 "name a folder that `bittrue train --out` wrote")


def _needs_no_arguments(function: Callable[..., Any]) -> bool:
    return all(parameter.default is not parameter.empty or parameter.kind in (parameter.VAR_POSITIONAL,
                                                                              parameter.VAR_KEYWORD)
               for parameter in inspect.signature(function).parameters.values())


def _from_file(model: str) -> Callable[[], nn.Module]:
    """The function of `file.py:function`, which is the user's own code."""
    path, _, name = model.rpartition(":")
    if not path.endswith(".py") or not Path(path).is_file():
        fail(BadInput, "BT2060", f"model {model!r}", "it is no built-in model and no existing `file.py:function`",
             f"use one of {', '.join(MODELS)}, or a file of your own")
    spec = importlib.util.spec_from_file_location(f"bittrue_model_{Path(path).stem}", path)
    if spec is None or spec.loader is None:
        fail(BadInput, "BT2060", f"model {model!r}", "Python cannot import the file", "check the file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up there
    sys.path.insert(0, str(Path(path).resolve().parent))  # the file may import its neighbours
    spec.loader.exec_module(module)
    factory = getattr(module, name, None)
    if not callable(factory) or not _needs_no_arguments(factory):
        fail(BadInput, "BT2060", f"model {model!r}", f"the file defines no function {name!r} without arguments",
             "name a function without arguments that returns an nn.Module")
    return factory  # type: ignore[no-any-return]
