"""What the pipeline of the MAX78002 adds to a layer's cycles, so that the accelerator can run at 200 MHz.

The published formula counts a layer's cycles without it; measured times at 30 MHz without the pipeline agree with it.
At 200 MHz thirteen networks took 5 to 46 % more. The difference is proportional to the output pixels and passes, by a
factor that depends on the kind of layer: a fit to these thirteen, not a description of the circuit.
"""

from __future__ import annotations

from ..hardware import Hardware
from ..network import Layer

WINDOW, POINT, DEPTHWISE, PLAIN = 11, 10, 3, 5
"""Cycles per output pixel and pass: kernels of several weights, of one weight, depthwise ones, no convolution."""


def pipeline_cycles(layer: Layer, hardware: Hardware) -> int:
    """The cycles that the pipeline adds to a layer. A flattening layer goes through all pixels that it flattens."""
    rows, cols = hardware.pooled_dim if layer.flatten else hardware.out_dim
    return rows * cols * hardware.in_passes.count * _per_pixel(layer, hardware)


def _per_pixel(layer: Layer, hardware: Hardware) -> int:
    if not hardware.convolves:
        return PLAIN
    if layer.groups > 1:
        return DEPTHWISE
    return POINT if hardware.kernel_size == 1 else WINDOW
