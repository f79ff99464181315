"""Rules of the ops that work element by element. What no ONNX op does on the stored type is done in int64."""

from __future__ import annotations

from ..ops import Abs, Add, BitOr, BitXor, Clip, LeakyRelu, Lookup, Relu, Sub
from .division import rounded_division
from .lowering import Body, Lowered, Site, Standard, rule

RELU_DTYPES = ("int8", "int32")
"""What ONNX Runtime's Relu accepts."""


@rule(Relu)
def relu(op: Relu, site: Site) -> Lowered:
    """`Relu` where it accepts the type."""
    if site.out.elem.dtype.name in RELU_DTYPES:
        return Standard("Relu")
    body = Body()
    return body.finish(body.larger(body.cast("x"), body.constant(0)), site.out.elem.dtype)


@rule(LeakyRelu)
def leaky_relu(op: LeakyRelu, site: Site) -> Lowered:
    """A function: the rounded product below zero, the value itself elsewhere."""
    body = Body()
    x, zero = body.cast("x"), body.constant(0)
    product = body.op("Mul", x, body.attribute("slope_multiplier"))
    below = rounded_division(body, product, body.constant(1 << op.slope_shift), op.rounding)
    return body.finish(body.op("Where", body.op("Less", x, zero), below, x), site.out.elem.dtype)


@rule(Clip)
def clip(op: Clip, site: Site) -> Lowered:
    """A function, for the bounds are attributes (and see `Body.larger`)."""
    body = Body()
    return body.finish(body.clamp(body.cast("x"), body.attribute("lo"), body.attribute("hi")), site.out.elem.dtype)


@rule(Abs)
def absolute(op: Abs, site: Site) -> Lowered:
    """`Abs` of an unsigned tensor; a function for a signed one, whose result is unsigned."""
    if site.operands[0].elem.dtype == site.out.elem.dtype:
        return Standard("Abs")
    body = Body()
    x = body.cast("x")
    return body.finish(body.larger(x, body.op("Neg", x)), site.out.elem.dtype)


@rule(Add)
def add(op: Add, site: Site) -> Lowered:
    """`Add`."""
    return _sum("Add", site)


@rule(Sub)
def sub(op: Sub, site: Site) -> Lowered:
    """`Sub`."""
    return _sum("Sub", site)


def _sum(op_type: str, site: Site) -> Lowered:
    """The standard op if all three types are stored alike, else a function (the range analysis excludes overflow)."""
    dtypes = {tensor.elem.dtype for tensor in (*site.operands, site.out)}
    if len(dtypes) == 1:
        return Standard(op_type)
    body = Body()
    return body.finish(body.op(op_type, body.cast("a"), body.cast("b")), site.out.elem.dtype)


@rule(BitOr)
def bit_or(op: BitOr, site: Site) -> Lowered:
    """`BitwiseOr`: a narrow type is stored with its sign bit repeated, and the result's is repeated as well."""
    return Standard("BitwiseOr")


@rule(BitXor)
def bit_xor(op: BitXor, site: Site) -> Lowered:
    """`BitwiseXor`."""
    return Standard("BitwiseXor")


@rule(Lookup)
def lookup(op: Lookup, site: Site) -> Lowered:
    """A function around `Gather`: the index is x - first."""
    body = Body()
    index = body.op("Sub", body.cast("x"), body.attribute("first"))
    return body.finish(body.op("Gather", "table", index), site.out.elem.dtype)
