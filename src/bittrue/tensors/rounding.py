"""Rounding of floats that training goes through. The fractional part of a float is exact, so the result is, too."""

from __future__ import annotations

import torch
from torch import Tensor


def half_up(x: Tensor) -> Tensor:
    """floor(x + 1/2), exactly."""
    below = torch.floor(x)
    return below + (x - below >= 0.5).to(x.dtype)


def straight_through(x: Tensor, rounded: Tensor) -> Tensor:
    """`rounded` going forward, the gradient of `x` going back; x - x is zero, so the value is `rounded` exactly."""
    return rounded.detach() + (x - x.detach())
