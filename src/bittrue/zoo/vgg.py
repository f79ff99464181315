"""VGG16 for 32x32 images (Simonyan, Zisserman 2015) with batch norm, one linear layer, and a narrow eighth and ninth
convolution.

The ninth convolution has as many inputs as outputs and no batch norm: a square layer that fits a small systolic array
whole or in a few tiles, and whose sums become activations by a scale alone.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from ..quantization.models import Stage, conv, sequence

WITHOUT_NORM = 9
"""The convolution, counted from 1, that has no batch norm."""


def vgg16_leaky(classes: int = 10) -> nn.Sequential:
    """LeakyReLU 0.05, convolutions 8 and 9 with 8 channels, for (N, 3, 32, 32): 219,723,776 MACs, 8,879,642
    parameters."""
    return _vgg16(8, lambda: nn.LeakyReLU(0.05), classes)


def vgg16_squeezed(classes: int = 10) -> nn.Sequential:
    """ReLU, convolutions 8 and 9 with 16 channels, for (N, 3, 32, 32): 220,636,160 MACs, 8,936,682 parameters."""
    return _vgg16(16, nn.ReLU, classes)


def _vgg16(narrow: int, activation: Callable[[], nn.Module], classes: int) -> nn.Sequential:
    """Layers `conv1` to `conv13` of 3x3, `pool1` to `pool5` behind the blocks, `linear`."""
    blocks = ((64, 64), (128, 128), (256, 256, 256), (narrow, narrow, 512), (512, 512, 512))
    stages: list[Stage] = []
    inputs, number = 3, 0
    for block, widths in enumerate(blocks, 1):
        for width in widths:
            number += 1
            stages.append(_convolution(number, inputs, width, activation()))
            inputs = width
        stages.append([(f"pool{block}", nn.MaxPool2d(2))])
    return sequence(*stages, ("flatten", nn.Flatten()), ("linear", nn.Linear(inputs, classes)))


def _convolution(number: int, inputs: int, outputs: int, activation: nn.Module) -> Stage:
    layer, norm, act = conv(f"conv{number}", inputs, outputs, padding=1, activation=activation)
    return [layer, act] if number == WITHOUT_NORM else [layer, norm, act]
