"""How far float32 can be off: a bound on the rounding error of every step of a trained model.

Running error analysis (Higham, Accuracy and Stability of Numerical Algorithms, 2002, chapter 3): the bounds hold for
every order in which a sum is computed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .model import (
    Act,
    Bias,
    Bitwise,
    Clamp,
    Convolve,
    ConvolveTransposed,
    Dense,
    GridBias,
    Join,
    Magnitude,
    Normalize,
    Permute,
    PoolMax,
    PoolMean,
    Quantize,
    Same,
    Slope,
    Step,
    Subtract,
    Sum,
    ToShape,
    ZeroPad,
)
from .reference import Real, along, compute, pool_sum, products

UNIT = 2.0 ** -24
"""Unit roundoff of float32: a single operation is exact up to this relative error."""


def error_bound(step: Step, xs: list[Tensor], es: list[Tensor], y: Tensor) -> Tensor:
    """A bound on |float32 result - real result y| of a step whose operands xs are off by at most es."""
    bound: Tensor = ERRORS[type(step.act)](step, xs, es, y)
    return bound


def _sum_of_products(step: Step, xs: list[Tensor], es: list[Tensor], y: Tensor) -> Tensor:
    """n products: n + 2 roundings along the longest chain, in any order; the weights are rounded once."""
    act: Any = step.act
    weight = torch.tensor(np.abs(act.weight), dtype=torch.float64)
    weight = weight * along(act.scale, 0, weight)
    magnitude, error = (products(act, x, weight) for x in (xs[0].abs() + es[0], es[0]))
    bound: Tensor = 1.01 * (act.terms + 3) * UNIT * magnitude + error
    return bound


def _rounded(step: Step, xs: list[Tensor], es: list[Tensor], y: Tensor) -> Tensor:
    """One operation that is rounded once, on operands whose errors add up; the constant may be rounded, too."""
    constant = along(step.act.real, step.act.axis, y).abs() if isinstance(step.act, GridBias) else 0.0
    return sum(es, torch.zeros_like(y)) + 2 * UNIT * (y.abs() + constant)


def _normalized(step: Step, xs: list[Tensor], es: list[Tensor], y: Tensor) -> Tensor:
    """gain * x + (beta - gain * mean), gain = gamma / sqrt(var + eps): eight roundings are more than enough."""
    act: Any = step.act
    norm = act.norm
    gain = along(np.abs(norm.gamma) / np.sqrt(norm.var + norm.eps), 1, y)
    parts = gain * (xs[0].abs() + es[0] + along(np.abs(norm.mean), 1, y)) + along(np.abs(norm.beta), 1, y)
    return gain * es[0] + 8 * UNIT * parts


def _averaged(step: Step, xs: list[Tensor], es: list[Tensor], y: Tensor) -> Tensor:
    act: Any = step.act
    rounding = 1.01 * (float(np.prod(act.kernel)) + 2) * UNIT * pool_sum(act, xs[0].abs() + es[0])
    bound: Tensor = (pool_sum(act, es[0]) + rounding) / act.divisor
    return bound


def _moved(step: Step, xs: list[Tensor], es: list[Tensor], y: Tensor) -> Tensor:
    """Elements that only move take their errors along; the largest value is off by at most the largest error."""
    return compute(step, *map(Real, es)).plain


ERRORS: dict[type[Act], Callable[[Step, list[Tensor], list[Tensor], Tensor], Tensor]] = {
    Quantize: lambda step, xs, es, y: UNIT * y.abs(),
    Convolve: _sum_of_products, ConvolveTransposed: _sum_of_products, Dense: _sum_of_products,
    Bias: _rounded, GridBias: _rounded, Sum: _rounded, Subtract: _rounded,
    Bitwise: lambda step, xs, es, y: UNIT * y.abs(),
    Normalize: _normalized,
    Slope: lambda step, xs, es, y: es[0] * max(1.0, step.act.slope) + 2 * UNIT * y.abs(),  # type: ignore[attr-defined]
    Clamp: lambda step, xs, es, y: es[0], Same: lambda step, xs, es, y: es[0],
    Magnitude: lambda step, xs, es, y: es[0],
    PoolMax: _moved, ZeroPad: _moved, ToShape: _moved, Permute: _moved, Join: _moved,
    PoolMean: _averaged,
}
"""The bound on the rounding error of every kind of step."""
