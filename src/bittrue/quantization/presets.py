"""The quantizer presets: what each one is, as data, and the Brevitas quantizers built from it.

Every quantizer here has zero point 0. Weights are symmetric (`narrow_range`: -127..127, -7..7, -1..1; one bit: -1 and
+1), activations unsigned after a ReLU and signed elsewhere, biases stay real numbers (the proof handles them), and the
last layer hands out its accumulator.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from brevitas.core.function_wrapper import TensorClampSte
from brevitas.inject import ExtendedInjector
from brevitas.inject.enum import RestrictValueType, ScalingImplType, ScalingPerOutputType, StatsOp
from brevitas.quant.binary import SignedBinaryWeightPerTensorConst
from brevitas.quant.fixed_point import (
    Int8ActPerTensorFixedPoint,
    Int8WeightPerChannelFixedPoint,
    Int8WeightPerChannelFixedPointMSE,
    Int8WeightPerTensorFixedPoint,
    Int8WeightPerTensorFixedPointMSE,
    Uint8ActPerTensorFixedPoint,
)
from brevitas.quant.scaled_int import (
    Int8ActPerTensorFloat,
    Int8WeightPerChannelFloat,
    Int8WeightPerChannelFloatMSE,
    Int8WeightPerTensorFloat,
    Int8WeightPerTensorFloatMSE,
    Uint8ActPerTensorFloat,
)

from ..errors import BadInput, Diagnostics, declare, fail
from ..ir import Rounding
from .rounding import FLOAT_TO_INT
from .statistics import InputThreshold

declare({
    "BT2001": "there is no preset of this name",
    "BT2002": "a field of a preset is unknown or out of range",
})

Quantizer = type[ExtendedInjector]
"""A Brevitas quantizer: a class whose attributes are injected into the quantized layer."""

SMALLEST_SCALE = 1e-10
"""Lower bound of a scale, as in Brevitas: keeps an all-zero tensor from dividing by zero."""


@dataclass(frozen=True)
class Preset:
    """How a network is quantized. Bits are 1..8 for weights (1: -1 and +1) and 2..8 for activations and the input.

    `first_weight_bits` and `last_weight_bits` replace `weight_bits` in the first and last layer. A learned weight scale
    starts at the least squared error and is then trained (LSQ); otherwise it follows the largest weight. A learned
    activation scale starts at the calibrated range and is then trained as a clipping threshold (PACT); otherwise it
    stays there. `signed_activations` keeps activations signed even after a ReLU, so that one integer type serves all.
    Raises `BadInput` (BT2002) naming every field that is out of range.
    """

    name: str
    weight_bits: int
    activation_bits: int
    per_channel: bool = False
    power_of_two: bool = False
    signed_activations: bool = False
    learned_weight_scale: bool = True
    learned_activation_scale: bool = True
    rounding: Rounding = Rounding.HALF_EVEN
    first_weight_bits: int | None = None
    last_weight_bits: int | None = None
    input_bits: int = 8

    def __post_init__(self) -> None:
        found = Diagnostics()
        for field, (lo, hi) in BIT_RANGES.items():
            bits = getattr(self, field)
            optional = field in ("first_weight_bits", "last_weight_bits")
            if not (optional and bits is None) and not (type(bits) is int and lo <= bits <= hi):
                found.add("BT2002", f"preset {self.name}", f"{field} is {bits!r}", f"use a whole number {lo}..{hi}")
        if self.rounding not in FLOAT_TO_INT:
            found.add("BT2002", f"preset {self.name}", f"rounding is {self.rounding!r}",
                      f"use one of {', '.join(f'Rounding.{r}' for r in Rounding)}")
        found.raise_as(BadInput)

    def changed(self, where: str, **changes: Any) -> Preset:
        """This preset with other fields. Raises `BadInput` (BT2002) for fields that do not exist, naming `where`."""
        found = Diagnostics()
        known = [f.name for f in fields(self)]
        for name in changes.keys() - set(known):
            found.add("BT2002", where, f"a preset has no field {name!r}", f"use one of {', '.join(known)}")
        found.raise_as(BadInput)
        return replace(self, **changes)


BIT_RANGES = {"weight_bits": (1, 8), "activation_bits": (2, 8), "first_weight_bits": (1, 8),
              "last_weight_bits": (1, 8), "input_bits": (2, 8)}

PRESETS: dict[str, Preset] = {p.name: p for p in (
    Preset("w8a8", 8, 8, learned_weight_scale=False),
    Preset("w8a8_channel", 8, 8, per_channel=True, learned_weight_scale=False),
    Preset("w8a8_pow2", 8, 8, power_of_two=True, learned_weight_scale=False, rounding=Rounding.HALF_UP),
    Preset("w4a4", 4, 4),
    Preset("w4a4_leaky", 4, 4, signed_activations=True),
    Preset("w4a4_pow2", 4, 4, power_of_two=True, rounding=Rounding.HALF_UP),
    Preset("w4a2", 4, 2),
    Preset("w2a2", 2, 2),
    Preset("w1a8", 1, 8, learned_weight_scale=False),
)}
"""The built-in presets by name. Power-of-two scales round half up, as an adder and a shifter do."""


def preset_named(preset: str | Preset) -> Preset:
    """The preset of that name, or the given one itself. Raises `BadInput` (BT2001).

    >>> preset_named("w4a2").activation_bits
    2
    """
    if isinstance(preset, Preset):
        return preset
    if preset not in PRESETS:
        fail(BadInput, "BT2001", f"preset {preset!r}", "it does not exist", f"use one of {', '.join(PRESETS)}, or a "
             "Preset of your own")
    return PRESETS[preset]


_WEIGHTS: dict[tuple[bool, bool, bool], Quantizer] = {
    # (per channel, power of two, learned)
    (False, False, False): Int8WeightPerTensorFloat,
    (False, False, True): Int8WeightPerTensorFloatMSE,
    (False, True, False): Int8WeightPerTensorFixedPoint,
    (False, True, True): Int8WeightPerTensorFixedPointMSE,
    (True, False, False): Int8WeightPerChannelFloat,
    (True, False, True): Int8WeightPerChannelFloatMSE,
    (True, True, False): Int8WeightPerChannelFixedPoint,
    (True, True, True): Int8WeightPerChannelFixedPointMSE,
}

_ACTIVATIONS: dict[tuple[bool, bool], Quantizer] = {
    # (signed, power of two)
    (False, False): Uint8ActPerTensorFloat,
    (False, True): Uint8ActPerTensorFixedPoint,
    (True, False): Int8ActPerTensorFloat,
    (True, True): Int8ActPerTensorFixedPoint,
}


def let(quantizer: Quantizer, **changes: Any) -> Quantizer:
    """The quantizer with other attributes (Brevitas has no types for this)."""
    changed: Quantizer = quantizer.let(**changes)
    return changed


def weight_quantizer(preset: Preset, bits: int | None = None) -> Quantizer:
    """The quantizer of a layer's weights; `bits` replaces the preset's (first and last layer)."""
    bits = preset.weight_bits if bits is None else bits
    if bits == 1:
        return _binary_quantizer(preset)
    return let(_WEIGHTS[preset.per_channel, preset.power_of_two, preset.learned_weight_scale], bit_width=bits)


def _binary_quantizer(preset: Preset) -> Quantizer:
    """-1 and +1 times the mean magnitude of the weights (XNOR-Net, Rastegari et al. 2016), which may be learned."""
    learned = preset.learned_weight_scale
    return let(
        SignedBinaryWeightPerTensorConst,
        scaling_impl_type=ScalingImplType.PARAMETER_FROM_STATS if learned else ScalingImplType.STATS,
        scaling_stats_op=StatsOp.AVE,
        scaling_min_val=SMALLEST_SCALE,
        scaling_per_output_type=ScalingPerOutputType.CHANNEL if preset.per_channel else ScalingPerOutputType.TENSOR,
        restrict_scaling_type=RestrictValueType.POWER_OF_TWO if preset.power_of_two else RestrictValueType.FP,
        tensor_clamp_impl=TensorClampSte)


def activation_quantizer(preset: Preset, *, signed: bool, clip: float | None = None) -> Quantizer:
    """The quantizer of an activation. With `clip` (ReLU6: 6.0) the learned threshold starts there instead of at the
    calibrated range."""
    base = _ACTIVATIONS[signed or preset.signed_activations, preset.power_of_two]
    quantizer = let(base, bit_width=preset.activation_bits, float_to_int_impl=FLOAT_TO_INT[preset.rounding])
    if clip is None:
        return quantizer
    return let(quantizer, scaling_impl_type=ScalingImplType.PARAMETER, min_val=0.0, max_val=clip)


def input_quantizer(preset: Preset, *, signed: bool) -> Quantizer:
    """The quantizer of the network's input: always a power-of-two scale that covers the largest calibrated value, so
    that pixels which are integers over a power of two become integers without rounding."""
    return let(_ACTIVATIONS[signed, True], bit_width=preset.input_bits,
                float_to_int_impl=FLOAT_TO_INT[preset.rounding], scaling_stats_impl=InputThreshold)
