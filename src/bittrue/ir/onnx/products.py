"""Sums of products on ONNX's 8-bit integer ops, exact for operands of any width and on every CPU.

`ConvInteger` and `MatMulInteger` take 8-bit operands and return int32. Three things stand between them and exactness:

* x86 kernels without VNNI multiply unsigned by signed bytes with `vpmaddubsw`, which saturates the sum of two
  neighbouring products to 16 bits: 2 * 255 * 128 does not fit. The kernels for two unsigned operands are exact.
* ONNX Runtime up to 1.23 has `ConvInteger` for unsigned operands only, and not every pair for `MatMulInteger`.
* Wider operands are cut into bytes, multiplied byte by byte and added up. All sums are exact modulo 2**32, and the
  graph's range analysis proves that the true result fits 32 bits.

So signed operands are moved to unsigned by a zero point: constant ones in the file, others by the function.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..types import IntType
from .lowering import Body, Layout
from .protos import Value

UINT8 = np.dtype(np.uint8)
INT32 = np.dtype(np.int32)


@dataclass(frozen=True)
class Factor:
    """One operand of a product: its name in the body and its integer type."""

    name: str
    elem: IntType


@dataclass(frozen=True)
class Product:
    """A product of activations and weights: the ONNX op and its attributes inside a function."""

    op_type: str
    attributes: Mapping[str, Value] = field(default_factory=dict)

    def sum(self, body: Body, x: Factor, weight: Factor) -> str:
        """The product of operands of any width inside a function, as int64, right modulo 2**32."""
        weights = list(enumerate(_bytes(body, weight)))
        partial = [_shifted(body, self._of_bytes(body, a, b), 8 * (i + j))
                   for i, a in enumerate(_bytes(body, x)) for j, b in weights if i + j < 4]
        total = partial[0]
        for term in partial[1:]:
            total = body.op("Add", total, term)
        return total

    def _of_bytes(self, body: Body, x: Factor, weight: Factor) -> str:
        (x_name, x_zero), (weight_name, weight_zero) = _unsigned(body, x), _unsigned(body, weight)
        inputs = [x_name, weight_name, x_zero, weight_zero]
        while not inputs[-1]:
            inputs.pop()
        return body.op(self.op_type, *inputs, **self.attributes)


def is_plain(x: IntType, weight: IntType, out: IntType) -> bool:
    """Whether the ONNX op alone computes it, given a weight that is stored unsigned."""
    return x.bits <= 8 and not x.signed and weight.bits <= 8 and out.dtype == INT32


def weight_layout(elem: IntType, *, transposed: bool = False) -> Layout:
    """How the weight of a plain product is stored."""
    return Layout(transposed, elem.signed)


def weight_zero_point(elem: IntType) -> tuple[tuple[str, NDArray[Any]] | None, ...]:
    """The operands behind the weight of a plain product: no zero point of x, that of a weight stored unsigned."""
    return (None, ("weight_zero_point", np.array(-elem.min, UINT8))) if elem.signed else ()


def _unsigned(body: Body, factor: Factor) -> tuple[str, str]:
    """An 8-bit operand as uint8, and its zero point ("" for none)."""
    if not factor.elem.signed:
        return factor.name, ""
    moved = body.cast(body.op("Add", body.cast(factor.name), body.constant(-factor.elem.min)), UINT8)
    return moved, body.constant(-factor.elem.min, UINT8)


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
