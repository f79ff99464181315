"""Statistics that scales start from."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class InputThreshold(nn.Module):
    """The smallest power of two T such that a quantizer with the scale T / 2**bits (signed: T / 2**(bits - 1)) clips no
    value of x. Takes a tensor of any shape, gives a scalar.

    >>> InputThreshold(8, signed=False)(torch.tensor([0.0, 255 / 256])).item()
    1.0
    >>> InputThreshold(8, signed=False)(torch.tensor([0.0, 1.0])).item()
    2.0
    >>> InputThreshold(8, signed=True)(torch.tensor([-1.0, 127 / 128])).item()
    1.0
    """

    def __init__(self, bit_width: int, signed: bool) -> None:
        super().__init__()
        self.steps = 2 ** (bit_width - signed)

    def forward(self, x: Tensor) -> Tensor:
        above, below = x.max().clamp(min=TINY), (-x.min()).clamp(min=TINY)
        threshold = power_at_least(above)
        clips = above * self.steps > threshold * (self.steps - 1)  # both products are exact
        return torch.maximum(torch.where(clips, 2 * threshold, threshold), power_at_least(below))


TINY = 2.0**-32
"""A threshold for an all-zero input."""


def power_at_least(x: Tensor) -> Tensor:
    """The smallest power of two that is at least x > 0, exactly.

    >>> power_at_least(torch.tensor([0.5, 0.6, 3.0])).tolist()
    [0.5, 1.0, 4.0]
    """
    mantissa, exponent = torch.frexp(x)  # x = mantissa * 2**exponent, 0.5 <= mantissa < 1
    return torch.ldexp(torch.ones_like(x), exponent - (mantissa == 0.5).to(exponent.dtype))
