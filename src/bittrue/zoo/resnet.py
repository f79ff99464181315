"""Residual networks for 32x32 images: ResNet-20 (He et al. 2016) and ResNet-8 (the shape of MLPerf Tiny's image
classification).

Where a block changes the shape, its shortcut is a 1x1 convolution with batch norm. Strided convolutions pad one pixel
on each side.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..quantization.models import Residual, conv, sequence

WIDTHS = (16, 32, 64)
"""Channels of the three stages, each at half the height and width of the one before."""


class CifarResNet(nn.Module):
    """A 3x3 convolution (`stem`), three stages of `blocks` residual blocks each (`stage1` to `stage3`), global average
    pooling and a linear layer (`head`), for (N, 3, 32, 32)."""

    def __init__(self, blocks: int, classes: int = 10) -> None:
        super().__init__()
        self.stem = sequence(conv("conv", 3, WIDTHS[0], padding=1))
        self.stage1 = _stage(WIDTHS[0], WIDTHS[0], blocks, 1)
        self.stage2 = _stage(WIDTHS[0], WIDTHS[1], blocks, 2)
        self.stage3 = _stage(WIDTHS[1], WIDTHS[2], blocks, 2)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(WIDTHS[2], classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stage3(self.stage2(self.stage1(self.stem(x))))
        y: Tensor = self.head(torch.flatten(self.pool(x), 1))
        return y


def _stage(inputs: int, outputs: int, blocks: int, stride: int) -> nn.Sequential:
    return sequence(("block1", Residual(inputs, outputs, stride)),
                    *((f"block{number}", Residual(outputs, outputs)) for number in range(2, blocks + 1)))


def resnet8(classes: int = 10) -> CifarResNet:
    """One block per stage: 12,501,632 MACs, 78,042 parameters."""
    return CifarResNet(1, classes)


def resnet20(classes: int = 10) -> CifarResNet:
    """Three blocks per stage: 40,813,184 MACs, 272,474 parameters."""
    return CifarResNet(3, classes)
