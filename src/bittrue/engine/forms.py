"""Chooses how a requantization is computed, and proves the choice.

The definition takes 64-bit integers, a rounding mode and a slope. Cheaper forms exist (a shift, a 64-bit multiply-add
with one constant for the rounding, a float32 multiply-add); for many parameters one of them is equal to it, for some
none is. Both the definition and each form are monotone in the accumulator. Two monotone functions of an integer that
agree at both ends of an interval and on both sides of every step of one of them agree everywhere in it: between two
steps the one is constant, and the other is caught between equal values. So each form is *run* on those accumulators (at
most 2 * 255 + 2 for a byte) and used only where every result is equal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..ir import IntArray, Rounding
from ..ir.ops import Requant
from .native import PANEL, Form, Kernels, NativeRequant, address
from .tensors import INT32

MODES = {mode: code for code, mode in enumerate((Rounding.HALF_UP, Rounding.HALF_EVEN, Rounding.HALF_AWAY,
                                                 Rounding.FLOOR, Rounding.TOWARD_ZERO))}
FAR = 1 << 62
"""Beyond every bound."""


@dataclass(eq=False)
class Parameters:
    """A requantization for the kernels, one entry per slot (output channel, padded to whole panels).

    `mul`, `off`, `shift` are the definition's; the others belong to the forms and are set by `choose`.
    """

    op: Requant
    zero: int
    mul: IntArray
    off: IntArray
    shift: IntArray
    factor: NDArray[np.float32] = field(init=False)
    addend: NDArray[np.float32] = field(init=False)
    lanes: IntArray = field(init=False)
    short_shift: NDArray[np.int32] = field(init=False)
    extra: IntArray = field(init=False)
    """What the shifting forms want added to the accumulator beforehand."""

    def __post_init__(self) -> None:
        slots = len(self.mul)
        self.factor, self.addend = np.zeros(slots, np.float32), np.zeros(slots, np.float32)
        self.lanes = np.zeros((slots // 16, 6, 8), np.int64)
        self.short_shift, self.extra = np.zeros(slots, np.int32), np.zeros(slots, np.int64)

    @classmethod
    def of(cls, op: Requant, operands: tuple[IntArray, ...], slots: IntArray, zero: int) -> Parameters:
        """Spread operands (C,) or (1,) over the slots; `slots` holds the channel of each slot."""
        mul, off, shift = (np.ascontiguousarray(o[slots if len(o) > 1 else np.zeros_like(slots)]) for o in operands)
        return cls(op, zero, mul, off, shift)

    def native(self) -> NativeRequant:
        """The structure of the kernels; it points into this object, which must outlive it."""
        op = self.op
        arrays = (self.mul, self.off, self.shift, self.lanes, self.factor, self.addend, self.short_shift)
        return NativeRequant(MODES[op.rounding], op.slope_multiplier, op.slope_shift, op.lo, op.hi, self.zero,
                             *[address(array) for array in arrays])


@dataclass(frozen=True, eq=False)
class Trial:
    """One panel's accumulators at which a form is tried, and the definition's results there: both (points, PANEL)."""

    parameters: Parameters
    panel: slice
    acc: IntArray
    y: IntArray

    def window(self, least: NDArray[np.generic], most: NDArray[np.generic]) -> tuple[IntArray, IntArray]:
        """The tightest of the lower bounds `least` (of points above the clamp's bottom) and of the upper bounds `most`
        (of points below its top), per slot."""
        op = self.parameters.op
        return (np.where(self.y > op.lo, least, -FAR).max(axis=0), np.where(self.y < op.hi, most, FAR).min(axis=0))


def choose(kernels: Kernels, parameters: Parameters, low: IntArray, high: IntArray) -> list[Form]:
    """The form of each panel for accumulators between `low` and `high` (per slot, within int32).

    Sets the parameters of the chosen forms.
    """
    return [_choose_panel(kernels, parameters, slice(slot, slot + PANEL), low, high)
            for slot in range(0, len(parameters.mul), PANEL)]


def _choose_panel(kernels: Kernels, parameters: Parameters, panel: slice, low: IntArray, high: IntArray) -> Form:
    acc = _points(kernels, parameters, panel, low, high)
    expected = kernels.apply(Form.EXACT, parameters.native(), panel.start, acc.astype(np.int32))
    trial = Trial(parameters, panel, acc, expected.astype(np.int64) - parameters.zero)
    for form, fit in FITS.items():
        if form in kernels.backend.forms and fit(trial) and _agrees(kernels, form, trial, expected):
            return form
        parameters.extra[panel] = 0
    return Form.EXACT


def _agrees(kernels: Kernels, form: Form, trial: Trial, expected: NDArray[np.uint8]) -> bool:
    """Whether the form, run on the trial's accumulators, gives the definition's bytes."""
    acc = trial.acc + trial.parameters.extra[trial.panel]
    return bool(INT32.min <= acc.min() and acc.max() <= INT32.max) and np.array_equal(
        kernels.apply(form, trial.parameters.native(), trial.panel.start, acc.astype(np.int32)), expected)


def _points(kernels: Kernels, parameters: Parameters, panel: slice, low: IntArray, high: IntArray) -> IntArray:
    """Both ends of the interval and both sides of every step, per slot; short columns repeat their first point."""
    levels = min(parameters.op.hi - parameters.op.lo, int((high - low).max()))
    room, native = 2 * levels, parameters.native()
    columns = [np.array([low[slot], high[slot], *kernels.steps(native, slot, int(low[slot]), int(high[slot]), room)])
               for slot in range(panel.start, panel.stop)]
    table = np.empty((max(map(len, columns)), PANEL), np.int64)
    for slot, column in enumerate(columns):
        table[:, slot], table[:len(column), slot] = column[0], column
    return table


def _exponents(trial: Trial) -> tuple[IntArray, IntArray] | None:
    """(log2(mul), what remains of the shift) where all multipliers of the panel are powers of two, else None."""
    p, panel = trial.parameters, trial.panel
    mul = p.mul[panel]
    exponent = np.frexp(mul.astype(np.float64))[1].astype(np.int64) - 1
    shift = p.shift[panel] - exponent
    powers = (mul > 0) & (mul & (mul - 1) == 0) & (shift >= 0) & (shift <= 31)
    return (exponent, shift) if powers.all() else None


def _fit_shift(trial: Trial) -> bool:
    """(acc + extra) >> shift, for multipliers that are powers of two."""
    if (exponents := _exponents(trial)) is None:
        return False
    p, panel, (exponent, shift) = trial.parameters, trial.panel, exponents
    least, most = trial.window((trial.y << shift) - trial.acc, ((trial.y + 1) << shift) - 1 - trial.acc)
    wanted = (p.off[panel] >> exponent) + ((np.int64(1) << shift) >> 1)
    p.extra[panel] = np.clip(wanted, least, most) + (p.zero << shift)
    p.short_shift[panel] = shift
    return bool((least <= most).all())


def _fit_shift_even(trial: Trial) -> bool:
    """The same with ties to even, which no constant can express."""
    if (exponents := _exponents(trial)) is None:
        return False
    p, panel, (exponent, shift) = trial.parameters, trial.panel, exponents
    p.extra[panel] = (p.off[panel] >> exponent) + (p.zero << shift)
    p.short_shift[panel] = shift
    return p.op.rounding is Rounding.HALF_EVEN


def _fit_int64(trial: Trial) -> bool:
    """(acc * mul + off) >> shift with shift >= 32, so that the results land in 32-bit lanes."""
    p, panel = trial.parameters, trial.panel
    scale = (32 - p.shift[panel]).clip(0)
    shift, mul = p.shift[panel] + scale, p.mul[panel] << scale
    if shift.max() > 52 or not (INT32.min <= mul.min() and mul.max() <= INT32.max) or (
            np.abs(p.off[panel]).astype(np.float64) * 2.0**scale).max() > 2.0**61:
        return False
    value = trial.acc * mul + (p.off[panel] << scale)
    if not np.abs(value >> shift).max() < INT32.max // 2:
        return False
    least, most = trial.window((trial.y << shift) - value, ((trial.y + 1) << shift) - 1 - value)
    off = (p.off[panel] << scale) + np.clip(np.int64(1) << (shift - 1), least, most) + (p.zero << shift)
    for half, down in enumerate((0, 32)):
        for row, values in enumerate((mul, off, shift - down)):
            p.lanes[panel.start // 16:panel.stop // 16, 3 * half + row] = values.reshape(-1, 8, 2)[:, :, half]
    return bool((least <= most).all())


def _fit_float(trial: Trial) -> bool:
    """rint(acc * factor + addend) in float32."""
    p, panel = trial.parameters, trial.panel
    exact = p.mul[panel] / 2.0 ** p.shift[panel]
    base = np.float32(exact)
    best = np.full(PANEL, -np.inf)
    for factor in (base, np.nextafter(base, np.float32(np.inf)), np.nextafter(base, np.float32(-np.inf))):
        linear = trial.acc * factor.astype(np.float64)
        least, most = trial.window(trial.y - 0.5 - linear, trial.y + 0.5 - linear)
        least, most = np.maximum(least, most - 1), np.minimum(most, least + 1)
        better = most - least > best
        p.factor[panel] = np.where(better, factor, p.factor[panel])
        p.addend[panel] = np.where(better, (least + most) / 2 + p.zero, p.addend[panel])
        best = np.maximum(best, most - least)
    return True


FITS: dict[Form, Callable[[Trial], bool]] = {
    Form.SHIFT: _fit_shift,
    Form.SHIFT_EVEN: _fit_shift_even,
    Form.FLOAT: _fit_float,
    Form.INT64: _fit_int64,
}
"""Sets a form's parameters for one panel and says whether it is worth a trial; cheapest form first."""
