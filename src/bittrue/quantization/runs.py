"""A training run on disk: which model, preset and data set, beside the checkpoints. `bittrue train` writes it,
`bittrue freeze` reads it."""

from __future__ import annotations

import importlib.util
import inspect
import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..errors import BadInput, declare, fail
from ..files import write_whole
from ..zoo import ZOO
from .checkpoint import load_weights
from .convert import quantize
from .data import CLASSES, SHAPES, DataSet, load_data
from .families import family_of

declare({
    "BT2060": "there is no such model",
    "BT2061": "a folder holds no training run",
    "BT2062": "a preset has no post-training quantization of its own",
})

RUN_FILE = "run.json"
EXAMPLES = 32
"""Images from which `quantize` takes its first scales; training replaces them."""

MODELS: dict[str, Callable[[], nn.Module]] = {name: entry.model for name, entry in ZOO.items()}
"""The built-in networks by name."""


@dataclass(frozen=True)
class Run:
    """What rebuilds a quantized model: `model` is a built-in name or `file.py:function`, `policy` the text of the
    policy file that completes the preset, if there is one.

    The function needs no arguments. One that takes `num_classes`, `num_channels` or `dimensions` (or `pretrained` and
    any keyword, as ai8x's do) is given those of the data set.
    """

    model: str
    preset: str
    data: str
    policy: str = ""

    def plain(self) -> nn.Module:
        """The float model, freshly initialized from seed 0. Raises `BadInput` (BT2060)."""
        factory = MODELS.get(self.model) or _from_file(self.model)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = factory(**_wanted(factory, _facts(self.data)))
        if not isinstance(model, nn.Module):
            fail(BadInput, "BT2060", f"model {self.model!r}", f"it returns {type(model).__name__}, not an nn.Module",
                 "return the model, not its class")
        return model

    def images(self, root: Path | None = None) -> DataSet:
        """The data set, with the images that models of the preset take. Raises as `load_data`."""
        data, family = load_data(self.data, root), family_of(self.preset)
        return family.images(data) if family else data

    def folded(self, plain: nn.Module) -> nn.Module:
        """The float model with its batch norms folded, where the preset's family does that before quantization."""
        family = family_of(self.preset)
        return family.folded(plain) if family else plain

    def quantized(self, plain: nn.Module, data: DataSet) -> nn.Module:
        """The fake-quantized form of `plain` under the run's preset. Raises what `quantize` raises."""
        examples, family = torch.from_numpy(data.normalization(data.train_pixels[:EXAMPLES])), family_of(self.preset)
        if family is not None:
            return family.quantized(plain, self.preset, self.policy, examples)
        return quantize(plain, self.preset, example_input=examples)

    def trained(self, checkpoint: Path, root: Path | None = None) -> tuple[nn.Module, DataSet]:
        """The quantized model with the weights of a checkpoint, in evaluation mode, and its data set."""
        data = self.images(root)
        return load_weights(checkpoint, self.quantized(self.plain(), data)).eval(), data

    def clipped(self, checkpoint: Path, method: str, root: Path | None = None,
                **numbers: Any) -> tuple[nn.Module, DataSet]:
        """The float model with the weights of a checkpoint, quantized without training, and its data set.

        Raises `BadInput` (BT2062) for presets whose family has no clipping methods.
        """
        family = family_of(self.preset)
        if family is None:
            fail(BadInput, "BT2062", f"preset {self.preset}", "it has no clipping methods", "use a preset max7800x-w8, "
                 "or bittrue.quantization.calibrate")
        plain = load_weights(checkpoint, self.plain()).eval()
        return family.clipped(plain, self.preset, self.policy, method, **numbers), self.images(root)

    def to_json(self) -> dict[str, str]:
        """A plain dictionary, without a policy where there is none."""
        return {name: value for name, value in asdict(self).items() if value or name != "policy"}

    def save(self, folder: Path) -> None:
        """Write `run.json` into the folder, at once or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / RUN_FILE, (json.dumps(self.to_json(), indent=2) + "\n").encode())

    @classmethod
    def load(cls, folder: Path) -> Run:
        """Read `run.json`. Raises `BadInput` (BT2061)."""
        path = folder / RUN_FILE
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            return cls(**{name: str(fields[name]) for name in ("model", "preset", "data")},
                       policy=str(fields.get("policy", "")))
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            fail(BadInput, "BT2061", str(path), f"it cannot be read as a training run: {error}",
                 "name a folder that `bittrue train --out` wrote")


def _facts(data: str) -> dict[str, Any]:
    """What a model may want to know of its data set, by ai8x's names; nothing of one's own set."""
    if data not in SHAPES:
        return {}
    return {"num_classes": CLASSES[data], "num_channels": SHAPES[data][0], "dimensions": SHAPES[data][1:]}


def _wanted(function: Callable[..., Any], facts: dict[str, Any]) -> dict[str, Any]:
    """The facts that a function takes: by name, or all if it takes `pretrained` and any keyword."""
    parameters = inspect.signature(function).parameters
    takes_all = "pretrained" in parameters and any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    return {name: value for name, value in facts.items() if takes_all or name in parameters}


def _needs_only(function: Callable[..., Any], given: Iterable[str]) -> bool:
    return all(parameter.default is not parameter.empty or name in given
               or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
               for name, parameter in inspect.signature(function).parameters.items())


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
    if not callable(factory) or not _needs_only(factory, _facts(next(iter(SHAPES)))):
        fail(BadInput, "BT2060", f"model {model!r}", f"the file defines no function {name!r} without arguments",
             "name a function without arguments that returns an nn.Module")
    return factory  # type: ignore[no-any-return]
