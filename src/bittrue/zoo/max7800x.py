"""Networks for MAX78000 and MAX78002, made of the accelerator's own layers.

They run on both devices: kernels of 3x3 and 1x1, pooling in flight, at most 64 channels before the last layers.
"""

from __future__ import annotations

from torch import Tensor, nn

import bittrue.max7800x as ai8x


class _Classifier(nn.Module):
    """Named layers, one after the other, then a flattened image and wide sums (`fc`), one per class."""

    def __init__(self, features: int, classes: int, **layers: nn.Module) -> None:
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)
        self.body = tuple(layers)
        self.fc = ai8x.Linear(features, classes, bias=True, wide=True)

    def forward(self, x: Tensor) -> Tensor:
        for name in self.body:
            x = self.get_submodule(name)(x)
        y: Tensor = self.fc(x.flatten(1))
        return y


def _conv(inputs: int, outputs: int, kernel: int = 3, pool: str = "") -> nn.Module:
    """A convolution that keeps the image's size, behind 2x2 pooling of that kind; batch norm, ReLU."""
    kind = getattr(ai8x, f"Fused{pool}Conv2dBNReLU")
    layer: nn.Module = kind(inputs, outputs, kernel, padding=kernel // 2, bias=True)
    return layer


def digits(num_classes: int = 10) -> nn.Module:
    """For scikit-learn's digits, (N, 1, 8, 8): 121,088 MACs, 15,498 parameters."""
    return _Classifier(32 * 2 * 2, num_classes, conv1=_conv(1, 16), conv2=_conv(16, 32, pool="MaxPool"),
                       conv3=_conv(32, 32, pool="MaxPool"))


def mnist(num_classes: int = 10) -> nn.Module:
    """For MNIST, (N, 1, 28, 28): 1,820,736 MACs, 35,674 parameters."""
    return _Classifier(32 * 3 * 3, num_classes, conv1=_conv(1, 16), conv2=_conv(16, 32, pool="MaxPool"),
                       conv3=_conv(32, 48, pool="MaxPool"), conv4=_conv(48, 32, pool="AvgPool"))


def cifar(num_classes: int = 10) -> nn.Module:
    """For CIFAR-10, (N, 3, 32, 32): 11,323,904 MACs, 122,442 parameters."""
    return _Classifier(64 * 2 * 2, num_classes, conv1=_conv(3, 32), conv2=_conv(32, 32, 1),
                       conv3=_conv(32, 64, pool="MaxPool"), conv4=_conv(64, 32, 1),
                       conv5=_conv(32, 64, pool="MaxPool"), conv6=_conv(64, 64), conv7=_conv(64, 64, pool="MaxPool"),
                       conv8=_conv(64, 64, 1, pool="MaxPool"))
