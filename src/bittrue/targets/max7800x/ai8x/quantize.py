"""Integer weights from a checkpoint of floats: by the rule of quantization-aware training, or after it by clipping.

Both work in the checkpoint's own float arithmetic, because the integers depend on how it rounds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from ....errors import BadInput, Diagnostics, declare, fail
from ....ir import IntArray
from ..network import DATA_BITS
from .assign import Pairs, device_layout
from .checkpoint import Tensors
from .values import BINARY
from .weights import LayerWeights

if TYPE_CHECKING:
    import torch

declare({"BT5232": "weights cannot be quantized as asked"})

LARGEST = 1 << 20
"""No weight that can be scaled into the device's range is larger."""


class Clip(str, Enum):
    """How the scale of a layer's weights is found: the number that `quantize.py` multiplies them by."""

    QAT = "QAT"
    """The power of two that training with quantization used; the output shift makes up for it."""
    SCALE = "SCALE"
    """A constant."""
    AVG = "AVG"
    """The mean of the output channels' largest magnitudes."""
    AVGMAX = "AVGMAX"
    """The larger magnitude of the mean of the output channels' largest, and of their smallest, values."""
    MAX = "MAX"
    """The largest magnitude."""
    STDDEV = "STDDEV"
    """The largest magnitude within a number of standard deviations from the mean."""


@dataclass(frozen=True)
class Clipping:
    """A method with its constants. Weights are multiplied by the scale and by 2**(bits - 1), rounded half up and
    clamped."""

    method: Clip = Clip.QAT
    scale: float = 0.85
    """The constant of `SCALE`."""
    deviations: float = 2.0
    """Standard deviations of `STDDEV`."""

    def __post_init__(self) -> None:
        """Raises `BadInput` (BT5232) unless both constants are above 0 and finite."""
        for name, value in (("scale", self.scale), ("deviations", self.deviations)):
            if not (math.isfinite(value) and value > 0):
                fail(BadInput, "BT5232", f"clipping, {name}", f"it is {value}", "give a number above 0")


@dataclass(frozen=True, eq=False)
class Quantized:
    """One layer: integer weights in the checkpoint's layout, the bias as the bias memory holds it, the output shift."""

    weight: IntArray
    bias: IntArray | None
    output_shift: int


def quantize(pairs: Pairs, path: str, clipping: Clipping, found: Diagnostics) -> dict[int, LayerWeights]:
    """The weights of an unquantized checkpoint by sequence number; adds what cannot be quantized (BT5232)."""
    weights = {}
    for form, tensors in pairs:
        bits = form.keys.quantization or tensors.weight_bits or DATA_BITS
        where = f"{path}, {tensors.name}"
        if bits == BINARY:
            found.add("BT5232", f"{form.keys.where('quantization')}, {where}", "binary weights have no rule that makes "
                      "them from floats", "state 1, 2, 4 or 8 bits, or give a checkpoint with -1 and +1")
            continue
        if max(float(abs(array).max()) for array in (tensors.weight, tensors.bias) if array is not None) > LARGEST:
            found.add("BT5232", where, "weights or bias are huge", "train again; weights are about -1 to 1")
            continue
        made = quantize_layer(tensors, bits, clipping)
        weights[form.keys.number] = LayerWeights(device_layout(made.weight, form), bits, made.bias, made.output_shift,
                                                 tensors.layer, where)
    return weights


def quantize_layer(tensors: Tensors, bits: int, clipping: Clipping) -> Quantized:
    """Integer weights of `bits` bits, bias and output shift of one layer.

    Rounding is floor(x + 1/2); weights are clamped to `bits` bits. By the rule of training the scale is 2**k with
    k = floor(log2(1 / quantile of the magnitudes)), -7 - bits <= k <= 23 - bits, the output shift is -k, and the bias
    has `bits` bits, too. By clipping it has the 8 bits of the bias memory.
    """
    import torch
    weight = torch.from_numpy(tensors.weight)
    bias = None if tensors.bias is None else torch.from_numpy(tensors.bias).to(weight.dtype)
    if clipping.method is Clip.QAT:
        places = _places(weight, bias, bits, tensors.shift_quantile)
        scale, shift, bias_bits = torch.pow(2.0, places), -int(places), bits
    else:
        scale, shift, bias_bits = _scale(weight, clipping), round(tensors.output_shift or 0.0), DATA_BITS
    return Quantized(_round(2 ** (bits - 1) * scale * weight, bits),
                     None if bias is None else _round(2 ** (bits - 1) * (bias * scale), bias_bits), shift)


def _places(weight: torch.Tensor, bias: torch.Tensor | None, bits: int, quantile: float) -> torch.Tensor:
    """log2 of the scale by the rule of training."""
    import torch
    flat = weight.flatten() if bias is None else torch.cat((weight.flatten(), bias.flatten()))
    places = torch.floor(torch.log2(1.0 / torch.quantile(flat.abs(), quantile)))
    return places.clamp(min=-7.0 - bits, max=23.0 - bits)


def _round(values: torch.Tensor, bits: int) -> IntArray:
    """Rounded half up and clamped."""
    limit = 2 ** (bits - 1)
    rounded: IntArray = values.add(0.5).floor().clamp(min=-limit, max=limit - 1).numpy().astype(np.int64)
    return rounded


def _scale(weight: torch.Tensor, clipping: Clipping) -> torch.Tensor:
    """What a clipping method multiplies by."""
    import torch

    from ....tensors.magnitudes import MAGNITUDES
    if clipping.method is Clip.SCALE:
        return torch.tensor(clipping.scale, dtype=weight.dtype)
    return MAGNITUDES[clipping.method.value](weight, clipping.deviations)
