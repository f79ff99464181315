"""The rule of the requantization: int64 arithmetic, a single rounding."""

from __future__ import annotations

import numpy as np

from ..ops import Requant
from .division import rounded_division
from .lowering import Body, Lowered, Site, rule

UINT64 = np.dtype(np.uint64)


@rule(Requant)
def requant(op: Requant, site: Site) -> Lowered:
    """A function: clamp(round(slope(acc * multiplier + offset) / 2**shift)).

    Where the value is negative, numerator and denominator are exchanged for the slope's, then one division serves both.
    """
    body = Body()
    multiplier, offset, shift = (_along_axis(body, name, op, site) for name in ("multiplier", "offset", "shift"))
    num = body.op("Add", body.op("Mul", body.cast("acc"), multiplier), offset)
    den = body.cast(body.op("BitShift", body.constant(1, UINT64), body.cast(shift, UINT64), direction="LEFT"))
    if (op.slope_multiplier, op.slope_shift) != (1, 0):
        negative = body.op("Less", num, body.constant(0))
        num, den = (
            body.op("Where", negative, body.op("Mul", value, body.constant(factor)), value)
            for value, factor in ((num, op.slope_multiplier), (den, 1 << op.slope_shift)))
    scaled = rounded_division(body, num, den, op.rounding)
    return body.finish(body.clamp(scaled, body.attribute("lo"), body.attribute("hi")), op.out.dtype)


def _along_axis(body: Body, name: str, op: Requant, site: Site) -> str:
    """A parameter of shape (C,) or (1,) as int64 that broadcasts along the op's axis."""
    following = len(site.operands[0].shape) - 1 - op.axis
    value = body.cast(name)
    if not following or site.operands[1].shape == (1,):
        return value
    return body.op("Unsqueeze", value, body.constant(tuple(range(1, 1 + following))))
