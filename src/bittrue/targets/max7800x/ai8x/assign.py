"""Which weights of a checkpoint belong to which layer of a description, and what they mean on the device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....errors import Diagnostics, declare
from ....ir import IntArray
from ..network import DATA_BITS, Operator
from ..transposed import transposed
from .checkpoint import Checkpoint, Tensors
from .description import Description
from .resolve import Form
from .weights import LayerWeights

declare({
    "BT5226": "a checkpoint is of another architecture than the network description",
    "BT5227": "a checkpoint has more or fewer layers than the network description",
    "BT5231": "a checkpoint is not quantized throughout",
})

Pairs = tuple[tuple[Form, Tensors], ...]
LARGEST_SHIFT = 31
LARGEST_BIAS = 1 << 31
"""Larger ones are wrong anyway; int64 holds this one."""


def pair(description: Description, forms: Sequence[Form], checkpoint: Checkpoint, extra_layers: bool,
         found: Diagnostics) -> Pairs:
    """Layers with their tensors: the n-th layer with weights gets the n-th weights; names do not count.

    Adds BT5226 for another architecture, BT5227 when the numbers differ; then nothing is paired.
    """
    _check_arch(description, checkpoint, found)
    if not forms or any(map(_unclear, forms)) or len({form.keys.number for form in forms}) < len(forms):
        return ()
    weighted = [form for form in forms if form.weighted]
    there = checkpoint.layers
    if len(weighted) > len(there):
        missing = ", ".join(_name(form) for form in weighted[len(there):])
        found.add("BT5227", f"{checkpoint.path}, {description.where('layers')}", f"{len(weighted)} layers need "
                  f"weights, the checkpoint has {len(there)}: none for {missing}{_suspect(weighted, there)}",
                  "give the checkpoint of this network, or mark layers that share weights with weight_source")
        return ()
    if len(weighted) < len(there) and not extra_layers:
        surplus = ", ".join(tensors.name for tensors in there[len(weighted):])
        found.add("BT5227", f"{checkpoint.path}, {description.where('layers')}", f"{len(weighted)} layers need "
                  f"weights, the checkpoint has {len(there)}: nobody needs {surplus}{_suspect(weighted, there)}",
                  "describe all layers, or allow extra layers")
        return ()
    return tuple(zip(weighted, there, strict=False))


def quantized_weights(pairs: Pairs, path: str, found: Diagnostics) -> dict[int, LayerWeights]:
    """The weights of a quantized checkpoint by sequence number; adds what is no integer (BT5231)."""
    weights = {}
    for form, tensors in pairs:
        where = f"{path}, {tensors.name}"
        shift = tensors.output_shift or 0.0
        if not tensors.integer or abs(tensors.weight).max() > 1 << DATA_BITS:
            found.add("BT5231", where, "its weights are no small integers, those of other layers are",
                      "give a checkpoint that is quantized throughout, or not at all")
        elif not shift.is_integer() or abs(shift) > LARGEST_SHIFT:
            found.add("BT5231", where, f"its output shift is {shift:g}, no whole number of bits",
                      "quantize the checkpoint again")
        else:
            weights[form.keys.number] = LayerWeights(
                device_layout(tensors.weight, form), tensors.weight_bits or DATA_BITS, _bias(tensors), int(shift),
                tensors.layer, where)
    return weights


def device_layout(weight: NDArray[Any], form: Form) -> IntArray:
    """Integer weights with output channels first; those of a transposed convolution, which have input channels first,
    also flipped, so that they are those of a convolution of the stretched image.

    >>> import numpy as np
    >>> np.flip(np.arange(6).reshape(1, 2, 3, 1), (2, 3)).swapaxes(0, 1).ravel().tolist()
    [2, 1, 0, 5, 4, 3]
    """
    values = np.ascontiguousarray(weight, dtype=np.int64)
    if form.operator is not Operator.CONVTRANSPOSE2D or values.ndim != 4:
        return values
    groups = form.keys.groups or 1
    if values.shape[0] % groups:
        return values.swapaxes(0, 1)
    return transposed(values, groups)


def _bias(tensors: Tensors) -> IntArray | None:
    """The bias in the bias memory: a checkpoint has it multiplied for sums of integers."""
    if tensors.bias is None:
        return None
    bits = tensors.weight_bits or DATA_BITS
    bias = np.floor(tensors.bias.astype(np.float64) / 2.0 ** (bits - 1))
    return np.clip(bias, -LARGEST_BIAS, LARGEST_BIAS).astype(np.int64)


def _check_arch(description: Description, checkpoint: Checkpoint, found: Diagnostics) -> None:
    stated = description.arch
    if stated and checkpoint.arch is not None and stated.lower() != checkpoint.arch.lower():
        found.add("BT5226", f"{description.where('arch')}, {checkpoint.path}", f"the description is of {stated}, the "
                  f"checkpoint of {checkpoint.arch}", "give the checkpoint of this network, or correct arch")


def _unclear(form: Form) -> bool:
    """Whether nobody knows if the layer takes weights (that is reported already)."""
    lost = form.operator is not Operator.PASSTHROUGH and form.weight_source is None and not form.weighted \
        and not form.keys.bypass
    return lost or form.keys.unclear("operation", "bypass", "weight_source", "sequence")


def _suspect(forms: Sequence[Form], there: Sequence[Tensors]) -> str:
    """Where the first weights are whose kernel does not fit: layers and weights part there."""
    for form, tensors in zip(forms, there, strict=False):
        tail = tensors.weight.shape[2:]
        if tail and tuple(tail) != form.kernel[:len(tail)]:
            return f"; the first that do not fit are {tensors.name} for {_name(form)}"
    return ""


def _name(form: Form) -> str:
    return f"layer {form.keys.number}{f' ({form.keys.name})' if form.keys.name else ''}"
