"""The output stage of a layer: which requantizations are a shift, a rounding half up, a saturation and an activation.

The accelerator computes floor(sum * 2**(shift - 7) + 1/2) with sum = products + 128 * bias, limited to -128..127 or
0..127. A requantization with other multipliers fits when they can be moved into the weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import or_

import numpy as np

from ....ir import Graph, IntArray, Node
from ....ir.ops import Requant
from ....ir.rounding import Rounding
from ....ir.types import Range
from ..network import BIAS_SHIFT, FRACTION, Activation

WIDTHS = (1, 2, 4, 8)
HIGHEST_SHIFT, LOWEST_SHIFT = 15, -15
BIAS_RANGE = (-128, 127)


@dataclass(frozen=True)
class Stage:
    """Weights, bias, shift and activation of a layer that equals products followed by a requantization."""

    weight: IntArray
    bias: IntArray | None
    bits: int
    shift: int
    activation: Activation
    wide: bool = False


@dataclass(frozen=True)
class Refusal:
    """Why a requantization is none that the accelerator has."""

    why: str
    fix: str


PRESET = "train with a max7800x preset, whose requantizations are shifts"
UNEQUAL = Refusal("its multipliers differ from powers of two, or between channels, by more than the weights can take "
                  "up in 8 bits", PRESET + ", one for all channels")
WIDEST = 1 << 40
"""No factor of a weight, and no bias, reaches this: a product with a weight stays exact in 64 bits."""


def stage(weight: IntArray, bias: IntArray | None, requant: Node | None, graph: Graph, acc: str) -> Stage | Refusal:
    """The output stage of products with `weight` (O, ...) and `bias` (O,), then `requant` (None: the sums leave).

    The range of the accumulator, which the graph proves, decides whether an unusual clamp ever acts.
    """
    total = np.zeros(weight.shape[0], np.int64) if bias is None else bias
    if requant is None:
        return _with_bias(weight, total, 0, Activation.NONE, wide=True)
    op = requant.op
    assert isinstance(op, Requant)
    if op.rounding not in (Rounding.HALF_UP, Rounding.FLOOR):
        return Refusal(f"it rounds {op.rounding}; the accelerator rounds half up", PRESET)
    parameters = [graph.constants[n].values for n in requant.inputs[1:]]
    if op.axis != 0 and max(p.size for p in parameters) > 1:
        return Refusal(f"its parameters lie along axis {op.axis}, not along the channels", PRESET)
    multiplier, offset, shift = (np.broadcast_to(p, total.shape) for p in parameters)
    activation = _activation(op, _unclamped(op, graph, requant, acc))
    if isinstance(activation, Refusal):
        return activation
    scaled = _into_weights(weight, total, multiplier, offset, shift)
    if isinstance(scaled, Refusal):
        return scaled
    weight, total, right = scaled
    if op.rounding is Rounding.FLOOR and right > 0:
        total = total - (1 << right - 1)
    return _with_bias(weight, total, FRACTION - right, activation, wide=False)


def _unclamped(op: Requant, graph: Graph, node: Node, acc: str) -> Range:
    """The proven range of the rounded values, before the clamp."""
    free = Requant(op.out, op.out.min, op.out.max, op.rounding, op.slope_multiplier, op.slope_shift, op.axis)
    parameters = [Range.exactly(graph.constants[n].values) for n in node.inputs[1:]]
    reach, far = graph.ranges[acc], 1 << 40
    ends = [_rounded(free, end, parameters) for end in (reach.lo, reach.hi)]
    low, high = (np.clip(end, -far, far) for end in (np.minimum(*ends), np.maximum(*ends)))
    return Range(low, high)


def _rounded(op: Requant, acc: IntArray, parameters: list[Range]) -> IntArray:
    multiplier, offset, shift = (op.along_axis(p.lo, acc.ndim) for p in parameters)
    half = np.where((shift > 0) & (op.rounding is Rounding.HALF_UP), np.int64(1) << np.maximum(shift - 1, 0), 0)
    rounded: IntArray = (acc * multiplier + offset + half) >> shift
    return rounded


def _activation(op: Requant, reach: Range) -> Activation | Refusal:
    """The activation whose limits act as the requantization's clamp does on the values that can occur."""
    lo, hi = op.lo, op.hi
    if (op.slope_multiplier, op.slope_shift) == (0, 0):
        lo = max(lo, 0)
    elif (op.slope_multiplier, op.slope_shift) != (1, 0):
        return Refusal(f"it is a leaky ReLU with slope {op.slope_multiplier}/2**{op.slope_shift}",
                       "use ReLU, Abs or no activation")
    lowest, highest = int(reach.lo.min()), int(reach.hi.max())
    if hi != 127 and highest > min(hi, 127):
        return Refusal(f"it limits values to at most {hi}, the accelerator to 127, and {highest} can occur",
                       "use 8-bit activations (a max7800x preset)")
    if lo in (-128, 0):
        return Activation.NONE if lo == -128 else Activation.RELU
    if lowest >= lo:
        return Activation.RELU if lowest >= 0 else Activation.NONE
    return Refusal(f"it limits values to at least {lo}, the accelerator to -128 or 0, and {lowest} can occur",
                   "use signed 8-bit activations, or ReLU")


def _into_weights(weight: IntArray, bias: IntArray, multiplier: IntArray, offset: IntArray, shift: IntArray) \
        -> tuple[IntArray, IntArray, int] | Refusal:
    """Weights and bias such that one right shift for all channels is left: (products * m + offset) / 2**s."""
    right = int(shift.max())
    left = [right - int(s) for s in shift]
    factors = [int(m) << s for m, s in zip(multiplier, left, strict=True)]  # Python's integers: no bit gets lost
    totals = [int(b) * int(m) + int(o) << s for b, m, o, s in zip(bias, multiplier, offset, left, strict=True)]
    places = _twos(*factors, *totals)
    if max(map(abs, (*factors, *totals))) >> places >= WIDEST:
        return UNEQUAL
    factor, total = (np.array([v >> places for v in values], np.int64) for values in (factors, totals))
    scaled = weight * factor.reshape(-1, *(1,) * (weight.ndim - 1))
    more = _twos(int(np.bitwise_or.reduce(scaled, axis=None)), *map(int, total))
    scaled, total = scaled >> more, total >> more
    if scaled.max(initial=0) > 127 or scaled.min(initial=0) < -128:
        return UNEQUAL
    return scaled, total, right - places - more


def _twos(*values: int) -> int:
    """How often 2 divides all of some integers; 0 when all are 0.

    >>> _twos(12), _twos(12, 7), _twos(0), _twos(-8, 0)
    (2, 0, 0, 3)
    """
    bits = reduce(or_, values)
    return (bits & -bits).bit_length() - 1 if bits else 0


def _with_bias(weight: IntArray, bias: IntArray, shift: int, activation: Activation, wide: bool) -> Stage | Refusal:
    """Scale everything until the bias is a multiple of 128 and the shift is within reach, if the weights allow it."""
    for doubled in range(FRACTION + 1):
        w, b, left = weight << doubled, bias << doubled, shift - doubled
        if wide and doubled:
            break
        if w.min(initial=0) < -128 or w.max(initial=0) > 127:
            break
        if not (b % (1 << BIAS_SHIFT)).any() and LOWEST_SHIFT <= left <= HIGHEST_SHIFT:
            units = b >> BIAS_SHIFT
            if units.min(initial=0) < BIAS_RANGE[0] or units.max(initial=0) > BIAS_RANGE[1]:
                return Refusal(f"its bias reaches {int(np.abs(units).max())} * 128, and a bias has 8 bits",
                               "use smaller biases, or a larger output shift")
            return Stage(w, units if units.any() else None, weight_bits(w), left, activation, wide)
    if not LOWEST_SHIFT <= shift <= HIGHEST_SHIFT:
        return Refusal(f"its shift of {shift} places is outside of {LOWEST_SHIFT}..{HIGHEST_SHIFT}", PRESET)
    return Refusal("its bias (or offset) is no multiple of 128, the unit of the accelerator's biases", PRESET)


def weight_bits(weight: IntArray) -> int:
    """The narrowest width of the kernel memory that holds the weights.

    >>> weight_bits(np.array([-1, 0])), weight_bits(np.array([1, 0])), weight_bits(np.array([-9]))
    (1, 2, 8)
    """
    lo, hi = int(weight.min(initial=0)), int(weight.max(initial=0))
    return next(bits for bits in WIDTHS if -(1 << bits - 1) <= lo and hi < 1 << bits - 1)
