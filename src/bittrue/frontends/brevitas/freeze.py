"""Freezing: a trained Brevitas model becomes an integer graph with a certificate that both are equal."""

from __future__ import annotations

import copy
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ...errors import BadInput, Diagnostics, Unsupported, fail
from ...ir import Graph, Rounding, Scale
from ...ir.onnx import save as save_onnx
from ...ir.onnx import to_bytes, to_model
from ...numerics import certificate as certificates
from ...numerics.certificate import Certificate
from ...numerics.proof import prove
from ...numerics.steps import StepModel
from .capture import capture, check_replay, evaluation
from .lower import Lowered, lower
from .state import Snap
from .translate import translate


@dataclass(frozen=True)
class Change:
    """A parameter of the model that freezing moved: the bias of an unquantized output, to its accumulator's grid.

    `largest` is the largest change of a channel, `grid` the largest distance of two neighbours on the grid; `channels`
    counts the channels that changed.
    """

    layer: str
    channels: int
    largest: float
    grid: float

    def __str__(self) -> str:
        return f"{self.layer}.bias: {self.channels} channels moved to the accumulator's grid, by up to " \
               f"{self.largest:.3g} (the grid's step is {self.grid:.3g})"


@dataclass(frozen=True, eq=False)
class Frozen:
    """A frozen model.

    `graph` is the integer graph, `steps` the trained step function of every Requant node of it, `model` a copy of the
    trained model (with the `changes` applied), `lowered` what float64 evaluation needs.
    """

    graph: Graph
    steps: dict[str, StepModel]
    model: nn.Module
    lowered: Lowered
    changes: tuple[Change, ...]

    @property
    def input_scale(self) -> dict[str, Scale]:
        """The scale of every input of the graph: real value = integer * scale."""
        return {node.name: node.scale for node in self.graph.inputs if node.scale is not None}

    @cached_property
    def certificate(self) -> Certificate:
        """The proof that every requantization is the trained step function; its verdict is "proved" or says what is
        not."""
        return prove(self.graph, self.steps, to_bytes(to_model(self.graph)))

    def save(self, path: str | os.PathLike[str]) -> tuple[Path, Path]:
        """Write `<path>.onnx` and `<path>.cert.json`, each completely or not at all; returns both paths.

        A trailing `.onnx` of `path` is dropped. Raises `BadInput` (BT1113, BT3101) where they cannot be written.
        """
        base = str(path).removesuffix(".onnx")
        model, proof = Path(f"{base}.onnx"), Path(f"{base}.cert.json")
        certificate = self.certificate
        save_onnx(self.graph, model)
        certificates.save(certificate, proof)
        return model, proof


def freeze(model: nn.Module, example_input: Tensor, *, name: str = "model", max_multiplier_bits: int = 31,
           rounding: Rounding | None = None, snap: bool = True) -> Frozen:
    """Freeze a trained Brevitas model.

    `example_input` is a float32 batch (batch, *shape); the model runs on it once, in evaluation mode, and is not
    changed. Multipliers have at most `max_multiplier_bits` bits; `rounding` is that of the requantizations, where it
    shall differ from the quantizers' own (the result is exact all the same, or refused). With `snap` the bias of an
    output without a quantizer is moved to its accumulator's grid (in `Frozen.model`, reported in `Frozen.changes`);
    without, such a bias is refused unless it is on the grid.

    Raises `Unsupported` with everything that cannot be frozen (BT2101..BT2122), each with the layer and a fix, or that
    has no exact multiplier (BT3010); `BadInput` for a model that fails on the example.
    """
    model = _copied(model)
    _check_hooks(model)
    _check_example(example_input)
    example = example_input.detach().cpu()
    with evaluation(model), torch.no_grad():
        captured = capture(model, example)
        trained = translate(captured)
        check_replay(model, captured, example)
        lowered = lower(trained, name, snap=snap, max_multiplier_bits=max_multiplier_bits, rounding=rounding)
    model.eval()
    return Frozen(lowered.graph, lowered.steps, model, lowered, tuple(map(_apply, lowered.snaps)))


def snap_output_bias(model: nn.Module, example_input: Tensor) -> tuple[Change, ...]:
    """Move the biases of outputs without a quantizer to the grid of their accumulators, in the model itself.

    Afterwards model and graph are the same again: `freeze(model, ..., snap=False)` accepts it. Raises as `freeze`.
    """
    frozen = freeze(model, example_input)
    snapped = dict(frozen.model.named_modules())
    modules = dict(model.named_modules())
    layers = {snap.layer for snap in frozen.lowered.snaps}
    for path in (path for path, module in snapped.items() if module in layers):
        with torch.no_grad():
            modules[path].bias.copy_(snapped[path].bias)
    return frozen.changes


def _apply(snap: Snap) -> Change:
    """Move a bias in the (copied) model."""
    before = snap.layer.bias.detach().double().numpy()  # type: ignore[operator]
    after = snap.bias.astype(np.float32)
    with torch.no_grad():
        snap.layer.bias.copy_(torch.from_numpy(after))  # type: ignore[operator]
    distance = np.abs(after - before)
    return Change(snap.name, int((distance > 0).sum()), float(distance.max()), float(snap.grid.max()))


def _copied(model: nn.Module) -> nn.Module:
    """A copy on the CPU, so that the frozen parameters stay what they are when training goes on."""
    try:
        return copy.deepcopy(model).cpu()
    except (RuntimeError, TypeError) as error:
        fail(BadInput, "BT2121", "the model", f"it cannot be copied: {error}",
             "keep tensors that need gradients as parameters, and let forward() store none")


def _check_hooks(model: nn.Module) -> None:
    """A hook may change what a module computes, unseen by everything that reads modules."""
    found = Diagnostics()
    for path, module in model.named_modules():
        if module._forward_hooks or module._forward_pre_hooks:
            found.add("BT2101", path or "the model", "it has forward hooks, which may change what it computes",
                      "remove them before freezing (handle.remove())")
    found.raise_as(Unsupported)


def _check_example(example: Tensor) -> None:
    if not isinstance(example, Tensor) or example.dtype != torch.float32 or example.ndim < 2 or example.shape[0] < 1:
        what = f"{example.dtype} {tuple(example.shape)}" if isinstance(example, Tensor) else type(example).__name__
        fail(BadInput, "BT2121", "the example input", f"it is {what}", "give a float32 tensor (batch, *shape)")
