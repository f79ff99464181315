"""The weights of one layer: what a checkpoint says about them, checked against what the description says."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from ....errors import Diagnostics, declare
from ....ir import IntArray
from ..network import BIAS_BITS, DATA_BITS, Dim, Operator, Weights
from .resolve import Form
from .values import BINARY

declare({
    "BT5228": "weights have another form than the network description says",
    "BT5229": "weights do not fit into their bits",
    "BT5230": "a bias does not fit its layer",
})


@dataclass(frozen=True, eq=False)
class LayerWeights:
    """Integer weights as a checkpoint gives them, in the layout of `network.Weights` (output channels first)."""

    values: IntArray
    bits: int = 8
    """Bits of a weight, unless the description states `quantization`."""
    bias: IntArray | None = None
    output_shift: int = 0
    """Shift beside the one that the bits imply, unless the description states `output_shift`."""
    layer: str = ""
    """The layer's name in the checkpoint; empty when there is none."""
    name: str = "weights"
    """The tensor's name."""

    @property
    def inputs(self) -> int:
        """Inputs of one convolution group."""
        return int(self.values.shape[1]) if self.values.ndim > 1 else 0

    @property
    def outputs(self) -> int:
        """Output channels."""
        return int(self.values.shape[0])


def settle(form: Form, given: LayerWeights, found: Diagnostics) -> Weights | None:
    """The weights as they go into the kernel memory; None (and BT5228..BT5230) when they do not fit the layer."""
    before = len(found)
    values = _arrange(form, given, found)
    bits, binary = weight_bits(form, given)
    _check_range(form, given, bits, binary, found)
    if given.bias is not None:
        _check_bias(form, given, given.bias, found)
    return Weights(values, bits, binary, given.bias) if len(found) == before else None


def weight_bits(form: Form, given: LayerWeights) -> tuple[int, bool]:
    """Bits of a weight, and whether they mean -1 and +1. One bit holds -1 and 0, so that a +1 says binary."""
    stated = form.keys.quantization
    if stated is not None:
        return abs(stated), stated == BINARY
    return given.bits, given.bits == 1 and bool(np.all(np.abs(given.values) == 1))


def total_shift(form: Form, given: LayerWeights, bits: int) -> int:
    """The shift of the sums: what is stated, plus what the weight bits imply."""
    stated = form.keys.output_shift
    return (given.output_shift if stated is None else stated) + DATA_BITS - bits


def _arrange(form: Form, given: LayerWeights, found: Diagnostics) -> IntArray:
    """The values in the layout of the operation; single kernel positions may be left out or added."""
    wanted, tail = _tail(form.operator, form.kernel), given.values.shape[2:]
    if not kernel_fits(form, given):
        if not form.keys.unclear("kernel_size", "operation"):
            found.add("BT5228", f"{form.keys.where('kernel_size', 'operation')}, {given.name}",
                      f"the kernel is {_text(form.kernel)}, the weights have the shape {_text(given.values.shape)}",
                      f"state kernel_size: {_text(tail) or '1x1'}, or give the checkpoint of this network")
        return given.values
    return given.values.reshape(*given.values.shape[:2], *wanted)


def kernel_fits(form: Form, given: LayerWeights) -> bool:
    """Whether the weights' kernel is the layer's."""
    wanted, tail = _tail(form.operator, form.kernel), given.values.shape[2:]
    return given.values.ndim >= 2 and (tail == wanted or prod(wanted) == prod(tail) == 1)


def _tail(operator: Operator, kernel: Dim) -> tuple[int, ...]:
    return {Operator.CONV1D: kernel[:1], Operator.LINEAR: ()}.get(operator, kernel)


def _check_range(form: Form, given: LayerWeights, bits: int, binary: bool, found: Diagnostics) -> None:
    if given.values.size == 0 or form.keys.unclear("quantization"):
        return
    low, high = int(given.values.min()), int(given.values.max())
    where = f"{form.keys.where('quantization')}, {given.name}"
    if binary and not np.all(np.abs(given.values) == 1):
        found.add("BT5229", where, "binary weights are -1 and +1, and others are there",
                  "state another quantization, or train with binary weights")
    elif not binary and (low < -(1 << (bits - 1)) or high >= 1 << (bits - 1)):
        found.add("BT5229", where, f"the weights are {low} to {high}, {bits} bits hold "
                  f"{-(1 << (bits - 1))} to {(1 << (bits - 1)) - 1}", "state a larger quantization, or quantize the "
                  "checkpoint with this one")


def _check_bias(form: Form, given: LayerWeights, bias: IntArray, found: Diagnostics) -> None:
    where, limit = f"{form.keys.where()}, {given.name}", 1 << (BIAS_BITS - 1)
    if bias.shape != (given.outputs,):
        found.add("BT5230", where, f"the bias has the shape {_text(bias.shape)}, there are {given.outputs} output "
                  "channels", "give the checkpoint of this network")
    elif bias.size and (int(bias.min()) < -limit or int(bias.max()) >= limit):
        found.add("BT5230", where, f"the bias is {int(bias.min())} to {int(bias.max())}, the device holds {-limit} to "
                  f"{limit - 1}", "quantize the checkpoint again")


def _text(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
