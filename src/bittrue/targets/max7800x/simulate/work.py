"""How much work a layer is."""

from __future__ import annotations

from math import prod

from ..device import KERNEL_BYTES
from ..network import Layer
from ..placement import PROCESSORS

MULTIPLIERS = PROCESSORS * KERNEL_BYTES
"""Every processor multiplies nine 8-bit weights in a cycle."""


def layer_macs(layer: Layer) -> int:
    """Multiply-accumulates of one inference.

    A transposed convolution counts every input pixel with every weight.
    """
    if layer.weights is None:
        return 0
    inputs = layer.inputs // layer.groups
    pixels = prod(layer.pooled_dim) if layer.operator.value == "ConvTranspose2d" else prod(layer.out_dim)
    return layer.out_channels * inputs * prod(layer.kernel) * pixels


def utilization(macs: int, cycles: int) -> float:
    """Multiply-accumulates per multiplier and cycle."""
    return macs / (cycles * MULTIPLIERS) if cycles else 0.0
