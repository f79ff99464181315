"""Batch norms as a part of weights and biases (Jacob et al. 2018, section 3.2)."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from .layers import NORM_SHARE, QuantizationAwareModule


def fold_batch_norms(model: nn.Module) -> nn.Module:
    """A copy of the model without batch norms that computes the same in evaluation mode, up to float rounding.

    With the norm y = gamma * (x - mean) / std + beta behind a layer x = w * data + b, of which the layer hands out a
    quarter, the new weights are w * gamma / std / 4 and the new bias ((b - mean) * gamma / std + beta) / 4. A layer
    without bias gets one.
    """
    folded = copy.deepcopy(model)
    with torch.no_grad():
        for module in folded.modules():
            if isinstance(module, QuantizationAwareModule) and module.bn is not None:
                _fold(module)
    return folded


def _fold(layer: QuantizationAwareModule) -> None:
    op, norm = layer.op, layer.bn
    ones = torch.ones_like(norm.running_mean, dtype=torch.float64)
    gamma, beta, bias = (_or(value, default) for value, default in
                         ((norm.weight, ones), (norm.bias, 0 * ones), (op.bias, 0 * ones)))
    gain = NORM_SHARE * gamma / torch.sqrt(norm.running_var.double() + norm.eps)
    new_bias = (bias - norm.running_mean.double()) * gain + NORM_SHARE * beta
    op.weight.copy_(op.weight.double() * _along_outputs(op, gain))
    op.bias = nn.Parameter(new_bias.to(op.weight.dtype))
    layer.bn = None


def _or(value: Tensor | None, default: Tensor) -> Tensor:
    return default if value is None else value.double()


def _along_outputs(op: nn.Module, gain: Tensor) -> Tensor:
    """Gains (O,) in a shape that multiplies the weights of every output: (O, I/groups, *K), or (I, O/groups, *K) of a
    transposed convolution, whose groups have their outputs one after the other."""
    weight: Tensor = op.weight  # type: ignore[assignment]
    ones = (1,) * (weight.ndim - 2)
    if not isinstance(op, nn.ConvTranspose1d | nn.ConvTranspose2d):
        return gain.reshape(-1, 1, *ones)
    per_group = gain.reshape(op.groups, weight.shape[1])
    return per_group.repeat_interleave(weight.shape[0] // op.groups, 0).reshape(*weight.shape[:2], *ones)
