"""What makes data of a layer's sums, in float: clipping to the range of data. Each has a quantized counterpart."""

from __future__ import annotations

from torch import Tensor, nn

from ..ir import Rounding
from .device import LARGEST


class Saturate(nn.Hardtanh):
    """Clips to -1..127/128."""

    def __init__(self) -> None:
        super().__init__(-1.0, LARGEST)


class SaturatedReLU(nn.Hardtanh):
    """Clips to 0..127/128."""

    def __init__(self) -> None:
        super().__init__(0.0, LARGEST)


class Magnitude(nn.Module):
    """|x| of saturated x, saturated again: |-1| is 127/128."""

    def __init__(self) -> None:
        super().__init__()
        self.before: nn.Module = Saturate()
        self.after: nn.Module = SaturatedReLU()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.after(self.before(x).abs())
        return y


class AverageRounding(nn.Identity):
    """Behind an average pooling: nothing in float; when quantized, the rounding of the average."""

    def __init__(self, rounding: Rounding) -> None:
        super().__init__()
        self.rounding = rounding
