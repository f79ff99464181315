"""Networks like LeNet-5 (LeCun et al. 1998): two convolutions with pooling and three linear layers, with ReLU, batch
norm and max pooling as today."""

from __future__ import annotations

from torch import nn

from ..quantization.models import Stage, conv, sequence


def lenet5(classes: int = 10) -> nn.Sequential:
    """5x5 kernels for MNIST's (N, 1, 28, 28): 416,520 MACs, 61,728 parameters."""
    return sequence(
        conv("conv1", 1, 6, 5, padding=2), ("pool1", nn.MaxPool2d(2)),
        conv("conv2", 6, 16, 5), ("pool2", nn.MaxPool2d(2)), *_classifier(16 * 5 * 5, classes))


def lenet_digits(classes: int = 10) -> nn.Sequential:
    """3x3 kernels for scikit-learn's digits, (N, 1, 8, 8): 35,880 MACs, 19,776 parameters."""
    return sequence(
        conv("conv1", 1, 6, padding=1), ("pool1", nn.MaxPool2d(2)),
        conv("conv2", 6, 16, padding=1), ("pool2", nn.MaxPool2d(2)), *_classifier(16 * 2 * 2, classes))


def _classifier(inputs: int, classes: int) -> list[Stage]:
    return [[("flatten", nn.Flatten())],
            [("linear1", nn.Linear(inputs, 120)), ("linear1_act", nn.ReLU())],
            [("linear2", nn.Linear(120, 84)), ("linear2_act", nn.ReLU())],
            [("linear3", nn.Linear(84, classes))]]
