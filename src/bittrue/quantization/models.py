"""Small networks for the demo, the tests and first experiments: plain PyTorch, unquantized, fast to train on a CPU."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import Tensor, nn

Stage = list[tuple[str, nn.Module]]


def conv(name: str, inputs: int, outputs: int, kernel: int | tuple[int, int] = 3, *, stride: int | tuple[int, int] = 1,
         padding: int | tuple[int, int] = 0, activation: nn.Module | None = None) -> Stage:
    """Convolution, batch norm and an activation (default ReLU), with their names."""
    return [(name, nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=padding, bias=False)),
            (f"{name}_norm", nn.BatchNorm2d(outputs)),
            (f"{name}_act", nn.ReLU() if activation is None else activation)]


def sequence(*stages: Stage | tuple[str, nn.Module]) -> nn.Sequential:
    """Named modules, one after the other."""
    return nn.Sequential(OrderedDict(named for stage in stages
                                     for named in (stage if isinstance(stage, list) else [stage])))


def digits_cnn(classes: int = 10, activation: Callable[[], nn.Module] = nn.ReLU) -> nn.Sequential:
    """Five layers for (N, 1, 8, 8): 3x3, 3x3 with stride 2, 1x1, 3x3, max pooling, linear; 13,340 weights."""
    return sequence(
        conv("conv1", 1, 12, padding=1, activation=activation()),
        conv("conv2", 12, 20, stride=2, padding=1, activation=activation()),
        conv("conv3", 20, 28, 1, activation=activation()),
        conv("conv4", 28, 36, padding=1, activation=activation()),
        ("pool", nn.MaxPool2d(2)), ("flatten", nn.Flatten()), ("linear", nn.Linear(36 * 2 * 2, classes)))


def digits_leaky(classes: int = 10, slope: float = 0.05) -> nn.Sequential:
    """`digits_cnn` with LeakyReLU: activations keep their sign."""
    return digits_cnn(classes, lambda: nn.LeakyReLU(slope))


class Residual(nn.Module):
    """Two 3x3 convolutions and a shortcut, which is a 1x1 convolution where the shape changes."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential() if stride == 1 and inputs == outputs else nn.Sequential(
            nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs))
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        z: Tensor = self.relu(y + self.shortcut(x))
        return z


class DigitsResNet(nn.Module):
    """A stem, an identity block, a strided block, global average pooling and a linear layer, for (N, 1, 8, 8)."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.stem = sequence(conv("conv", 1, 14, padding=1))
        self.blocks = nn.Sequential(Residual(14, 14), Residual(14, 26, stride=2))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(26, classes)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(torch.flatten(self.pool(self.blocks(self.stem(x))), 1))
        return y


class DigitsConcat(nn.Module):
    """A 1x1 and a 3x3 branch side by side, joined along the channels, for (N, 1, 8, 8)."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.stem = sequence(conv("conv", 1, 12, padding=1))
        self.narrow = sequence(conv("conv", 12, 7, 1))
        self.wide = sequence(conv("conv", 12, 13, padding=1))
        self.join = sequence(conv("conv", 20, 24, stride=2, padding=1))
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Linear(24 * 2 * 2, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.pool(self.join(torch.cat((self.narrow(x), self.wide(x)), dim=1)))
        y: Tensor = self.head(x.flatten(1))
        return y


def digits_resnet(classes: int = 10) -> DigitsResNet:
    """A residual network for the digits."""
    return DigitsResNet(classes)


def digits_concat(classes: int = 10) -> DigitsConcat:
    """A network with two concatenated branches for the digits."""
    return DigitsConcat(classes)


def odd_cnn(input_shape: tuple[int, int, int] = (3, 9, 14), classes: int = 7) -> nn.Sequential:
    """Nothing square, nothing a multiple of 8: kernels 1x1, 5x1, 3x3, 2x3, strides (1, 2) and (2, 1), padding that
    differs on all four sides; `input_shape` is (C, H, W)."""
    body = sequence(
        conv("conv1", input_shape[0], 5, (5, 1), stride=(1, 2), padding=(2, 0)),
        ("pad2", nn.ZeroPad2d((1, 0, 2, 1))), conv("conv2", 5, 11, 3, stride=(2, 1)),
        conv("conv3", 11, 13, 1, activation=nn.LeakyReLU(13 / 256)),
        ("pad4", nn.ZeroPad2d((0, 2, 1, 0))), conv("conv4", 13, 9, (2, 3)), ("flatten", nn.Flatten()))
    with torch.no_grad():
        features = body.eval()(torch.zeros(1, *input_shape)).shape[1]
    body.add_module("linear", nn.Linear(features, classes))
    return body.train()
