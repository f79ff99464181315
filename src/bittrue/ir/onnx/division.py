"""Exact rounded division inside a function body, all rounding modes by one formula, int64 only."""

from __future__ import annotations

from collections.abc import Callable

from ..rounding import Rounding
from .lowering import Body

TieBit = Callable[[Body, str, str], str]
"""(body, numerator, quotient) -> 1 where a tie goes up, else 0."""

TIE_GOES_UP: dict[Rounding, TieBit] = {
    Rounding.HALF_UP: lambda body, num, quotient: body.constant(1),
    Rounding.HALF_EVEN: lambda body, num, quotient: body.op("Mod", quotient, body.constant(2)),
    Rounding.HALF_AWAY: lambda body, num, quotient: body.cast(body.op("GreaterOrEqual", num, body.constant(0))),
}


def rounded_division(body: Body, num: str, den: str, rounding: Rounding) -> str:
    """`num / den` rounded, den > 0, both int64, |num| < 2**62 and den <= 2**61.

    ONNX `Div` truncates; `Mod` has the sign of the divisor, so (num - num mod den) / den is the floor. With
    low = num mod den the quotient goes up when 2 * low > den, or 2 * low = den and a tie goes up: when
    2 * low + tie > den.
    """
    if rounding is Rounding.TOWARD_ZERO:
        return body.op("Div", num, den)
    low = body.op("Mod", num, den)
    quotient = body.op("Div", body.op("Sub", num, low), den)
    if rounding is Rounding.FLOOR:
        return quotient
    twice = body.op("Add", low, low)
    biased = body.op("Add", twice, TIE_GOES_UP[rounding](body, num, quotient))
    return body.op("Add", quotient, body.cast(body.op("Greater", biased, den)))
