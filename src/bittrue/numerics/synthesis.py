"""Requantization synthesis: the smallest integers that are *exactly* the trained model's step function.

`bittrue.numerics.conditions` says which multipliers and offsets are exact at a given shift; here is the search for the
smallest shift, multiplier and slope, and the diagnosis when there is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

import numpy as np

from ..errors import Unsupported, declare, fail
from ..ir import IntArray, IntType, Rounding
from ..ir.ops import Requant
from .conditions import BoolArray, Conditions, Layer, Shape
from .steps import StepModel, Steps, output_range, thresholds

declare({"BT3010": "no multiplier of the allowed width makes a requantization exact"})

MAX_SHIFT = 61
MAX_SLOPE_SHIFT = 30
EXACT_SLOPE_BITS = 16
"""A slope that is a fraction over at most 2**16 is taken as it is; others (0.1) are approximated, exactly in effect."""
POWER_OF_TWO_PATIENCE = 2
"""How many shifts beyond the smallest exact one are tried for a multiplier that is a power of two. Without a slope,
more would not help: where 2**j is exact at a shift s > 2 and j > 1, 2**(j-1) is exact at s - 1."""


@dataclass(frozen=True, eq=False)
class RequantParams:
    """An exact requantization: multiplier, offset, shift are int64 (C,); the rest are attributes of the op.

    `lo` and `hi` are the model's levels, narrowed to what its ReLU and clip leave possible: the clamp does their work.
    """

    multiplier: IntArray
    offset: IntArray
    shift: IntArray
    slope_multiplier: int
    slope_shift: int
    rounding: Rounding
    lo: int
    hi: int

    def op(self, out: IntType, axis: int = 0) -> Requant:
        """The graph's op with these attributes."""
        return Requant(out, self.lo, self.hi, self.rounding, self.slope_multiplier, self.slope_shift, axis)


def synthesize(model: StepModel, lo_acc: IntArray, hi_acc: IntArray, *, max_multiplier_bits: int = 31,
               rounding: Rounding | None = None, shared_shift: bool = False, multiplier: IntArray | None = None,
               layer: str = "") -> RequantParams:
    """The smallest exact requantization of a model whose accumulators are in lo_acc..hi_acc (int64, (C,) or (1,)).

    Per channel: the smallest shift that has an exact multiplier with |m| < 2**max_multiplier_bits, and the smallest one
    there; a power of two if one is exact at a shift at most two larger; 0 for a constant. The offset is the one nearest
    to zero. `rounding` is that of the integer function (default: the model's). `shared_shift` uses one shift for all
    channels. `multiplier` (non-negative, (C,) or (1,)) prescribes the multiplier's magnitude: 1 for a chip without one.

    A LeakyReLU's slope becomes one fraction a/2**b for the layer: the trained one when that is exact within 16 bits,
    else the first fraction (by b) with which every channel is exact; 0/2**0 (ReLU) when no output is negative.

    The result satisfies the verifier's rule on 64-bit arithmetic. Raises `Unsupported` (BT3010) naming every channel
    without an exact solution, `BadInput` (BT3001..BT3003) for a model without a value.

    >>> model = StepModel(1, (np.array([0.25]),), np.array([0.5]), Rounding.HALF_EVEN, -8, 7)
    >>> params = synthesize(model, np.array([-100]), np.array([100]))
    >>> params.multiplier.tolist(), params.offset.tolist(), params.shift.tolist()
    ([1], [0], [1])
    """
    intervals = zip(*(np.broadcast_to(a, (model.channels,)).tolist() for a in (lo_acc, hi_acc)), strict=True)
    steps = tuple(thresholds(model, c, lo, hi) for c, (lo, hi) in enumerate(intervals))
    prescribed = None if multiplier is None else np.broadcast_to(np.asarray(multiplier, np.int64), (model.channels,))
    search = Search(model, steps, rounding or model.rounding, max_multiplier_bits, shared_shift, prescribed)
    solution = search.solution
    if solution is None:
        from .diagnose import why_and_fix

        fail(Unsupported, "BT3010", f"layer {layer or model.source or '(unnamed)'}", *why_and_fix(search))
    return solution


@dataclass(frozen=True, eq=False)
class Search:
    """The search for one layer; `steps` may be those of some of its channels only."""

    model: StepModel
    steps: tuple[Steps, ...]
    rounding: Rounding
    bits: int = 31
    shared_shift: bool = False
    prescribed: IntArray | None = None

    @cached_property
    def levels(self) -> tuple[int, int]:
        """The clamp of the integer function."""
        return output_range(self.model)

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """The slopes to try, in order."""
        return tuple(Shape(*self.levels, self.rounding, a, b) for a, b in _slopes(self.model.slope, self.levels[0]))

    @property
    def representative_shapes(self) -> tuple[Shape, ...]:
        """The slopes that a diagnosis looks at: of a long list only some, from coarse to fine."""
        return self.shapes if len(self.shapes) < 4 else self.shapes[8:-8:12]

    @cached_property
    def signs(self) -> IntArray:
        """Direction of every channel: 1 (also of a constant) or -1."""
        return np.array([-1 if s.direction < 0 else 1 for s in self.steps], np.int64)

    def layer(self, shape: Shape) -> Layer:
        """The problem for one slope."""
        begin, end = self.levels[0] - self.model.lo, self.levels[1] - self.model.lo
        positions = np.stack([s.positions[begin:end] for s in self.steps])
        first, last = np.array([s.interval for s in self.steps], np.int64).T
        widest = max(1, int(np.abs(first).max()), int(np.abs(last).max()))
        largest = min((1 << self.bits) - 1, shape.edge // widest)
        if self.prescribed is None:
            start, limit = np.zeros_like(first), np.full_like(first, largest)
        else:
            start, limit = self.prescribed, np.minimum(self.prescribed, largest)
        return Layer(shape, positions, first, last, start, limit)

    @cached_property
    def solution(self) -> RequantParams | None:
        """The first slope with which every channel is exact, and the smallest exact numbers there."""
        suspect = 0  # a channel that failed before fails most likely again, and is cheap to ask alone
        for shape in self.shapes:
            layer = self.layer(shape)
            if _failing(_each(layer.pick(np.array([suspect])))).size:
                continue
            choice = _shared(layer) if self.shared_shift else _each(layer)
            failing = _failing(choice)
            if not failing.size:
                return self._params(layer, *choice)
            suspect = int(failing[0])
        return None

    @cached_property
    def failing(self) -> tuple[int, ...]:
        """Channels (positions in `steps`) without an exact solution for the slope with the fewest of them."""
        solve = _shared if self.shared_shift else _each
        choices = (solve(self.layer(shape)) for shape in self.representative_shapes)
        return min((tuple(_failing(choice).tolist()) for choice in choices), key=len)

    def part(self, rows: tuple[int, ...]) -> Search:
        """The search for some of the channels."""
        prescribed = None if self.prescribed is None else self.prescribed[list(rows)]
        return replace(self, steps=tuple(self.steps[r] for r in rows), prescribed=prescribed)

    def _params(self, layer: Layer, m: IntArray, shift: IntArray) -> RequantParams:
        offset = np.empty_like(m)
        for s in np.unique(shift):
            rows = np.flatnonzero(shift == s)
            first, last = layer.pick(rows).conditions(int(s)).offsets(m[rows])
            offset[rows] = np.clip(0, first, last)
        shape = layer.shape
        return RequantParams(m * self.signs, offset, shift, shape.slope_multiplier, shape.slope_shift, shape.rounding,
                             shape.lo, shape.hi)


def _slopes(slope: float, least_output: int) -> Iterator[tuple[int, int]]:
    """Fractions a/2**b to try for the slope below zero, simplest first."""
    exact = Fraction(slope)
    if least_output >= 0 or slope == 0:
        yield 0, 0
    elif exact.denominator <= 1 << EXACT_SLOPE_BITS:
        yield exact.numerator, exact.denominator.bit_length() - 1
    else:
        for b in range(MAX_SLOPE_SHIFT + 1):
            floor = (exact.numerator << b) // exact.denominator
            yield from ((a, b) for a in (floor, floor + 1) if a % 2 or not b)


Choice = tuple[IntArray, IntArray]
"""Multiplier (magnitude) and shift of every channel; -1 where there is none."""


def _failing(choice: Choice) -> IntArray:
    return np.flatnonzero(choice[0] < 0)


def _each(layer: Layer) -> Choice:
    """The smallest multiplier and shift of every channel on its own."""
    m, shift = (np.full(len(layer.first), -1, np.int64) for _ in range(2))
    pending = np.arange(len(m))
    for s in range(MAX_SHIFT - layer.shape.slope_shift + 1):
        if not pending.size:
            break
        here = layer.pick(pending)
        best, is_power = _smallest(here, here.conditions(s))
        take = (best >= 0) & (is_power | (m[pending] < 0))
        m[pending[take]], shift[pending[take]] = best[take], s
        patient = (m[pending] < 0) | (s < shift[pending] + POWER_OF_TWO_PATIENCE)
        pending = pending[~is_power & patient]
    return m, shift


def _shared(layer: Layer) -> Choice:
    """The same with the smallest shift at which all channels are exact, or the one with the fewest failures."""
    best = np.full(len(layer.first), -1, np.int64), np.full(len(layer.first), -1, np.int64)
    for s in range(MAX_SHIFT - layer.shape.slope_shift + 1):
        m, _ = _smallest(layer, layer.conditions(s))
        if _failing((m, m)).size < _failing(best).size:
            best = m, np.full_like(m, s)
        if not _failing(best).size:
            break
    return best


def _smallest(layer: Layer, conditions: Conditions) -> tuple[IntArray, BoolArray]:
    """The multiplier to use at one shift (-1: none), and whether it is a power of two or zero."""
    least = conditions.least(layer.start, layer.limit)
    power = np.array([1 << (v - 1).bit_length() if v > 0 else v for v in least.tolist()], np.int64)
    is_power = (least >= 0) & (power <= layer.limit)
    is_power[is_power] = conditions.pick(np.flatnonzero(is_power)).works(power[is_power])
    return np.where(is_power, power, least), is_power
