"""Sums of products on ONNX's 8-bit integer ops, exact for operands of any width and on every CPU.

`ConvInteger` and `MatMulInteger` take 8-bit operands and return int32. Two things stand between them and exactness:

* x86 kernels without VNNI multiply unsigned by signed bytes with `vpmaddubsw`, which saturates the sum of two
  neighbouring products to 16 bits: 2 * 255 * 128 does not fit. Signed weights of 7 bits or fewer are safe. Full 8-bit
  ones are moved to unsigned with zero point 128 (the unsigned kernels multiply in 16 bits and add in 32).
* Wider operands are cut into bytes, multiplied byte by byte and added up. All sums are exact modulo 2**32, and the
  graph's range analysis proves that the true result fits 32 bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..types import IntType
from .lowering import Body
from .protos import Value

UINT8 = np.dtype(np.uint8)
INT32 = np.dtype(np.int32)


@dataclass(frozen=True)
class Factor:
    """One operand of a product: its name in the body and its integer type."""

    name: str
    elem: IntType


def fits_kernel(x: IntType, weight: IntType, out: IntType) -> bool:
    """Whether the plain ONNX op computes it exactly, with no function around it."""
    return x.bits <= 8 and weight.bits <= 8 and not _saturates(weight) and out.dtype == INT32


def sum_of_products(body: Body, op_type: str, x: Factor, weight: Factor, attributes: Mapping[str, Value]) -> str:
    """`op_type` (ConvInteger or MatMulInteger) of `x` and `weight`, as int64, right modulo 2**32."""
    weights = list(enumerate(_bytes(body, weight)))
    partial = [_shifted(body, _product(body, op_type, a, b, attributes), 8 * (i + j))
               for i, a in enumerate(_bytes(body, x)) for j, b in weights if i + j < 4]
    total = partial[0]
    for term in partial[1:]:
        total = body.op("Add", total, term)
    return total


def _saturates(weight: IntType) -> bool:
    return weight.signed and weight.bits == 8


def _product(body: Body, op_type: str, x: Factor, weight: Factor, attributes: Mapping[str, Value]) -> str:
    if not _saturates(weight.elem):
        return body.op(op_type, x.name, weight.name, **attributes)
    moved = body.cast(body.op("Add", body.cast(weight.name), body.constant(128)), UINT8)
    return body.op(op_type, x.name, moved, "", body.constant(128, UINT8), **attributes)


def _shifted(body: Body, int32: str, shift: int) -> str:
    wide = body.cast(int32)
    return body.op("Mul", wide, body.constant(1 << shift)) if shift else wide


def _bytes(body: Body, factor: Factor) -> list[Factor]:
    """The operand as bytes, lowest first; all but the highest are unsigned."""
    if factor.elem.bits <= 8:
        return [factor]
    rest, bits, limbs = body.cast(factor.name), factor.elem.bits, []
    radix = body.constant(256)
    while bits > 8:
        low = body.op("Mod", rest, radix)
        limbs.append(Factor(body.cast(low, UINT8), IntType(8, False)))
        rest, bits = body.op("Div", body.op("Sub", rest, low), radix), bits - 8
    top = IntType(bits, factor.elem.signed)
    return [*limbs, Factor(body.cast(rest, top.dtype), top)]
