"""Rounding for fake quantization: one straight-through module per rounding mode of the integer graph.

The fractional part of a float is exact, so each result is the exact rounding of the float that comes in
(`floor(x + 0.5)` would not be: the sum itself rounds).
"""

from __future__ import annotations

import torch
from brevitas.core.function_wrapper import FloorSte, RoundSte, RoundToZeroSte
from torch import Tensor, nn

from ..ir import Rounding
from ..tensors.rounding import half_up, straight_through


class RoundHalfUpSte(nn.Module):
    """floor(x + 1/2), gradient 1.

    >>> RoundHalfUpSte()(torch.tensor([-1.5, -0.5, 0.5, 1.5, 0.49999997])).tolist()
    [-1.0, 0.0, 1.0, 2.0, 0.0]
    """

    def __init__(self) -> None:  # Brevitas' injection refuses a signature with *args, which nn.Module's own has
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return straight_through(x, half_up(x))


class RoundHalfAwaySte(nn.Module):
    """Ties away from zero, gradient 1.

    >>> RoundHalfAwaySte()(torch.tensor([-1.5, -0.5, 0.5, 1.5, 0.25])).tolist()
    [-2.0, -1.0, 1.0, 2.0, 0.0]
    """

    def __init__(self) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return straight_through(x, torch.sign(x) * half_up(torch.abs(x)))


FLOAT_TO_INT: dict[Rounding, type[nn.Module]] = {
    Rounding.HALF_EVEN: RoundSte,
    Rounding.HALF_UP: RoundHalfUpSte,
    Rounding.HALF_AWAY: RoundHalfAwaySte,
    Rounding.FLOOR: FloorSte,
    Rounding.TOWARD_ZERO: RoundToZeroSte,
}
"""The module that rounds inside a Brevitas quantizer, by rounding mode."""
