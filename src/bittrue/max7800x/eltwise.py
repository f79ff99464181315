"""Element-wise layers on two or more operands."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn

from ..tensors.bitwise import BitwiseOr as OrOfTwo
from ..tensors.bitwise import BitwiseXor as XorOfTwo
from .activations import Saturate


class Eltwise(nn.Module):
    """Combines its operands from the first to the last by `combine`, and saturates the result once, at the end."""

    combine: ClassVar[Callable[[Tensor, Tensor], Tensor]]

    def __init__(self) -> None:
        super().__init__()
        self.activate: nn.Module = Saturate()

    def forward(self, *x: Tensor) -> Tensor:
        y = x[0]
        for other in x[1:]:
            y = type(self).combine(y, other)
        result: Tensor = self.activate(y)
        return result


class Add(Eltwise):
    """a + b + ..."""

    combine = torch.add


class Sub(Eltwise):
    """a - b - ..."""

    combine = torch.sub


class _Bits(nn.Module):
    """A bitwise operation on the integers of its operands; nothing saturates."""

    def __init__(self, of_two: nn.Module) -> None:
        super().__init__()
        self.of_two = of_two

    def forward(self, *x: Tensor) -> Tensor:
        y = x[0]
        for other in x[1:]:
            y = self.of_two(y, other)
        return y


class Or(_Bits):
    """a | b | ..."""

    def __init__(self) -> None:
        super().__init__(OrOfTwo())


class Xor(_Bits):
    """a ^ b ^ ..."""

    def __init__(self) -> None:
        super().__init__(XorOfTwo())


BitwiseOr, BitwiseXor = Or, Xor
"""ai8x's names."""
