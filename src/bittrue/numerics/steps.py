"""The fake-quantized model between two integer tensors, as data: its frozen float parameters read as real numbers.

Between an accumulator and the next quantized activation a trained model computes, per channel c,

    y = clamp(round(clip(slope(bn(acc * in_scale * weight_scale[c] / divisor + bias[c]))) / out_scale), lo, hi)

which is a monotone step function of the integer `acc`. `StepModel` holds the parameters exactly as trained (every float
is a rational number), `thresholds` says where the steps are, in exact arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..ir import Rounding

FloatArray = NDArray[np.float64]
"""Frozen parameters; float32 values are held exactly."""


@dataclass(frozen=True, eq=False)
class BatchNorm:
    """Batch norm in evaluation mode: gamma * (x - mean) / sqrt(var + eps) + beta, each of shape (C,)."""

    gamma: FloatArray
    beta: FloatArray
    mean: FloatArray
    var: FloatArray
    eps: float


@dataclass(frozen=True, eq=False)
class StepModel:
    """One step function per channel; see the module's docstring for the formula.

    `factors` multiply the accumulator (input scale, weight scale, ...), each of shape (1,) or (C,). `slope` is the
    activation's slope below zero (1: none, 0: ReLU, between: LeakyReLU). `clip` bounds the real value before the
    quantizer (ReLU6, Hardtanh). `out_scale` has the shape (1,) or (C,).
    """

    channels: int
    factors: tuple[FloatArray, ...]
    out_scale: FloatArray
    rounding: Rounding
    lo: int
    hi: int
    divisor: int = 1
    bias: FloatArray | None = None
    batch_norm: BatchNorm | None = None
    slope: float = 1.0
    clip: tuple[float, float] | None = None
    source: str = ""
    """The modules of the trained model that it stands for, for people."""
