"""The accelerator's arithmetic as Brevitas quantizers.

Data are integers of 8 bits times 2**-7. Weights of b bits are integers times 2**(s - (b - 1)), where s is the output
shift that a network description states. A bias is an integer of 8 bits times the weights' scale: the accumulator, whose
unit is 2**-7 of that, adds it times 128. So the requantization of a layer shifts right by b - 1 - s.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from brevitas.core.bit_width import BitWidthConst
from brevitas.core.function_wrapper import Identity, TensorClamp
from brevitas.core.quant import IntQuant, PrescaledRestrictIntQuant, RescalingIntQuant
from brevitas.core.scaling import ConstScaling, PowerOfTwoIntScaling
from brevitas.core.zero_point import ZeroZeroPoint
from brevitas.inject import ExtendedInjector
from brevitas.proxy import ActQuantProxyFromInjector, BiasQuantProxyFromInjector, WeightQuantProxyFromInjector
from torch import Tensor, nn

from ..ir import Rounding
from ..quantization.presets import Quantizer, let
from ..quantization.rounding import FLOAT_TO_INT, RoundHalfUpSte
from ..quantization.statistics import power_at_least
from .device import ACTIVATION_BITS, BIAS_BITS, FRACTION, SHIFTS

TINY = 2.0**-32
"""Keeps the logarithm of an all-zero layer finite."""


def covering(magnitude: Tensor, bits: int) -> Tensor:
    """2**s, the smallest power of two that is not less than a magnitude, with an output shift s for which the hardware
    has a shift, s + 8 - bits.

    >>> covering(torch.tensor(0.3), 8).item(), covering(torch.tensor(1000.0), 4).item()
    (0.5, 1024.0)
    """
    least, largest = (2.0 ** (shift + bits - ACTIVATION_BITS) for shift in SHIFTS)
    return power_at_least(magnitude.clamp(min=TINY)).clamp(least, largest)


class OutputShift(nn.Module):
    """The scale of a layer's weights: 2**s / `threshold`, where 2**s covers the fraction `shift_quantile` of the
    magnitudes of the layer's parameters.

    A bias takes part as what would need the same range among the weights, which have other bits.
    """

    def __init__(self, module: nn.Module, bit_width: int, bias_bits: int, shift_quantile: float) -> None:
        super().__init__()
        self.layer = (module,)  # not a part of this module
        self.bits, self.bias_share = bit_width, 2.0 ** (bit_width - bias_bits)
        self.quantile = shift_quantile

    def forward(self, x: Tensor, threshold: Tensor) -> Tensor:
        return covering(self.limit(x.detach()), self.bits) / threshold

    def limit(self, weight: Tensor) -> Tensor:
        """The magnitude that the weights' range has to cover."""
        bias: Any = self.layer[0].bias
        sizes = weight.abs().flatten()
        if bias is not None:
            sizes = torch.cat((sizes, bias.detach().abs() * self.bias_share))
        return sizes.amax() if self.quantile == 1 else torch.quantile(sizes, self.quantile)


class WeightQuantizer(ExtendedInjector):  # type: ignore[misc]
    """Two's complement: -2**(b-1) .. 2**(b-1) - 1 (one bit: -1 and 0)."""

    proxy_class = WeightQuantProxyFromInjector
    tensor_quant = RescalingIntQuant
    int_quant = IntQuant
    input_view_impl = Identity
    float_to_int_impl = RoundHalfUpSte
    tensor_clamp_impl = TensorClamp
    scaling_impl = OutputShift
    int_scaling_impl = PowerOfTwoIntScaling
    zero_point_impl = ZeroZeroPoint
    bit_width_impl = BitWidthConst
    signed = True
    narrow_range = False
    bit_width = 8
    bias_bits = BIAS_BITS
    shift_quantile = 1.0


class BiasProxy(BiasQuantProxyFromInjector):  # type: ignore[misc]
    """A bias whose scale is that of the layer's weights: one step of it is 2**7 steps of the accumulator."""

    accumulator_steps: ClassVar[int] = 1 << FRACTION

    def compute_bias_scale(self, input: Any, weight: Any) -> Any:
        return weight.scale


class BiasQuantizer(ExtendedInjector):  # type: ignore[misc]
    """Two's complement of 8 bits, or fewer if a layer asks for them."""

    proxy_class = BiasProxy
    tensor_quant = PrescaledRestrictIntQuant
    int_quant = IntQuant
    input_view_impl = Identity
    float_to_int_impl = RoundHalfUpSte
    tensor_clamp_impl = TensorClamp
    bit_width_impl = BitWidthConst
    requires_input_scale = True
    signed = True
    narrow_range = False
    bit_width = BIAS_BITS


class DataQuantizer(ExtendedInjector):  # type: ignore[misc]
    """Data, -128..127 times 2**-7, rounded half up."""

    proxy_class = ActQuantProxyFromInjector
    tensor_quant = RescalingIntQuant
    int_quant = IntQuant
    input_view_impl = Identity
    float_to_int_impl = RoundHalfUpSte
    tensor_clamp_impl = TensorClamp
    scaling_impl = ConstScaling
    scaling_init = 1.0
    int_scaling_impl = PowerOfTwoIntScaling
    zero_point_impl = ZeroZeroPoint
    bit_width_impl = BitWidthConst
    signed = True
    narrow_range = False
    bit_width = ACTIVATION_BITS


def weight_quantizer(bits: int, bias_bits: int, shift_quantile: float) -> Quantizer:
    """The quantizer of a layer's weights, with the output shift that covers them."""
    return let(WeightQuantizer, bit_width=bits, bias_bits=bias_bits, shift_quantile=shift_quantile)


def fixed_weight_quantizer(bits: int, largest: float) -> Quantizer:
    """The quantizer of weights from -largest to largest * (1 - 2**-(bits-1)); `largest` is a power of two."""
    return let(WeightQuantizer, bit_width=bits, scaling_impl=ConstScaling, scaling_init=largest)


def bias_quantizer(bits: int) -> Quantizer:
    """The quantizer of a layer's bias."""
    return let(BiasQuantizer, bit_width=bits)


def data_quantizer(rounding: Rounding = Rounding.HALF_UP) -> Quantizer:
    """The quantizer of data with a rounding."""
    return let(DataQuantizer, float_to_int_impl=FLOAT_TO_INT[rounding])
