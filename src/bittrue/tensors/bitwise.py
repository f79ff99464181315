"""Bitwise operations on 8-bit fractions: what some accelerators compute element by element beside sums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from .rounding import half_up, straight_through

SCALE = 2.0**-7
"""Both operands and the result are integers of 8 bits times this."""


class Bitwise(nn.Module):
    """`function` of the bits of two tensors, as integers of 8 bits in two's complement times 2**-7.

    Values between these are rounded half up, and clipped to the type, before. The gradient is that of the sum.
    """

    function: ClassVar[Callable[..., Any]]

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        left, right = (half_up(x / SCALE).clamp(-128, 127).to(torch.int32) for x in (a, b))
        bits: Tensor = type(self).function(left, right)
        return straight_through(a + b, bits.to(a.dtype) * SCALE)


class BitwiseOr(Bitwise):
    """a | b, bit by bit.

    >>> (BitwiseOr()(torch.tensor([5 / 128, -1 / 128]), torch.tensor([2 / 128, 2 / 128])) * 128).tolist()
    [7.0, -1.0]
    """

    function = torch.bitwise_or


class BitwiseXor(Bitwise):
    """a ^ b, bit by bit.

    >>> (BitwiseXor()(torch.tensor([5 / 128, -1 / 128]), torch.tensor([4 / 128, 2 / 128])) * 128).tolist()
    [1.0, -3.0]
    """

    function = torch.bitwise_xor
