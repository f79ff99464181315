"""What every module and function of a captured model means, as two tables: its steps, in order.

A rule gives the steps of a call with one operand. Each step comes with the suffix that its name gets behind the
module's path ("" for the step that the module stands for). A sum, a concatenation and modules that hold several
quantizers have more operands; `translate` knows these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import brevitas.nn as qnn
import numpy as np
from brevitas.nn.quant_layer import QuantNonLinearActLayer
from brevitas.nn.quant_layer import QuantWeightBiasInputOutputLayer as QuantLayer
from brevitas.proxy.runtime_quant import ActQuantProxyFromInjectorBase
from torch import nn

from . import geometry
from .geometry import Call, per_axis, same_pads
from .model import Act, Clamp, Convolve, ConvolveTransposed, Dense, Magnitude, Normalize, Same, Slope
from .parameters import float32, read_batch_norm, read_bias, read_weight
from .problems import need, obstacle

Named = tuple[str, Act]
"""The suffix of a step's name, and the step."""

SUPPORTED_MODULES = "QuantConv1d, QuantConv2d, QuantConvTranspose1d, QuantConvTranspose2d, QuantLinear, " \
                    "QuantReLU, QuantIdentity, QuantHardTanh, QuantEltwiseAdd, BatchNorm1d, BatchNorm2d, ReLU, " \
                    "LeakyReLU, ReLU6, Hardtanh, PReLU with one slope, max and average pooling, ZeroPad, Flatten, " \
                    "Unflatten, Dropout, Identity, BitwiseOr, BitwiseXor"
SUPPORTED_FUNCTIONS = "+, -, abs, cat, flatten, view, reshape, squeeze, unsqueeze, permute, transpose, pad, relu, " \
                      "leaky_relu, relu6, hardtanh, clamp, max_pool, avg_pool, adaptive_avg_pool, mean over the " \
                      "image, dropout"


def convolution(layer: Any, call: Call) -> list[Named]:
    """QuantConv1d and QuantConv2d: sum of products, then the bias."""
    weight, elem, scale = read_weight(layer)
    rank = len(call.size)
    act = Convolve(weight, elem, scale, per_axis(layer.stride, rank), same_pads(layer, call.size),
                   per_axis(layer.dilation, rank), int(layer.groups))
    return [("", act), *_bias(layer, 1)]


def transposed_convolution(layer: Any, call: Call) -> list[Named]:
    """QuantConvTranspose1d and QuantConvTranspose2d: sum of products, then the bias."""
    rank = len(call.size)
    need(layer.padding_mode == "zeros", "BT2117", f"it pads with mode {layer.padding_mode!r}",
         "use padding_mode='zeros'")
    stride, padding, extra, dilation = (per_axis(getattr(layer, name), rank) for name in
                                        ("stride", "padding", "output_padding", "dilation"))
    act = ConvolveTransposed(*read_weight(layer), stride, padding, extra, dilation, int(layer.groups))
    need(call.out[2:] == act.size(call.size), "BT2117", f"it was called for an output of {list(call.out[2:])}",
         "leave output_size out, and give output_padding instead")
    return [("", act), *_bias(layer, 1)]


def linear(layer: Any, call: Call) -> list[Named]:
    """QuantLinear: sum of products, then the bias."""
    return [("", Dense(*read_weight(layer))), *_bias(layer, -1)]


def _bias(layer: Any, axis: int) -> list[Named]:
    return [] if layer.bias is None else [(".bias", read_bias(layer, axis))]


def activation(module: nn.Module) -> tuple[Act, ...]:
    """The steps of an activation function's module."""
    rule = next((ACTIVATIONS[kind] for kind in type(module).__mro__ if kind in ACTIVATIONS), None)
    if rule is None:
        obstacle("BT2101", f"{type(module).__name__} is no piecewise linear activation function",
                 "use ReLU, LeakyReLU, ReLU6 or Hardtanh")
    acts: tuple[Act, ...] = rule(module)
    return acts


def relu() -> tuple[Act, ...]:
    """max(x, 0)."""
    return (Slope(0.0),)


def leaky_relu(negative_slope: float = 0.01) -> tuple[Act, ...]:
    """x where x >= 0, else negative_slope * x."""
    need(0 <= negative_slope < float("inf"), "BT2116", f"the slope {negative_slope} is negative, so it is not monotone",
         "use a slope of at least 0")
    return (Slope(float32(negative_slope)),)


def clamp(min: Any = None, max: Any = None) -> tuple[Act, ...]:
    """Clipping between two numbers."""
    need(all(v is None or isinstance(v, (int, float)) for v in (min, max)), "BT2102", "its bounds are tensors",
         "clamp to numbers")
    return (Clamp(float32(-np.inf if min is None else min), float32(np.inf if max is None else max)),)


def _prelu(module: Any) -> tuple[Act, ...]:
    need(module.weight.numel() == 1, "BT2101", "PReLU has a slope per channel", "use num_parameters=1 or LeakyReLU")
    return leaky_relu(float(module.weight))


ACTIVATIONS: dict[type[nn.Module], Callable[[Any], tuple[Act, ...]]] = {
    nn.Identity: lambda m: (Same(),),
    nn.ReLU: lambda m: relu(),
    nn.LeakyReLU: lambda m: leaky_relu(m.negative_slope),
    nn.ReLU6: lambda m: clamp(0, 6),
    nn.Hardtanh: lambda m: clamp(m.min_val, m.max_val),
    nn.PReLU: _prelu,
}


def _dropout(training: bool) -> tuple[Act, ...]:
    need(not training, "BT2115", "dropout is active", "pass training=self.training, and call model.eval()")
    return (Same(),)


MODULES: dict[type[nn.Module], Callable[[Any, Call], tuple[Act, ...]]] = {
    **{kind: lambda m, call: activation(m) for kind in ACTIVATIONS},
    **dict.fromkeys((nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout), lambda m, call: _dropout(m.training)),
    **dict.fromkeys((nn.BatchNorm1d, nn.BatchNorm2d), lambda m, call: (Normalize(read_batch_norm(m)),)),
    **dict.fromkeys((nn.MaxPool1d, nn.MaxPool2d), lambda m, call: geometry.max_pool(
        call, m.kernel_size, m.stride, m.padding, m.dilation, m.ceil_mode, m.return_indices)),
    **dict.fromkeys((nn.AvgPool1d, nn.AvgPool2d), lambda m, call: geometry.avg_pool(
        call, m.kernel_size, m.stride, m.padding, m.ceil_mode, m.count_include_pad,
        getattr(m, "divisor_override", None))),
    **dict.fromkeys((nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d),
                    lambda m, call: geometry.adaptive_avg_pool(call, m.output_size)),
    **dict.fromkeys((nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d),
                    lambda m, call: geometry.adaptive_max_pool(call, m.output_size, m.return_indices)),
    **dict.fromkeys((nn.ZeroPad1d, nn.ZeroPad2d), lambda m, call: geometry.pad(call, m.padding)),
    **dict.fromkeys((nn.ConstantPad1d, nn.ConstantPad2d), lambda m, call: geometry.pad(call, m.padding, value=m.value)),
    **dict.fromkeys((nn.Flatten, nn.Unflatten), lambda m, call: geometry.to_shape(call)),
}
"""Plain modules by their kind."""

LAYERS: dict[type[nn.Module], Callable[[Any, Call], list[Named]]] = {
    qnn.QuantConv1d: convolution, qnn.QuantConv2d: convolution, qnn.QuantLinear: linear,
    qnn.QuantConvTranspose1d: transposed_convolution, qnn.QuantConvTranspose2d: transposed_convolution,
}
"""Brevitas layers with weights; their own input and output quantizers are added around these steps."""

_SAME = dict.fromkeys(("contiguous", "clone", "detach", "identity", "requires_grad"), lambda call, *a, **k: (Same(),))
_SHAPES = dict.fromkeys(("flatten", "view", "reshape", "squeeze", "unsqueeze", "unflatten", "view_as", "reshape_as"),
                        geometry.to_shape)

FUNCTIONS: dict[str, Callable[..., tuple[Act, ...]]] = {
    **_SAME, **_SHAPES,
    "relu": lambda call, inplace=False: relu(),
    "leaky_relu": lambda call, negative_slope=0.01, inplace=False: leaky_relu(negative_slope),
    "relu6": lambda call, inplace=False: clamp(0, 6),
    "hardtanh": lambda call, min_val=-1.0, max_val=1.0, inplace=False: clamp(min_val, max_val),
    **dict.fromkeys(("clamp", "clip"), lambda call, min=None, max=None: clamp(min, max)),
    **dict.fromkeys(("clamp_min",), lambda call, min: clamp(min, None)),
    **dict.fromkeys(("dropout", "dropout1d", "dropout2d"),
                    lambda call, p=0.5, training=True, inplace=False, train=None: _dropout(training)),
    **dict.fromkeys(("max_pool1d", "max_pool2d"), geometry.max_pool),
    **dict.fromkeys(("avg_pool1d", "avg_pool2d"), geometry.avg_pool),
    **dict.fromkeys(("adaptive_avg_pool1d", "adaptive_avg_pool2d"), geometry.adaptive_avg_pool),
    **dict.fromkeys(("adaptive_max_pool1d", "adaptive_max_pool2d"), geometry.adaptive_max_pool),
    "pad": geometry.pad,
    "abs": lambda call: (Magnitude(),),
    "mean": geometry.mean,
    "permute": geometry.permute,
    **dict.fromkeys(("transpose", "swapaxes"), geometry.transpose),
}
"""Functions and tensor methods of one operand by their Python name; called with the arguments behind it."""


def proxies_called(module: nn.Module | None, operands: int) -> list[nn.Module]:
    """The enabled quantizers that a call of a module with so many operands calls, in order."""
    if isinstance(module, ActQuantProxyFromInjectorBase):
        called = [module]
    elif isinstance(module, QuantNonLinearActLayer):
        called = [module.input_quant, module.act_quant]
    elif isinstance(module, QuantLayer):
        called = [module.input_quant, module.output_quant]
    elif isinstance(module, qnn.QuantEltwiseAdd):
        called = [module.input_quant] * operands + [module.output_quant]
    else:
        return []
    return [proxy for proxy in called if proxy.is_quant_enabled]
