"""The four networks of MLPerf Tiny, with their own shapes and paddings."""

from __future__ import annotations

from .regression import residual
from .topology import Topology


def resnet8(t: Topology) -> None:
    """Image classification: a stem and three residual blocks."""
    x = residual(t, t.conv("x", 16, padding=1), 16)
    x = residual(t, residual(t, x, 32, 2), 64, 2)
    t.head(t.global_pool(x), 10)


def ds_cnn(t: Topology) -> None:
    """Keyword spotting: a 10x4 convolution, four pairs of a depthwise 3x3 and a 1x1 convolution."""
    x = t.conv(t.pad("x", 4, 1, 5, 1), 64, (10, 4), 2)
    for _ in range(4):
        x = t.conv(t.depthwise(x, padding=1), 64, 1)
    t.head(t.global_pool(x), 12)


MOBILENET = ((16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2), *((128, 1),) * 5, (256, 2), (256, 1))
"""Channels and stride of the pairs of MobileNetV1 with a quarter of its width."""


def mobilenet(t: Topology) -> None:
    """Visual wake words: MobileNetV1 0.25. Strided convolutions pad only below and on the right."""
    x = t.conv(t.pad("x", 0, 0, 1, 1), 8, stride=2)
    for channels, stride in MOBILENET:
        deep = t.depthwise(x, padding=1) if stride == 1 else t.depthwise(t.pad(x, 0, 0, 1, 1), stride=2)
        x = t.conv(deep, channels, 1)
    t.head(t.global_pool(x), 2)


def autoencoder(t: Topology) -> None:
    """Anomaly detection: 640-128-128-128-128-8-128-128-128-128-640, with batch norms."""
    x = "x"
    for features in (128, 128, 128, 128, 8, 128, 128, 128, 128):
        x = t.linear(x, features, norm=True)
    t.head(x, t.input[0])
