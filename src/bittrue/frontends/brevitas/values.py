"""A value of the model during lowering: an integer tensor of the graph, and the real function that is still pending."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from ...ir import Scale
from ...numerics.steps import BatchNorm, FloatArray, StepModel
from .model import Act, Clamp, Quantize, Slope
from .problems import need, obstacle

_ONE_STEP = "between two quantizers use, in this order: layer, bias, one batch norm, one activation; put a " \
            "QuantIdentity before everything else"


@dataclass(frozen=True, eq=False)
class Value:
    """real = after(clip(slope(norm(node * product(factors) / divisor + bias)))).

    `node` names an integer tensor of the graph ("" stands for the model's input before it is quantized). Arrays are
    (1,), or (C,) along `axis` of the node's sample. `after` holds pooling and movement of elements that waits until the
    value is an integer again (see `moves`). `rounded` says that the node is rounded already, as the quantizer that
    reads the value would do it: the model itself has a real number there.
    `source` lists the steps that the pending function stands for.
    """

    node: str
    factors: tuple[FloatArray, ...] = ()
    axis: int = 0
    divisor: int = 1
    bias: FloatArray | None = None
    norm: BatchNorm | None = None
    slope: float = 1.0
    clip: tuple[float, float] | None = None
    after: tuple[tuple[str, Act], ...] = ()
    rounded: bool = False
    source: tuple[str, ...] = ()

    @property
    def is_input(self) -> bool:
        """Whether it is the model's input, not yet quantized."""
        return not self.node

    @property
    def linear(self) -> bool:
        """Whether nothing but a positive factor is pending."""
        return self.affine and self.bias is None and self.norm is None

    @property
    def affine(self) -> bool:
        """Whether the pending function is affine per channel."""
        return self.slope == 1.0 and self.clip is None

    @property
    def rectified(self) -> bool:
        """Whether nothing but a positive factor and a ReLU is pending."""
        return self.slope == 0.0 and self.clip is None and self.bias is None and self.norm is None

    @property
    def integer(self) -> bool:
        """Whether the value is node * scale and nothing waits."""
        return bool(self.node) and self.linear and not self.after

    @property
    def arrays(self) -> tuple[FloatArray, ...]:
        """All arrays of parameters."""
        norm = () if self.norm is None else (self.norm.gamma, self.norm.beta, self.norm.mean, self.norm.var)
        return (*self.factors, *norm, *(() if self.bias is None else (self.bias,)))

    @property
    def per_channel(self) -> bool:
        """Whether any parameter differs between channels."""
        return any(array.size > 1 for array in self.arrays)

    @property
    def rising(self) -> bool:
        """Whether the pending function never falls when the node's integers rise."""
        return self.norm is None or bool((self.norm.gamma >= 0).all())

    @property
    def keeps_zero(self) -> bool:
        """Whether the pending function maps 0 to 0."""
        return self.bias is None and self.norm is None and (self.clip is None or self.clip[0] <= 0 <= self.clip[1])

    def scale(self) -> Scale:
        """The annotation of the node: real = node * scale, rounded to float64."""
        product = np.prod(np.broadcast_arrays(*self.factors), axis=0) / self.divisor
        return Scale(tuple(np.atleast_1d(product).tolist()), self.axis)

    def grid(self) -> tuple[Fraction, ...]:
        """The scale as exact numbers, one, or one per channel."""
        columns = zip(*(f.tolist() for f in np.broadcast_arrays(*self.factors)), strict=True)
        exact = []
        for column in columns:
            product = Fraction(1, self.divisor)
            for factor in column:
                product *= Fraction(factor)
            exact.append(product)
        return tuple(exact[:1]) if len(set(exact)) == 1 else tuple(exact)

    def named(self, name: str, **changes: object) -> Value:
        """A copy with changes, and one more step in `source`."""
        return replace(self, source=(*self.source, name), **changes)  # type: ignore[arg-type]


def add_bias(value: Value, name: str, bias: FloatArray) -> Value:
    """x + bias."""
    need(value.linear and not value.after, "BT2116", "a bias comes after something else than its layer", _ONE_STEP)
    return value.named(name, bias=bias)


def normalize(value: Value, name: str, norm: BatchNorm) -> Value:
    """Batch norm on top of what is pending."""
    need(value.affine and value.norm is None, "BT2116", "a batch norm comes after a batch norm or an activation "
         "function", _ONE_STEP)
    need(value.axis == 0 or not value.per_channel, "BT2116", "a batch norm works along another axis than its layer",
         "use batch norm on the layer's channels")
    return value.named(name, norm=norm, axis=0)


def slope(value: Value, name: str, act: Slope) -> Value:
    """An activation's slope below zero, on top of what is pending."""
    if act.slope == 1.0:
        return value
    if value.clip is not None:
        need(act.slope == 0.0, "BT2116", "a LeakyReLU comes after a clipping activation", _ONE_STEP)
        lo, hi = (max(end, 0.0) for end in value.clip)
        return value.named(name, clip=(lo, hi))
    if value.slope == 0.0:  # nothing is negative any more
        return value
    need(value.slope == 1.0 or act.slope == 0.0, "BT2116", "a LeakyReLU comes after a LeakyReLU", _ONE_STEP)
    return value.named(name, slope=act.slope)


def clamp(value: Value, name: str, act: Clamp) -> Value:
    """Clipping on top of what is pending; two clippings are one."""
    need(act.lo <= act.hi, "BT2116", f"it clamps to {act.lo}..{act.hi}", "use a lower bound below the upper one")
    need(not value.after or act.lo <= 0 <= act.hi, "BT2116", "zero padding comes before a clipping that excludes zero",
         _ONE_STEP)
    lo, hi = value.clip or (-np.inf, np.inf)
    return value.named(name, clip=(min(max(lo, act.lo), act.hi), min(max(hi, act.lo), act.hi)))


def step_model(value: Value, act: Quantize, channels: int, source: str) -> StepModel:
    """The pending function and the quantizer behind it, as the exact step function that a requantization has to be."""
    return StepModel(channels, value.factors, act.scale, act.rounding, act.lo, act.hi, value.divisor, value.bias,
                     value.norm, value.slope, value.clip, source)


def uniform_scale(value: Value, groups: int, outputs: int) -> tuple[FloatArray, ...]:
    """The factors of a layer's input, along the layer's output channels: one, or one per group of channels."""
    return tuple(_per_group(factor, value.axis, groups, outputs) for factor in value.factors)


def _per_group(factor: FloatArray, axis: int, groups: int, outputs: int) -> FloatArray:
    if (factor == factor[0]).all():
        return factor[:1]
    grouped = factor.reshape(groups, -1) if axis == 0 and factor.size % groups == 0 else factor.reshape(1, -1)
    if not (grouped == grouped[:, :1]).all():
        obstacle("BT2110", f"its input has {len(np.unique(factor))} different scales, which one sum of products mixes",
                 "quantize its input with one scale (a shared QuantIdentity behind a concatenation)")
    return np.repeat(grouped[:, 0], outputs // groups)
