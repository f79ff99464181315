"""The reference: the trained model in real arithmetic with its frozen float32 parameters, evaluated in float64.

Every step has its own formula here, independent of the graph and of the requantizations. Scales are kept outside of
sums, so that a sum of products is exact and a value that is zero, or lies on a tie of a power-of-two scale, is so in
float64, too. The float32 model itself cannot be the reference: its sums depend on the batch size and on the number of
threads (see `float32`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ...errors import BadInput, Difference, fail
from ...ir import IntArray, Rounding
from ...numerics.steps import FloatArray
from .freeze import Frozen
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
    TrainedModel,
    Weighted,
    ZeroPad,
)


@dataclass(frozen=True, eq=False)
class Real:
    """A tensor of real numbers: float64 `values` times `unit`."""

    values: Tensor
    unit: float = 1.0

    @property
    def plain(self) -> Tensor:
        """The real numbers, rounded to float64."""
        return self.values * self.unit


def input_integers(frozen: Frozen, x: NDArray[Any] | Tensor) -> dict[str, IntArray]:
    """The graph's inputs for a float batch x (batch, *shape), quantized as the model's input quantizer does.

    For float32 x and scales the float64 quotient decides every tie as the real quotient does: where x / scale is no
    tie, it is more than 2**-40 away from it (relatively), and a tie is exact. Raises `BadInput` (BT4002).
    """
    values = batch_of(frozen, x)
    return {name: quantized(values, act).numpy().astype(np.int64) for name, act in frozen.lowered.inputs.items()}


def real_trace(frozen: Frozen, x: NDArray[Any] | Tensor) -> dict[str, IntArray]:
    """The integers of the trained model in real arithmetic (float64); see `trace.reference_trace`."""
    values, nodes = evaluate(frozen.lowered.model, batch_of(frozen, x)), frozen.lowered.nodes
    return {value.node: _integers(frozen, number, values[number].plain) for number, value in nodes.items()}


def evaluate(model: TrainedModel, x: Tensor, replaced: Mapping[int, Real] | None = None) -> dict[int, Real]:
    """All values of the model, by number, for a float64 batch x; those in `replaced` are taken from there."""
    values = {0: Real(x)}
    with torch.no_grad():
        for step in model.steps:
            given = (replaced or {}).get(step.output)
            values[step.output] = given if given is not None else compute(step, *(values[i] for i in step.inputs))
    return values


def compute(step: Step, *operands: Real) -> Real:
    """One step in float64."""
    result: Real = FORMULAS[type(step.act)](step.act, *operands)
    return result


def quantized(x: Tensor, act: Quantize) -> Tensor:
    """The integers of a quantizer for real values x, float64."""
    return round_float(x / along(act.scale, act.axis + 1, x), act.rounding).clamp(act.lo, act.hi)


def round_float(x: Tensor, rounding: Rounding) -> Tensor:
    """A float64 tensor rounded to integers: exact, as the fraction of a float is a float."""
    below = torch.floor(x)
    if rounding is Rounding.FLOOR:
        return below
    if rounding is Rounding.TOWARD_ZERO:
        return torch.trunc(x)
    if rounding is Rounding.HALF_EVEN:
        return torch.round(x)
    fraction = x - below
    up = fraction >= 0.5 if rounding is Rounding.HALF_UP else torch.where(x < 0, fraction > 0.5, fraction >= 0.5)
    return below + up


def along(values: NDArray[Any], axis: int, x: Tensor) -> Tensor:
    """Parameters (1,) or (C,) as float64, shaped to lie along an axis of the batch x."""
    shape = [1] * x.ndim
    shape[axis] = values.size
    return torch.tensor(values, dtype=torch.float64).reshape(shape)


def products(act: Weighted, x: Tensor, weight: Tensor) -> Tensor:
    """The sums of products of x with any weights in the geometry of `act`."""
    return PRODUCTS[type(act)](act, x, weight)


def _convolve(act: Any, x: Tensor, weight: Tensor) -> Tensor:
    run = F.conv1d if x.ndim == 3 else F.conv2d
    return run(_padded(x, act.pads), weight, None, act.stride, 0, act.dilation, act.groups)


def _convolve_transposed(act: Any, x: Tensor, weight: Tensor) -> Tensor:
    run: Callable[..., Tensor] = F.conv_transpose1d if x.ndim == 3 else F.conv_transpose2d
    return run(x, weight, None, act.stride, act.padding, act.output_padding, act.groups, act.dilation)


PRODUCTS: dict[type[Act], Callable[..., Tensor]] = {
    Convolve: _convolve, ConvolveTransposed: _convolve_transposed, Dense: lambda act, x, weight: x @ weight.T,
}
"""What every kind of layer does with its weights."""


def dequantized(integers: Tensor, scale: FloatArray, axis: int) -> Real:
    """Integers times a scale, (1,) or (C,) along an axis of the batch."""
    if scale.size == 1:
        return Real(integers, float(scale[0]))
    return Real(integers * along(scale, axis, integers))


def _weighted(act: Any, x: Real) -> Real:
    """A layer: the sum of products of integers is exact, then come the scales."""
    total = products(act, x.values, torch.tensor(act.weight, dtype=torch.float64))
    scaled = dequantized(total, act.scale, total.ndim - 1 if isinstance(act, Dense) else 1)
    return Real(scaled.values, scaled.unit * x.unit)


def _sum(act: Sum, a: Real, b: Real) -> Real:
    return Real(a.values + b.values, a.unit) if a.unit == b.unit else Real(a.plain + b.plain)


def _difference(act: Subtract, a: Real, b: Real) -> Real:
    return Real(a.values - b.values, a.unit) if a.unit == b.unit else Real(a.plain - b.plain)


def _bitwise(act: Bitwise, a: Real, b: Real) -> Real:
    """Both operands are integers times the scale: so they are exact in float64."""
    left, right = (torch.round(x.plain / act.scale).long() for x in (a, b))
    return Real(act.function(left, right).double(), act.scale)


def _join(act: Join, *xs: Real) -> Real:
    unit = xs[0].unit if len({x.unit for x in xs}) == 1 else 1.0
    return Real(torch.cat([x.values if unit == x.unit else x.plain for x in xs], act.axis + 1), unit)


def pool_max(act: PoolMax, x: Tensor) -> Tensor:
    """Largest value of every window; the padding is minus infinity."""
    run: Callable[..., Tensor] = F.max_pool1d if x.ndim == 3 else F.max_pool2d
    return run(_padded(x, act.pads, -torch.inf), act.kernel, act.stride, 0, act.dilation)


def pool_sum(act: PoolMean, x: Tensor) -> Tensor:
    """Sum of every window."""
    x = _padded(x, act.pads)
    for axis, (size, step) in enumerate(zip(act.kernel, act.stride, strict=True), start=2):
        x = x.unfold(axis, size, step)
    return x.sum(dim=tuple(range(-len(act.kernel), 0)))


def zero_pad(act: ZeroPad, x: Tensor) -> Tensor:
    """Zeros around the sample."""
    rank = len(act.pads) // 2
    sides = zip(act.pads[:rank][::-1], act.pads[rank:][::-1], strict=True)
    return F.pad(x, [p for side in sides for p in side])


def _padded(x: Tensor, pads: tuple[int, ...], value: float = 0.0) -> Tensor:
    """x with its spatial axes padded; `pads` are begins then ends."""
    rank = len(pads) // 2
    sides = zip(pads[:rank][::-1], pads[rank:][::-1], strict=True)
    return F.pad(x, [p for side in sides for p in side], value=value)


def _normalize(act: Normalize, x: Real) -> Real:
    norm = act.norm
    gamma, beta, mean, var = (along(a, 1, x.values) for a in (norm.gamma, norm.beta, norm.mean, norm.var))
    return Real(gamma * (x.plain - mean) / torch.sqrt(var + norm.eps) + beta)


def _scaled(run: Callable[[Any, Tensor], Tensor]) -> Callable[..., Real]:
    """A function f with f(a * x) = a * f(x) for a > 0: it leaves the unit alone."""
    return lambda act, x: Real(run(act, x.values), x.unit)


FORMULAS: dict[type[Act], Callable[..., Real]] = {
    Quantize: lambda act, x: dequantized(quantized(x.plain, act), act.scale, act.axis + 1),
    Convolve: _weighted, ConvolveTransposed: _weighted, Dense: _weighted,
    Bias: lambda act, x: Real(x.plain + along(act.bias, act.axis, x.values)),
    GridBias: lambda act, x: Real(x.plain + along(act.real, act.axis, x.values)),
    Normalize: _normalize,
    Slope: _scaled(lambda act, x: torch.where(x < 0, x * act.slope, x)),
    Clamp: lambda act, x: Real(x.plain.clamp(act.lo, act.hi)),
    PoolMax: _scaled(pool_max),
    PoolMean: _scaled(lambda act, x: pool_sum(act, x) / act.divisor),
    ZeroPad: _scaled(zero_pad),
    ToShape: _scaled(lambda act, x: x.reshape(x.shape[0], *act.shape)),
    Permute: _scaled(lambda act, x: x.permute(0, *(p + 1 for p in act.perm))),
    Magnitude: _scaled(lambda act, x: x.abs()),
    Sum: _sum, Subtract: _difference, Bitwise: _bitwise, Join: _join,
    Same: lambda act, x: x,
}
"""What every kind of step computes, in float64."""


def _integers(frozen: Frozen, number: int, real: Tensor) -> IntArray:
    """A value divided by its scale, which has to be an integer up to the rounding of float64."""
    value = frozen.lowered.nodes[number]
    scale = value.scale()
    quotient = real / along(np.asarray(scale.values), scale.axis + 1, real)
    integers = torch.round(quotient)
    if bool(((quotient - integers).abs() > 2.0 ** -10).any()):
        fail(Difference, "BT2123", f"tensor {value.node}", "the model's value is no integer times its scale",
             "please report this: the graph does not mean what the model computes")
    return integers.numpy().astype(np.int64)


def batch_of(frozen: Frozen, x: NDArray[Any] | Tensor) -> Tensor:
    """A float batch as float64. Raises `BadInput` (BT4002) for another shape or type."""
    values = torch.as_tensor(x).detach()
    shape = frozen.lowered.model.input_shape
    if values.shape[1:] != shape or values.ndim != len(shape) + 1 or not values.is_floating_point():
        fail(BadInput, "BT4002", "input", f"it is {values.dtype} {tuple(values.shape)}, not float (batch, "
             f"{', '.join(map(str, shape))})", "give a float batch of the example's shape")
    return values.double()
