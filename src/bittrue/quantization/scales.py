"""Where scales come from: the largest values that a quantizer meets on sample data, and the weights themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from brevitas.core.scaling import ParameterFromRuntimeStatsScaling, ParameterScaling
from brevitas.nn.mixin.parameter import QuantWeightMixin
from brevitas.nn.quant_layer import QuantNonLinearActLayer
from torch import Tensor, nn

from .quiet import quiet

with quiet():
    from brevitas.graph.calibrate import calibration_mode


def set_activation_scales(model: nn.Module, batches: Iterable[tuple[Tensor, ...]]) -> None:
    """Set every activation scale from the float activations of some batches (one tensor per input), anew.

    A threshold becomes the mean over the batches of the largest magnitude (Brevitas' statistic). A quantizer shared by
    several operands takes the operand with the largest mean, so that none of them is clipped for the others' sake.
    Batch norms that were never trained normalize by the batch, as they will when training starts.
    """
    scalings = [m for m in model.modules() if isinstance(m, ParameterFromRuntimeStatsScaling)]
    for scaling in scalings:
        _forget(scaling)
    with _evaluating(model), _recording(scalings) as seen, _clipping(model), torch.no_grad():
        mode = calibration_mode(model)
        with mode:
            count = 0
            for batch in batches:
                model(*batch)
                count += 1
            for scaling, values in seen.items():
                scaling.buffer.copy_(_largest_operand(values, count))


def set_weight_scales(model: nn.Module) -> None:
    """Start every learned weight scale from its weights (the least squared error)."""
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, QuantWeightMixin):
                module.quant_weight()


def activation_scales(model: nn.Module) -> dict[str, float]:
    """The scale of every activation quantizer by module path (scales are per tensor)."""
    return {name: float(module.act_quant.scale().detach()) for name, module in model.named_modules()
            if isinstance(module, QuantNonLinearActLayer) and module.act_quant.is_quant_enabled}


def is_calibrated(activation: Any) -> bool:
    """Whether a quantized activation takes its scale from data (and not from a given clip, as behind a ReLU6)."""
    return isinstance(_scaling(activation.act_quant), ParameterFromRuntimeStatsScaling)


def _scaling(proxy: Any) -> nn.Module:
    scaling: nn.Module = proxy.fused_activation_quant_proxy.tensor_quant.scaling_impl
    return scaling


def _forget(scaling: Any) -> None:
    with torch.no_grad():
        scaling.value.fill_(1.0)
        scaling.buffer.fill_(1.0)
    scaling.counter = 0


def _largest_operand(values: list[Tensor], batches: int) -> Tensor:
    """The largest of the operands' means over the batches; the calls of one batch follow each other in `values`."""
    calls = len(values) // batches
    return torch.stack([torch.stack(values[call::calls]).mean(0) for call in range(calls)]).amax(0)


@contextmanager
def _recording(scalings: list[Any]) -> Iterator[dict[Any, list[Tensor]]]:
    """Collects what each scaling's statistic says, call by call."""
    seen: dict[Any, list[Tensor]] = {scaling: [] for scaling in scalings}

    def recorder(scaling: Any) -> Callable[[nn.Module, Any, Tensor], None]:
        def record(module: nn.Module, arguments: Any, value: Tensor) -> None:
            seen[scaling].append(scaling.clamp_scaling(value.detach()).clone())
        return record

    hooks = [scaling.stats.register_forward_hook(recorder(scaling)) for scaling in scalings]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def _clipping(model: nn.Module) -> Iterator[None]:
    """Clips behind the quantizers whose threshold is given (ReLU6), which observe only while scales are collected."""
    def clip(module: Any, arguments: Any, value: Tensor) -> Tensor:
        return value.clamp(max=_scaling(module.act_quant)(value))

    hooks = [m.register_forward_hook(clip) for m in model.modules() if isinstance(m, QuantNonLinearActLayer)
             and m.act_quant.is_quant_enabled and isinstance(_scaling(m.act_quant), ParameterScaling)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode, except for batch norms without statistics; afterwards everything is as it was."""
    was = {module: module.training for module in model.modules()}
    model.eval()
    fresh = [m for m in model.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)
             and m.num_batches_tracked is not None and int(m.num_batches_tracked) == 0]
    for norm in fresh:
        norm.train()
    try:
        yield
    finally:
        for norm in fresh:
            norm.reset_running_stats()
        for module, training in was.items():
            module.training = training
