"""Average pooling: an exact sum whose division waits for the requantization, or is done by the pooling itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from math import prod
from typing import Any

from ...ir import I32, IntType, Rounding
from ...ir.ops import AvgPool
from .model import Permute, Quantize, Same, Step, ToShape
from .moves import settle_moves
from .problems import need
from .state import Lowering, refuse_input
from .values import Value


def pool_mean(state: Lowering, step: Step, values: tuple[Value, ...]) -> Value:
    """The sum of the integers in every window; the divisor waits, unless only a division is exact."""
    act: Any = step.act
    refuse_input(values[0])
    value = settle_moves(state.emit, values[0])
    need(value.affine, "BT2116", "it averages real values behind an activation function, which are not quantized",
         "put the quantizer before the average pooling (QuantReLU instead of ReLU)")
    need(not any(act.pads) or value.keeps_zero, "BT2116", "it averages padding together with values that have a bias",
         "use no padding, or quantize before")
    need(act.divisor == prod(act.kernel) or value.keeps_zero, "BT2116", f"it divides sums of {prod(act.kernel)} values "
         f"that have a bias by {act.divisor}", "leave divisor_override out, or quantize before")
    value = value.named(step.name, divisor=value.divisor * act.divisor)
    op = AvgPool(I32, act.kernel, act.stride, act.pads, 1)
    if (quantizer := _dividing(state, step, value)) is not None:
        divisor = int(Fraction(quantizer.scale.item()) / value.grid()[0])
        op = replace(op, divisor=divisor, rounding=quantizer.rounding)
        value = replace(value, factors=(quantizer.scale,), divisor=1, rounded=True)
    op = replace(op, out=_out_type(state, op, value, quantizer))
    node = state.emit.add(step.name, op, value.node, scale=value.scale() if value.linear else None)
    return replace(value, node=node)


def _out_type(state: Lowering, op: AvgPool, value: Value, quantizer: Quantize | None) -> IntType:
    """The quantizer's type, where the pooling does all that the quantizer does; else the narrowest one."""
    reach = state.emit.reach(op, value.node)
    whole = quantizer is not None and quantizer.lo <= reach.min and reach.max <= quantizer.hi
    return quantizer.elem if quantizer is not None and whole else reach


def _dividing(state: Lowering, step: Step, value: Value) -> Quantize | None:
    """The quantizer behind a pooling whose division no requantization can do, so that the pooling divides and rounds by
    itself, as the quantizer would.

    One that divides by an even number with an odd factor, such as 6, is of that kind: real values lie on its ties, and
    a multiplier over a power of two can reproduce these only if they all go one way (not half to even). So are whole
    divisors with a rounding that depends on the sign (toward zero, half away from zero)."""
    found = list(_quantizers_behind(state, step.output))
    quantizer = found[0] if found else None
    if quantizer is None or not value.linear or len(value.grid()) > 1 or quantizer.scale.size > 1:
        return None
    divisor = Fraction(quantizer.scale.item()) / value.grid()[0]
    same = all(q is not None and (q.scale.tolist(), q.rounding) == (quantizer.scale.tolist(), quantizer.rounding)
               for q in found)
    odd_factor = divisor.numerator & (divisor.numerator - 1)
    by_sign = quantizer.rounding in (Rounding.TOWARD_ZERO, Rounding.HALF_AWAY)
    ties = quantizer.rounding is Rounding.HALF_EVEN and divisor.numerator % 2 == 0 and odd_factor
    return quantizer if same and divisor.denominator == 1 and (by_sign or ties) else None


def _quantizers_behind(state: Lowering, number: int) -> Iterator[Quantize | None]:
    """The quantizers that read a value, maybe in another shape; None for every other use."""
    if number in state.model.outputs:
        yield None
    for user in (s for s in state.model.steps if number in s.inputs):
        if isinstance(user.act, (Same, ToShape, Permute)):
            yield from _quantizers_behind(state, user.output)
        else:
            yield user.act if isinstance(user.act, Quantize) else None
