"""Post-training quantization: a model trained in float gets integer weights without further training.

`SHIFT` and the methods named after it say which magnitude the weights' range has to reach: it becomes the smallest
power of two that does, by the layer's output shift, and weights beyond it are clipped. So a layer computes what it did,
up to rounding and clipping. `SCALE` is the method of ai8x' `quantize.py` and of `bittrue import ai8x`: no output shift,
all weights and biases times a factor, and what is then outside of their bits clipped. So every layer's result is
multiplied by the factor. The other methods of these two multiply by a statistic; none of them is here.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from ..errors import BadInput, Diagnostics, declare
from ..quantization.presets import Quantizer
from ..tensors import magnitudes
from .convert import check_layers, converted, policy_named, weighted_layers
from .fold import fold_batch_norms
from .layers import QuantizationAwareModule
from .policy import Policy
from .quantizers import covering, fixed_weight_quantizer

declare({"BT5355": "a setting of post-training quantization is wrong"})

SCALE, SHIFT = "SCALE", "SHIFT"

MAGNITUDES = {
    SHIFT: magnitudes.largest, "SHIFT-AVG": magnitudes.average_of_maxima, "SHIFT-AVGMAX": magnitudes.average_maximum,
    "SHIFT-STDDEV": magnitudes.within_deviations,
}
"""The magnitude that a layer's weights must be able to reach, by method."""


@dataclass(frozen=True)
class Clip:
    """A clipping method by its name, with its number: the factor of SCALE, the standard deviations of
    SHIFT-STDDEV.

    Raises `BadInput` (BT5355).
    """

    method: str = SHIFT
    scale: float = 0.85
    stddev: float = 2.0

    def __post_init__(self) -> None:
        found = Diagnostics()
        known = (*MAGNITUDES, SCALE)
        if self.method not in known:
            found.add("BT5355", f"clip method {self.method!r}", "it does not exist", f"use one of {', '.join(known)}")
        for name, value in (("scale", self.scale), ("stddev", self.stddev)):
            if not 0 < value < float("inf"):
                found.add("BT5355", name, f"it is {value!r}", "use a number more than 0")
        found.raise_as(BadInput)


def post_training_quantize(model: nn.Module, policy: Policy | str, clip: Clip | None = None) -> nn.Module:
    """A copy of a float model in the accelerator's arithmetic, in evaluation mode; `clip` None is `SHIFT`.

    Weight bits come from the policy. Raises as `quantize`.
    """
    policy, clip = policy_named(policy), clip or Clip()
    check_layers(model)
    if clip.method != SCALE:
        return converted(model, policy, _Covering(clip)).eval()
    scaled = fold_batch_norms(model)
    with torch.no_grad():
        for layer in weighted_layers(scaled).values():
            for parameter in layer.op.parameters():
                parameter.mul_(clip.scale)
    return converted(scaled, policy, lambda bits, layer, quantile: fixed_weight_quantizer(bits, 1.0)).eval()


@dataclass(frozen=True)
class _Covering:
    """Chooses the output shift of a layer by a clipping method."""

    clip: Clip

    def __call__(self, bits: int, layer: QuantizationAwareModule, quantile: float) -> Quantizer:
        magnitude = MAGNITUDES[self.clip.method](layer.op.weight.detach(), self.clip.stddev)
        if layer.op.bias is not None:
            magnitude = torch.maximum(magnitude, layer.op.bias.detach().abs().amax() * 2.0 ** (bits - layer.bias_bits))
        return fixed_weight_quantizer(bits, covering(magnitude, bits).item())
