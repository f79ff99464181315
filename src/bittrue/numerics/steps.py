"""The fake-quantized model between two integer tensors, as data: its frozen float parameters read as real numbers.

Between an accumulator and the next quantized activation a trained model computes, per channel c,

    y = clamp(round(clip(slope(bn(acc * in_scale * weight_scale[c] / divisor + bias[c]))) / out_scale), lo, hi)

which is a monotone step function of the integer `acc`. `StepModel` holds the parameters exactly as trained (every float
is a rational number), `thresholds` says where the steps are, in exact arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import ceil, floor, isfinite, isnan, isqrt, lcm

import numpy as np
from numpy.typing import NDArray

from ..errors import BadInput, Diagnostic, declare
from ..ir import IntArray, Rounding

declare({
    "BT3001": "a parameter of the fake-quantized model is not a finite number",
    "BT3002": "a parameter of the fake-quantized model has the wrong shape",
    "BT3003": "a parameter of the fake-quantized model has no meaning for its formula",
})

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

    @property
    def arrays(self) -> dict[str, FloatArray]:
        """Every parameter array that is present, by name."""
        named = {f"factors[{i}]": factor for i, factor in enumerate(self.factors)} | {"out_scale": self.out_scale}
        if self.bias is not None:
            named["bias"] = self.bias
        if (norm := self.batch_norm) is not None:
            named |= {"gamma": norm.gamma, "beta": norm.beta, "mean": norm.mean, "var": norm.var}
        return named

    @cached_property
    def problems(self) -> tuple[Diagnostic, ...]:
        """Everything that keeps the formula from having a value (empty for a usable model)."""
        where = f"model of {self.source or 'a requantization'}"
        return tuple(Diagnostic(code, where, why, "repair the trained model's parameters")
                     for code, why in (*_shape_problems(self), *_value_problems(self)))

    @cached_property
    def levels(self) -> tuple[tuple[int, bool], ...]:
        """For each k in lo+1..hi the boundary below it and whether the boundary itself rounds up to k.

        The boundary is given as an integer w: the real value divided by out_scale has to reach w / 2.
        """
        return tuple(boundary(self.rounding, k) for k in range(self.lo + 1, self.hi + 1))

    def checked(self) -> StepModel:
        """The model itself. Raises `BadInput` (BT3001..BT3003) with every problem it has."""
        if self.problems:
            raise BadInput(*self.problems)
        return self


def boundary(rounding: Rounding, k: int) -> tuple[int, bool]:
    """(w, inclusive): `round(x) >= k` holds exactly when x > w/2, or x == w/2 and `inclusive`.

    >>> boundary(Rounding.HALF_EVEN, 2), boundary(Rounding.HALF_EVEN, 3), boundary(Rounding.FLOOR, 3)
    ((3, True), (5, False), (6, True))
    >>> boundary(Rounding.TOWARD_ZERO, 1), boundary(Rounding.TOWARD_ZERO, 0)
    ((2, True), (-2, False))
    """
    if rounding is Rounding.FLOOR:
        return 2 * k, True
    if rounding is Rounding.TOWARD_ZERO:
        return (2 * k, True) if k >= 1 else (2 * k - 2, False)
    inclusive = {Rounding.HALF_UP: True, Rounding.HALF_EVEN: k % 2 == 0, Rounding.HALF_AWAY: k >= 1}[rounding]
    return 2 * k - 1, inclusive


def _shape_problems(model: StepModel) -> Iterator[tuple[str, str]]:
    for name, array in model.arrays.items():
        if array.shape not in ((1,), (model.channels,)):
            yield "BT3002", f"{name} has the shape {array.shape}, not (1,) or ({model.channels},)"


def _value_problems(model: StepModel) -> Iterator[tuple[str, str]]:
    norm, clip = model.batch_norm, model.clip or (0.0, 0.0)
    scalars = {"slope": model.slope, "eps": norm.eps if norm else 0.0}
    for name, array in model.arrays.items():
        if not np.isfinite(array).all():
            yield "BT3001", f"{name} is not finite in channel {int(np.flatnonzero(~np.isfinite(array))[0])}"
    for name, value in scalars.items():
        if not isfinite(value):
            yield "BT3001", f"{name} is {value}"
    if isnan(clip[0]) or isnan(clip[1]) or clip[0] > clip[1] or clip[0] == np.inf or clip[1] == -np.inf:
        yield "BT3003", f"the clip {clip} is not an interval"
    if not (model.out_scale > 0).all():
        yield "BT3003", "out_scale is not positive everywhere"
    if model.slope < 0:
        yield "BT3003", f"the slope {model.slope} is negative, so the function is not monotone"
    if model.divisor < 1 or model.channels < 1 or model.lo > model.hi:
        yield "BT3003", f"divisor {model.divisor}, channels {model.channels} or levels {model.lo}..{model.hi} are empty"
    if norm and isfinite(norm.eps) and np.isfinite(norm.var).all() \
            and any(Fraction(v) + Fraction(norm.eps) <= 0 for v in norm.var.tolist()):
        yield "BT3003", "var + eps is not positive everywhere"


@dataclass(frozen=True, eq=False)
class Steps:
    """A monotone step function of an integer accumulator in lo_acc..hi_acc, in a canonical form: two are equal exactly
    when they are the same function on the same interval.

    `direction` is 1 (increasing), -1 (decreasing) or 0 (constant on the interval). `positions[i]` is the smallest
    direction * acc (acc itself for a constant) at which the output is at least lo + 1 + i, clipped to the interval:
    its first value means "everywhere", one more than its last means "never". int64, shape (hi - lo,), ascending.
    """

    lo_acc: int
    hi_acc: int
    lo: int
    direction: int
    positions: IntArray

    @classmethod
    def canonical(cls, lo_acc: int, hi_acc: int, lo: int, direction: int, positions: IntArray) -> Steps:
        """From positions (of -acc when `direction` is -1) that may lie outside of the interval."""
        first, last = (lo_acc, hi_acc) if direction >= 0 else (-hi_acc, -lo_acc)
        clipped = np.clip(positions, first, last + 1)
        everywhere = clipped == first
        if bool((everywhere | (clipped == last + 1)).all()):
            return cls(lo_acc, hi_acc, lo, 0, np.where(everywhere, lo_acc, hi_acc + 1).astype(np.int64))
        return cls(lo_acc, hi_acc, lo, direction, clipped.astype(np.int64))

    @property
    def interval(self) -> tuple[int, int]:
        """First and last value of the coordinate that `positions` are given in."""
        return (-self.hi_acc, -self.lo_acc) if self.direction < 0 else (self.lo_acc, self.hi_acc)

    def evaluate(self, acc: IntArray | int) -> IntArray:
        """The output at every accumulator (which must lie in the interval), int64."""
        coordinate = np.asarray(acc, np.int64) * (-1 if self.direction < 0 else 1)
        return np.asarray(self.lo + np.searchsorted(self.positions, coordinate, side="right"), np.int64)

    def spanning(self, lo: int, hi: int) -> Steps:
        """The same function as steps to lo+1..hi; its own levels must be among them."""
        first, last = self.interval
        below, above = self.lo - lo, hi - self.lo - len(self.positions)
        positions = np.pad(self.positions, (below, above), constant_values=(first, last + 1))
        return Steps(self.lo_acc, self.hi_acc, lo, self.direction, positions)

    def runs(self) -> list[tuple[int, int]]:
        """The function as its constant pieces: (first accumulator, output), ascending.

        >>> Steps.canonical(-5, 5, 0, -1, np.array([-2, 3])).runs()  # at least 1 where acc <= 2, 2 where acc <= -3
        [(-5, 2), (-2, 1), (3, 0)]
        """
        first, last = self.interval
        inside = np.unique(self.positions[(self.positions > first) & (self.positions <= last)])
        begins = np.concatenate([[self.lo_acc], inside if self.direction >= 0 else 1 - inside[::-1]]).astype(np.int64)
        return list(zip(begins.tolist(), self.evaluate(begins).tolist(), strict=True))

    def first_difference(self, other: Steps) -> int | None:
        """The smallest accumulator at which two functions over the same interval differ, or None."""
        begins = np.unique([begin for steps in (self, other) for begin, _ in steps.runs()])
        differs = np.flatnonzero(self.evaluate(begins) != other.evaluate(begins))
        return int(begins[differs[0]]) if differs.size else None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Steps) and self._key == other._key and np.array_equal(self.positions, other.positions)

    def __hash__(self) -> int:
        return hash((self._key, self.positions.tobytes()))

    @property
    def _key(self) -> tuple[int, int, int, int]:
        return self.lo_acc, self.hi_acc, self.lo, self.direction


_End = tuple["int | None", "int | None"]
"""An end of the clip: the largest w with w/2 output units below it, and at or below it. None: no end."""


@dataclass(frozen=True)
class _Line:
    """The real accumulator at which the model reaches w/2 output units: (p + (a*w + b) * sqrt(d)) / r, r > 0."""

    p: int
    a: int
    b: int
    r: int
    d: int

    @classmethod
    def through(cls, alpha: Fraction, beta: Fraction, rho: Fraction, square: Fraction) -> _Line:
        """The line (alpha*w + beta) * sqrt(square) + rho."""
        den = square.denominator
        radicand, root = square.numerator * den, isqrt(square.numerator * den)
        inner = Fraction(root, den) if root * root == radicand else Fraction(1, den)
        alpha, beta = alpha * inner, beta * inner
        r = lcm(alpha.denominator, beta.denominator, rho.denominator)
        return cls(int(rho * r), int(alpha * r), int(beta * r), r, 1 if root * root == radicand else radicand)

    def first(self, w: int, inclusive: bool) -> int:
        """The smallest integer at or (not `inclusive`) after the line's value: sqrt by `isqrt`, no rounding anywhere.

        floor((p + x) / r) == (p + floor(x)) // r for real x and integers p, r.
        """
        n = self.a * w + self.b
        low = isqrt(n * n * self.d) if self.d != 1 else abs(n)
        whole = self.d == 1 or n == 0  # d is 1 or no square, so the root is irrational unless n is 0
        below = low if n >= 0 else -low - (not whole)  # floor of the surd
        if not inclusive:
            return (self.p + below) // self.r + 1
        return -((-self.p - below - (not whole)) // self.r)


@dataclass(frozen=True)
class _Channel:
    """One channel's model in exact numbers: two lines (outputs above and below zero) and the clip in output units."""

    direction: int
    above: _Line
    below: _Line
    everywhere: _End
    reachable: _End
    """Largest w that is reached everywhere and that is reached at all, because of the clip."""


def _exact(array: FloatArray, channel: int) -> Fraction:
    return Fraction(float(array[channel if len(array) > 1 else 0]))


def _channel(model: StepModel, c: int) -> _Channel:
    """Solve the formula for the accumulator.

    With gain g = gamma * factors / divisor, the value z = g*acc/sqrt(d) + gamma*(bias - mean)/sqrt(d) + beta reaches t
    where |g| * (direction*acc) >= (t - beta)*sqrt(d) - gamma*(bias - mean). A zero gain is asked at acc = 0 with |g|
    taken as 1: the condition is then that of the constant.
    """
    norm, out_scale = model.batch_norm, _exact(model.out_scale, c)
    gain, shift = Fraction(1, model.divisor), Fraction(0) if model.bias is None else _exact(model.bias, c)
    for factor in model.factors:
        gain *= _exact(factor, c)
    beta, square = Fraction(0), Fraction(1)
    if norm is not None:
        gamma, beta = _exact(norm.gamma, c), _exact(norm.beta, c)
        gain, shift, square = gain * gamma, (shift - _exact(norm.mean, c)) * gamma, _exact(norm.var, c) + \
            Fraction(norm.eps)
    size = abs(gain) or Fraction(1)
    above = _Line.through(out_scale / 2 / size, -beta / size, -shift / size, square)
    slope = Fraction(model.slope) or Fraction(1)
    below = above if slope == 1 else _Line.through(out_scale / 2 / size / slope, -beta / size, -shift / size, square)
    low, high = _clip_bounds(model, out_scale)
    return _Channel((gain > 0) - (gain < 0), above, below, low, high)


def _clip_bounds(model: StepModel, out_scale: Fraction) -> tuple[_End, _End]:
    """Both ends of the clip; a ReLU is a clip at zero."""
    low, high = model.clip or (-np.inf, np.inf)
    if model.slope == 0:
        low = min(max(low, 0.0), high)
    return _clip_end(low, out_scale), _clip_end(high, out_scale)


def _clip_end(end: float, out_scale: Fraction) -> _End:
    if not isfinite(end):
        return None, None
    units = 2 * Fraction(end) / out_scale
    return ceil(units) - 1, floor(units)


def thresholds(model: StepModel, channel: int, lo_acc: int, hi_acc: int) -> Steps:
    """Exact step positions of one channel of the model for accumulators lo_acc..hi_acc, in real arithmetic.

    A step is where acc crosses (p + q*sqrt(var + eps)) / r with integers p, q, r: `math.isqrt` decides it, ties at the
    boundary follow the model's rounding mode. Raises `BadInput` (BT3001..BT3003) for a model without a value,
    ValueError for an empty interval.

    >>> half = StepModel(1, (np.array([0.5]),), np.array([1.0]), Rounding.HALF_EVEN, 0, 3)
    >>> thresholds(half, 0, -9, 9).positions.tolist()  # 0.5 -> 0, 1.5 -> 2, 2.5 -> 2
    [2, 3, 6]
    """
    if lo_acc > hi_acc:
        raise ValueError(f"the interval {lo_acc}..{hi_acc} is empty")
    exact = _channel(model.checked(), channel)
    first, last = (-hi_acc, -lo_acc) if exact.direction < 0 else (lo_acc, hi_acc)
    positions = np.fromiter(_positions(exact, model.levels, first, last + 1), np.int64, len(model.levels))
    return Steps.canonical(lo_acc, hi_acc, model.lo, exact.direction, positions)


def output_range(model: StepModel) -> tuple[int, int]:
    """The outputs that ReLU, clip and quantizer leave possible, over all channels and any accumulator.

    >>> relu6 = StepModel(1, (np.ones(1),), np.array([0.5]), Rounding.HALF_UP, -128, 127, clip=(0.0, 6.0))
    >>> output_range(relu6)
    (0, 12)
    """
    bounds = [_clip_bounds(model.checked(), _exact(model.out_scale, c)) for c in range(len(model.out_scale))]
    least = min(sum(_met(low, w, inc) for w, inc in model.levels) for low, _ in bounds)
    most = max(sum(high[inc] is None or _met(high, w, inc) for w, inc in model.levels) for _, high in bounds)
    return model.lo + least, model.lo + most


def _met(end: tuple[int | None, int | None], w: int, inclusive: bool) -> bool:
    limit = end[inclusive]
    return limit is not None and w <= limit


def _positions(exact: _Channel, levels: tuple[tuple[int, bool], ...], first: int, never: int) -> Iterator[int]:
    for w, inclusive in levels:
        everywhere, reachable = exact.everywhere[inclusive], exact.reachable[inclusive]
        if reachable is not None and w > reachable:
            yield never
        elif everywhere is not None and w <= everywhere:
            yield first
        else:
            position = (exact.above if w >= 0 else exact.below).first(w, inclusive)
            if exact.direction == 0:
                yield first if position <= 0 else never
            else:
                yield min(max(position, first), never)
