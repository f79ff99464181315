"""Reading frozen parameters from Brevitas modules: integers and scales of weights, biases and activation quantizers.

Everything is read once, in float32, as the trained model itself computes it; `Obstacle`s name what is no plain integer
quantization with zero point 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from brevitas.core.quant import RescalingIntQuant
from brevitas.proxy.runtime_quant import ActQuantProxyFromInjector, DynamicActQuantProxyFromInjector
from brevitas.quant_tensor import IntQuantTensor
from torch import Tensor, nn

from ...ir import IntArray, IntType, Rounding
from ...numerics.steps import BatchNorm, FloatArray
from .model import Act, Bias, Quantize, QuantizedBias, floats
from .problems import need, obstacle

_TIES = (-1.5, -0.5, 0.5, 1.5, 2.5, -0.7, -0.3, 0.3, 0.7)
_ROUNDED: dict[tuple[float, ...], Rounding] = {
    (-2, 0, 0, 2, 2, -1, 0, 0, 1): Rounding.HALF_EVEN,
    (-1, 0, 1, 2, 3, -1, 0, 0, 1): Rounding.HALF_UP,
    (-2, -1, 1, 2, 3, -1, 0, 0, 1): Rounding.HALF_AWAY,
    (-2, -1, 0, 1, 2, -1, -1, 0, 0): Rounding.FLOOR,
    (-1, 0, 0, 1, 2, 0, 0, 0, 0): Rounding.TOWARD_ZERO,
}
_PLAIN_QUANTIZER = "use a scaled integer quantizer with zero point 0, such as " \
                   "brevitas.quant.Int8ActPerTensorFloat or Uint8ActPerTensorFloat"


def rounding_of(module: nn.Module) -> Rounding:
    """The rounding mode of a quantizer's rounding module, found by what it does on ties and beside them."""
    rounded = tuple(module(torch.tensor(_TIES)).tolist())
    if rounded not in _ROUNDED:
        obstacle("BT2108", f"{type(module).__name__} rounds {_TIES} to {rounded}",
                 "round half up, half to even, half away from zero, down, or towards zero")
    return _ROUNDED[rounded]


def read_weight(layer: Any) -> tuple[IntArray, IntType, FloatArray]:
    """Integers (int64), their type, and the scale, (1,) or (O,), of a Brevitas layer's weights.

    One-bit weights have the type i1 when they are -1 and 0, and i2 when they are -1 and +1.
    """
    quantized = layer.quant_weight() if layer.weight_quant.is_quant_enabled else None
    fix = "give the layer a weight_quant of 1 to 8 bits with a scale per tensor or per output channel"
    if not isinstance(quantized, IntQuantTensor):
        obstacle("BT2105", "its weights are not quantized to integers", fix)
    need(_zero(quantized.zero_point), "BT2106", "the zero point of its weights is not 0",
         "use a symmetric weight_quant")
    scale, bits = _weight_scale(quantized), quantized.bit_width
    need(bits.numel() == 1 and float(bits).is_integer() and float(bits) <= 8, "BT2105",
         f"its weights have {bits.tolist()} bits", fix)
    integers = torch.round(quantized.value.double() / quantized.scale.double())
    need(torch.equal(integers.float() * quantized.scale, quantized.value), "BT2105",
         "its weights are not integers times their scale", fix)
    weight: IntArray = integers.cpu().numpy().astype(np.int64)
    narrow = IntType(int(bits), bool(quantized.signed))
    elem = narrow if int(bits) > 1 or narrow.holds(weight) else IntType(1 + narrow.signed, narrow.signed)
    need(elem.holds(weight), "BT2105", f"its weights leave {elem}", fix)
    return weight, elem, scale


def _weight_scale(quantized: IntQuantTensor) -> FloatArray:
    scale, outputs = quantized.scale, quantized.value.shape[0]
    need(scale.numel() == 1 or (scale.numel() == outputs == scale.shape[0]), "BT2105",
         f"the scale of its weights has the shape {tuple(scale.shape)}", "use one scale, or one per output channel")
    return _positive(floats(scale), "the scale of its weights")


def read_bias(layer: Any, axis: int) -> Act:
    """The bias of a Brevitas layer along `axis`: real numbers, or integers on the accumulator's grid.

    A bias quantizer whose proxy has `accumulator_steps` has a scale of so many steps of that grid.
    """
    proxy, bias = layer.bias_quant, layer.bias.detach()
    if not proxy.is_quant_enabled:
        return Bias(floats(bias), axis, layer)
    if not proxy.requires_input_scale:
        quantized = proxy(bias)
        need(isinstance(quantized, IntQuantTensor), "BT2105", "its bias is not quantized to integers",
             "use brevitas.quant.Int32Bias, or no bias_quant")
        return Bias(floats(quantized.value), axis, layer)
    quantizer: Any = getattr(proxy.tensor_quant, "int_quant", None)
    need(quantizer is not None, "BT2105", "its bias is not quantized to integers", "use brevitas.quant.Int32Bias")
    steps = getattr(proxy, "accumulator_steps", 1)

    def integers(grid: FloatArray) -> IntArray:
        scale = torch.tensor(np.broadcast_to(steps * grid, bias.shape).astype(np.float32))
        bits = proxy.tensor_quant.msb_clamp_bit_width_impl()
        with torch.no_grad():
            rounded: IntArray = quantizer.to_int(scale, torch.tensor(0.0), bits, bias).numpy().astype(np.int64)
        return steps * rounded

    return QuantizedBias(integers, axis)


def read_quantizer(proxy: Any, rank: int, call: int) -> Quantize:
    """The activation quantizer behind a Brevitas proxy, whose input has `rank` axes, batch included."""
    quantizer = getattr(getattr(proxy, "fused_activation_quant_proxy", None), "tensor_quant", None)
    if not isinstance(proxy, ActQuantProxyFromInjector) or isinstance(proxy, DynamicActQuantProxyFromInjector) \
            or not isinstance(quantizer, RescalingIntQuant):
        obstacle("BT2107", f"{type(quantizer).__name__} is not a scaled integer quantizer with a frozen scale",
                 _PLAIN_QUANTIZER)
    rounding = rounding_of(quantizer.int_quant.float_to_int_impl)
    scale, zero_point, bits = proxy.scale().detach(), proxy.zero_point(), proxy.bit_width()
    need(_zero(zero_point), "BT2106", "its zero point is not 0", _PLAIN_QUANTIZER)
    need(bits.numel() == 1 and float(bits).is_integer() and 1 <= float(bits) <= 16, "BT2107",
         f"it has {bits.tolist()} bits", "use a whole number of at most 16 bits")
    signed, narrow = bool(proxy.is_signed), bool(proxy.is_narrow_range)
    elem = IntType(int(bits), signed)
    lo, hi = elem.min + (narrow and signed), elem.max - (narrow and not signed)
    axis = _scale_axis(scale, rank)
    read = Quantize(_positive(floats(scale), "its scale"), axis, lo, hi, elem, rounding, proxy, call)
    _check_behaviour(quantizer, read, scale)
    return read


def _scale_axis(scale: Tensor, rank: int) -> int:
    """The axis of the sample that a scale per channel belongs to."""
    long = [axis for axis, length in enumerate(scale.shape) if length > 1]
    need(len(long) <= 1 and (not long or (scale.ndim == rank and long[0] > 0)), "BT2107",
         f"its scale has the shape {tuple(scale.shape)}", "use one scale, or one per channel")
    return long[0] - 1 if long else 0


def _check_behaviour(quantizer: nn.Module, read: Quantize, scale: Tensor) -> None:
    """The quantizer does on a grid of points what was read from it: a quantizer that is delayed, only observes, or has
    a transfer curve of its own is noticed."""
    levels = torch.linspace(read.lo - 4, read.hi + 4, min(read.hi - read.lo + 9, 4096)).round()
    column = levels.reshape(-1, *(1,) * scale.ndim)
    expected = column.clamp(read.lo, read.hi) * scale
    beyond = torch.where((column < 0) & (read.rounding is Rounding.TOWARD_ZERO), -0.25, 0.25)
    got = torch.stack([quantizer(point)[0].reshape(scale.shape) for point in (column + beyond) * scale])
    need(torch.equal(got, expected), "BT2107", "it does not compute clamp(round(x / scale)) * scale (it is delayed, "
         "only observes, or has a transfer curve of its own)", _PLAIN_QUANTIZER)


def read_batch_norm(module: Any) -> BatchNorm:
    """Batch norm's frozen parameters."""
    need(module.running_mean is not None and not module.training, "BT2115", "its statistics come from the batch",
         "train it with track_running_stats=True and call model.eval()")
    ones = torch.ones_like(module.running_mean)
    gamma, beta = (ones, 0 * ones) if module.weight is None else (module.weight, module.bias)
    return BatchNorm(floats(gamma), floats(beta), floats(module.running_mean), floats(module.running_var),
                     float32(module.eps))


def float32(value: float) -> float:
    """A Python number as the float32 model computes with it: PyTorch rounds slopes, bounds and eps to float32."""
    return float(np.float32(value))


def _positive(scale: FloatArray, what: str) -> FloatArray:
    need(bool(np.isfinite(scale).all() and (scale > 0).all()), "BT2109", f"{what} is {scale.min()}..{scale.max()}",
         "train or calibrate the model first")
    return scale


def _zero(zero_point: Any) -> bool:
    return zero_point is None or not bool(torch.any(torch.as_tensor(zero_point) != 0))
