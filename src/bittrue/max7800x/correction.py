"""Bias correction: few bits move the mean of a layer's sums; the bias brings it back (Nagel et al. 2019)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from .convert import weighted_layers
from .fold import fold_batch_norms

FEW_BITS = 2
"""Up to so many bits the mean moves far: one-bit weights are -1 and 0, so that without correction every sum is too
small, and a ReLU behind it may never let anything pass."""


def correct_biases(quantized: nn.Module, model: nn.Module, x: Tensor, most_bits: int = FEW_BITS) -> nn.Module:
    """Add to the biases of all layers of at most `most_bits` weight bits, from the first to the last, by how much the
    mean of each channel's sums differs from that of the float model it was made from; x is a batch of samples.

    The quantized model is changed, and returned in its mode. Layers without bias stay as they are.
    """
    training = quantized.training
    wanted = _means(fold_batch_norms(model).eval(), x)
    for path, layer in weighted_layers(quantized.eval()).items():
        op, weight = layer.op, layer.op.quant_weight()
        if op.bias is not None and float(weight.bit_width) <= most_bits:
            with torch.no_grad():
                rounded = op.bias_quant(op.bias, None, weight).value
                op.bias.copy_(rounded + wanted[path] - _means(quantized, x)[path])
    return quantized.train(training)


def _means(model: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """The mean of every layer's sums (with bias), per channel, by path."""
    found: dict[str, Tensor] = {}

    def note(path: str) -> Callable[..., None]:
        def hook(module: nn.Module, arguments: Any, sums: Tensor) -> None:
            found[path] = sums.mean([axis for axis in range(sums.ndim) if axis != 1])
        return hook

    hooks = [layer.op.register_forward_hook(note(path)) for path, layer in weighted_layers(model).items()]
    try:
        with torch.no_grad():
            model(x)
    finally:
        for hook in hooks:
            hook.remove()
    return found
