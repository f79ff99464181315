"""Reads an ai8x checkpoint: what its tensors mean. Nothing in a file can run, see `archive`."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ....errors import BadInput, Diagnostics, declare, fail
from .archive import read_archive
from .pickled import Forbidden
from .stored import FloatArray, StoredTensor

declare({
    "BT5221": "an ai8x checkpoint cannot be read",
    "BT5222": "an ai8x checkpoint wants to run or build what is not allowed",
    "BT5223": "an ai8x checkpoint lacks something, or holds something else",
    "BT5224": "a tensor of an ai8x checkpoint is wrong",
    "BT5225": "an ai8x checkpoint has a batch normalization that is not folded",
})

_LOAD_ERRORS = (OSError, RuntimeError, ValueError, TypeError, LookupError, OverflowError, MemoryError, struct.error,
                zipfile.BadZipFile)
"""What reading a file of any content may end in."""

_ORIGIN = "give a checkpoint as ai8x-training writes it"
PREFIX = "module."
"""Of the names in checkpoints of models that were trained on several devices."""


@dataclass(frozen=True, eq=False)
class Tensors:
    """One layer with weights: what the checkpoint says about it."""

    name: str
    """The weights' name, as in the file."""
    layer: str
    """The layer's name."""
    weight: FloatArray
    bias: FloatArray | None = None
    weight_bits: int | None = None
    output_shift: float | None = None
    shift_quantile: float = 1.0

    @property
    def integer(self) -> bool:
        """Whether all weights are integers."""
        return bool(np.all(self.weight == np.floor(self.weight)))


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A whole checkpoint, layers in its order."""

    path: str
    arch: str | None
    layers: tuple[Tensors, ...]
    copies: tuple[str, ...] = ()
    """Weights that were left out because they are there twice (with and without `module.` before their names)."""


def read_checkpoint(path: str | Path) -> Checkpoint:
    """The checkpoint in a file. Raises `BadInput` (BT5221..BT5225) with every problem."""
    found = Diagnostics()
    checkpoint = parse_checkpoint(load(path), str(path), found)
    found.raise_as(BadInput)
    return checkpoint


def load(path: str | Path) -> dict[str, Any]:
    """What the file holds. Raises `BadInput` (BT5221..BT5223)."""
    try:
        content = read_archive(Path(path).read_bytes())
    except Forbidden as name:
        fail(BadInput, "BT5222", str(path), f"it asks for {name}, which is not needed to read weights",
             "do not use a file of unknown origin; if you trust it, save its state_dict alone")
    except _LOAD_ERRORS as problem:
        reason = str(problem).strip() or type(problem).__name__
        fail(BadInput, "BT5221", str(path), f"it cannot be read: {reason.splitlines()[0][:200]}",
             "give a checkpoint as torch.save writes it")
    if not isinstance(content, dict) or not isinstance(content.get("state_dict"), Mapping):
        fail(BadInput, "BT5223", str(path), "it has no state_dict", _ORIGIN)
    return content


def parse_checkpoint(content: Mapping[str, Any], path: str, found: Diagnostics) -> Checkpoint:
    """The layers with weights in a loaded checkpoint; problems are added to `found`, layers with one are left out."""
    arch = content.get("arch")
    if arch is not None and not isinstance(arch, str):
        found.add("BT5223", path, "its arch is no text", _ORIGIN)
        arch = None
    state = content["state_dict"]
    reader = _Reader(path, {name: value for name, value in state.items() if isinstance(name, str)}, found)
    for name in state:
        if not isinstance(name, str):
            found.add("BT5223", path, "a tensor has no name", _ORIGIN)
    layers = [reader.layer(name) for name in reader.state if name.endswith(".weight")]
    if not layers and not len(found):
        found.add("BT5223", path, "it holds no weights", _ORIGIN)
    return _without_copies(path, arch, [layer for layer in layers if layer is not None])


def _without_copies(path: str, arch: str | None, layers: Sequence[Tensors]) -> Checkpoint:
    first: dict[str, Tensors] = {}
    for layer in layers:
        first.setdefault(layer.layer, layer)
    copies = {layer.name for layer in layers if layer is not first[layer.layer]
              and np.array_equal(layer.weight, first[layer.layer].weight)}
    return Checkpoint(path, arch, tuple(layer for layer in layers if layer.name not in copies),
                      tuple(layer.name for layer in layers if layer.name in copies))


@dataclass(frozen=True)
class _Reader:
    """Turns the tensors of a state_dict into layers."""

    path: str
    state: dict[str, Any]
    found: Diagnostics

    def layer(self, name: str) -> Tensors | None:
        """The layer whose weights have a name; None (and problems) when something of it is wrong."""
        before = len(self.found)
        path = name.removesuffix(".weight")
        owner, _, operation = path.rpartition(".") if "." in path else (path, "", "")
        weight = self._array(name)
        if weight is not None and weight.ndim == 1:
            self._add("BT5225", name, "weights with one dimension belong to a batch normalization",
                      "fold the batch normalization into the layer before it")
        elif weight is not None and not 2 <= weight.ndim <= 4:
            self._add("BT5224", name, f"weights have 2 to 4 dimensions, not {weight.ndim}", "give device weights")
        bias_name = f"{owner}.{operation}.bias" if operation else f"{owner}.bias"
        bias = self._array(bias_name) if bias_name in self.state else None
        bits = self._number(f"{owner}.weight_bits")
        if bits is not None and bits not in (0, 1, 2, 4, 8):
            self._add("BT5224", f"{owner}.weight_bits", f"weights have 1, 2, 4 or 8 bits, not {bits:g}",
                      "quantize with one of these")
        shift, quantile = self._number(f"{owner}.output_shift"), self._number(f"{owner}.shift_quantile")
        if quantile is not None and not 0 <= quantile <= 1:
            self._add("BT5224", f"{owner}.shift_quantile", f"a quantile is 0 to 1, not {quantile:g}", "correct it")
        if len(self.found) > before or weight is None:
            return None
        return Tensors(name, owner.removeprefix(PREFIX), weight, bias, int(bits) if bits else None, shift,
                       1.0 if quantile is None else quantile)

    def _array(self, name: str) -> FloatArray | None:
        """A tensor's finite values, float64 as they are and all else as float32 or, integers, float64."""
        value = self.state[name]
        problem, array = value.read() if isinstance(value, StoredTensor) else (
            f"it is no tensor but {type(value).__name__}", None)
        if problem:
            self._add("BT5224", name, problem, _ORIGIN)
        return array

    def _number(self, name: str) -> float | None:
        """The only value of a tensor, or None when there is no such tensor."""
        if name not in self.state:
            return None
        array = self._array(name)
        if array is not None and array.size != 1:
            self._add("BT5224", name, f"it has {array.size} values, not one", "give the checkpoint of this network")
        return None if array is None or array.size != 1 else float(array.reshape(()))

    def _add(self, code: str, name: str, why: str, fix: str) -> None:
        self.found.add(code, f"{self.path}, {name}", why, fix)
