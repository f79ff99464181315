"""Chooses how a requantization is computed, and proves the choice.

The definition takes 64-bit integers and a rounding mode. Cheaper forms exist (a shift, a 64-bit multiply-add with one
rounding constant, a float32 multiply-add), which are equal to it for many parameters but not for all. Both the
definition and each form are monotone in the accumulator. Two monotone functions of an integer that agree at both ends of
an interval and on both sides of every step of one of them agree everywhere in it: between two steps one is constant and
the other, caught between equal values, is too. So a form is *run* on those accumulators (at most 2 * 255 + 2 for a
byte), and used where all results are equal.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..ir import IntArray, Rounding
from ..ir.ops import Requant
from .native import PANEL, Form, Kernels, NativeRequant, address
from .tensors import INT32

MODES = {mode: code for code, mode in enumerate((Rounding.HALF_UP, Rounding.HALF_EVEN, Rounding.HALF_AWAY,
                                                 Rounding.FLOOR))}
Float32 = NDArray[np.float32]


@dataclass
class Parameters:
    """A requantization for the kernels: one entry per slot (output channel, padded to whole panels)."""

    op: Requant
    zero: int
    mul: IntArray
    off: IntArray
    shift: IntArray
    factor: Float32 = field(init=False)
    addend: Float32 = field(init=False)
    lanes: IntArray = field(init=False)
    short_shift: NDArray[np.int32] = field(init=False)
    extra: IntArray = field(init=False)
    """What the form SHIFT wants added to the accumulator beforehand, per slot."""

    def __post_init__(self) -> None:
        slots = len(self.mul)
        self.factor, self.addend = np.zeros(slots, np.float32), np.zeros(slots, np.float32)
        self.lanes = np.zeros((slots // 16, 6, 8), np.int64)
        self.short_shift, self.extra = np.zeros(slots, np.int32), np.zeros(slots, np.int64)

    @classmethod
    def of(cls, op: Requant, operands: tuple[IntArray, ...], slots: IntArray, zero: int) -> Parameters:
        """Spread (C,) or (1,) operands over the slots; `slots` holds the channel of each slot."""
        mul, off, shift = (np.ascontiguousarray(o[slots if len(o) > 1 else np.zeros_like(slots)]) for o in operands)
        return cls(op, zero, mul, off, shift)

    def native(self) -> NativeRequant:
        """The structure of the kernels; it points into this object."""
        op = self.op
        arrays = (self.mul, self.off, self.shift, self.lanes, self.factor, self.addend, self.short_shift)
        return NativeRequant(MODES[op.rounding], op.slope_multiplier, op.slope_shift, op.lo, op.hi, self.zero,
                             *map(address, arrays))


@dataclass
class Steps:
    """Steps of one slot's requantization: pairs of accumulators (lower result, higher result) with their results, and
    both ends of the reachable interval."""

    ends: tuple[int, int]
    below: IntArray
    above: IntArray
    y_below: IntArray
    y_above: IntArray

    @property
    def points(self) -> IntArray:
        """All accumulators at which a form is tried."""
        return np.concatenate([np.array(self.ends), self.below, self.above])


def choose(kernels: Kernels, parameters: Parameters, low: IntArray, high: IntArray) -> list[Form]:
    """The form of each panel, for accumulators between `low` and `high` (per slot, within int32).

    Fills in the parameters of the chosen forms.
    """
    return [_choose_panel(kernels, parameters, slice(slot, slot + PANEL), low, high)
            for slot in range(0, len(parameters.mul), PANEL)]


def _choose_panel(kernels: Kernels, p: Parameters, panel: slice, low: IntArray, high: IntArray) -> Form:
    steps = [_steps(kernels, p, slot, int(low[slot]), int(high[slot])) for slot in range(panel.start, panel.stop)]
    points = _table(steps)
    expected = kernels.apply(Form.EXACT, p.native(), panel.start, points.astype(np.int32))
    for form, fit in FITS.items():
        if form not in kernels.backend.forms or not all(map(fit, _repeat(p), range(panel.start, panel.stop), steps)):
            continue
        shifted = points + p.extra[panel] if form is Form.SHIFT else points
        if not (INT32.min <= shifted.min() and shifted.max() <= INT32.max):
            continue
        if np.array_equal(kernels.apply(form, p.native(), panel.start, shifted.astype(np.int32)), expected):
            return form
    return Form.EXACT


def _repeat(p: Parameters) -> Iterator[Parameters]:
    while True:
        yield p


def _table(steps: list[Steps]) -> IntArray:
    """The points of all slots of a panel side by side, (points, PANEL); short columns repeat their first point."""
    columns = [s.points for s in steps]
    table = np.tile(np.array([c[0] for c in columns], np.int64), (max(map(len, columns)), 1))
    for slot, column in enumerate(columns):
        table[:len(column), slot] = column
    return np.ascontiguousarray(table)


def _steps(kernels: Kernels, p: Parameters, slot: int, low: int, high: int) -> Steps:
    native = p.native()
    found = kernels.steps(native, slot, low, high, 2 * (p.op.hi - p.op.lo + 1)).reshape(-1, 2)
    one = Parameters(p.op, 0, *(a[slot:slot + 1] for a in (p.mul, p.off, p.shift)))
    results = p.op.run(found[:, np.newaxis], one.mul, one.off, one.shift)[:, 0] if p.op.axis == 0 else found
    rising = results[:, 0] <= results[:, 1]
    swap: Callable[[IntArray], IntArray] = lambda a: np.where(rising[:, np.newaxis], a, a[:, ::-1])  # noqa: E731
    found, results = swap(found), swap(results)
    return Steps((low, high), found[:, 0], found[:, 1], results[:, 0], results[:, 1])
