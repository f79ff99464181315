"""From a model in float to the same model in the accelerator's arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import brevitas.nn as qnn
import torch
from torch import Tensor, nn

from ..errors import BadInput, Diagnostics, Unsupported, declare, fail
from ..quantization.presets import Quantizer
from .activations import AverageRounding, Saturate, SaturatedReLU
from .fold import fold_batch_norms
from .layers import QuantizationAwareModule
from .policy import Policy
from .presets import PRESETS
from .quantizers import bias_quantizer, data_quantizer, weight_quantizer

declare({
    "BT5346": "a layer of a model does not have the accelerator's arithmetic",
    "BT5347": "there is no preset of this name",
})

PLAIN = (nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.Linear, nn.BatchNorm1d, nn.BatchNorm2d)
"""PyTorch's own layers, which a model may hold as parts of layers only."""

QUANTIZED: dict[type[nn.Module], Any] = {
    nn.Conv1d: qnn.QuantConv1d, nn.Conv2d: qnn.QuantConv2d, nn.ConvTranspose2d: qnn.QuantConvTranspose2d,
}
DATA: dict[type[nn.Module], Callable[[Any], nn.Module]] = {
    Saturate: lambda module: qnn.QuantIdentity(act_quant=data_quantizer()),
    SaturatedReLU: lambda module: qnn.QuantReLU(act_quant=data_quantizer()),
    AverageRounding: lambda module: qnn.QuantIdentity(act_quant=data_quantizer(module.rounding)),
}
"""What makes integers of the values that a module of the float model clips."""

Quantizers = Callable[[int, QuantizationAwareModule, float], Quantizer]
"""Takes weight bits, layer and shift quantile; gives the quantizer of the layer's weights."""


def quantize(model: nn.Module, policy: Policy | str) -> nn.Module:
    """A copy of the model that computes in the accelerator's arithmetic, ready to be trained and frozen; batch norms
    are folded. Its parameters keep their names. `policy` may be the name of a preset.

    Raises `BadInput` for a policy that does not fit the model (BT5345) or does not exist (BT5347), `Unsupported`
    (BT5346) naming every layer that is PyTorch's own.
    """
    return converted(model, policy_named(policy), shifted_weights)


def policy_named(policy: Policy | str) -> Policy:
    """The policy of a preset, or the given one itself. Raises `BadInput` (BT5347)."""
    if isinstance(policy, Policy):
        return policy
    if policy not in PRESETS:
        fail(BadInput, "BT5347", f"preset {policy!r}", "it does not exist", f"use one of {', '.join(PRESETS)}, or a "
             "policy")
    return PRESETS[policy]


def shifted_weights(bits: int, layer: QuantizationAwareModule, quantile: float) -> Quantizer:
    """Weights with the output shift that covers them."""
    return weight_quantizer(bits, layer.bias_bits, quantile)


def converted(model: nn.Module, policy: Policy, quantizers: Quantizers) -> nn.Module:
    """See `quantize`; `quantizers` chooses the quantizer of every layer's weights."""
    check_layers(model)
    quantized = fold_batch_norms(model)
    layers = weighted_layers(quantized)
    policy.check_layers(list(layers))
    for path, layer in layers.items():
        bits, quantile = policy.of(path, layer.own_bits)
        layer.op = _quantized_op(layer.op, quantizers(bits, layer, quantile), bias_quantizer(layer.bias_bits))
    for module in list(quantized.modules()):
        for name, child in module.named_children():
            if type(child) in DATA:
                setattr(module, name, DATA[type(child)](child))
    return _with_quantized_input(quantized).train(model.training)


def weighted_layers(model: nn.Module) -> dict[str, QuantizationAwareModule]:
    """The layers that have weights, by path."""
    return {path: module for path, module in model.named_modules()
            if isinstance(module, QuantizationAwareModule) and module.op is not None}


def check_layers(model: nn.Module) -> None:
    """Raises `Unsupported` (BT5346) naming every layer that is PyTorch's own and no part of a layer."""
    found = Diagnostics()
    parts = {id(part) for layer in model.modules() if isinstance(layer, QuantizationAwareModule)
             for part in layer.children()}
    for path, module in model.named_modules():
        if isinstance(module, PLAIN) and id(module) not in parts:
            found.add("BT5346", path or "the model", f"it is PyTorch's {type(module).__name__}",
                      "use the layers of bittrue.max7800x")
    found.raise_as(Unsupported)


def _quantized_op(plain: Any, weights: Quantizer, biases: Quantizer) -> nn.Module:
    """The Brevitas form of a convolution or linear layer, with the same parameters."""
    has_bias = plain.bias is not None
    common = {"bias": has_bias, "weight_quant": weights, "bias_quant": biases if has_bias else None,
              "device": plain.weight.device}
    if isinstance(plain, nn.Linear):
        layer = qnn.QuantLinear(plain.in_features, plain.out_features, **common)
    else:
        if isinstance(plain, nn.ConvTranspose2d):
            common["output_padding"] = plain.output_padding
        layer = QUANTIZED[type(plain)](plain.in_channels, plain.out_channels, plain.kernel_size, stride=plain.stride,
                                       padding=plain.padding, dilation=plain.dilation, groups=plain.groups, **common)
    with torch.no_grad():  # in place: the quantizer holds the parameter itself
        for name, parameter in plain.named_parameters():
            layer.get_parameter(name).copy_(parameter)
    return layer  # type: ignore[no-any-return]


class _QuantizedInput(nn.Module):
    """Placed in front of a model's class: its input is quantized, then all goes on as before."""

    input_quant: nn.Module

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Any:
        return super().forward(self.input_quant(x), *args, **kwargs)


def _with_quantized_input(model: nn.Module) -> nn.Module:
    """The model with a quantizer of its input. It stays what it is otherwise, so that all paths stay what they are."""
    quantizer = qnn.QuantIdentity(act_quant=data_quantizer())
    if isinstance(model, nn.Sequential):
        model._modules = {"input_quant": quantizer, **model._modules}
    else:
        model.input_quant = quantizer
        model.__class__ = type(f"Quantized{type(model).__name__}", (_QuantizedInput, type(model)), {})
    return model
