"""The networks of a published int8 regression on GAP9, of which names, cycles and some counts are published.

Where the published description says more (kernels, channels, image), they follow it; else they have the shape that the
name says, and at least two multiply-accumulates for every published cycle.
"""

from __future__ import annotations

from .topology import Topology

CLASSES = 10


def simplecnn(t: Topology) -> None:
    """Two 3x3 convolutions with pooling and a linear layer, without batch norm."""
    x = t.max_pool(t.conv("x", 32, padding=1, norm=False))
    x = t.max_pool(t.conv(x, 64, padding=1, norm=False))
    t.head(t.flatten(x), CLASSES)


def tinycnn(t: Topology) -> None:
    """Two 5x5 convolutions with pooling and a linear layer, without batch norm."""
    x = t.max_pool(t.conv("x", 16, 5, padding=2, norm=False))
    x = t.max_pool(t.conv(x, 16, 5, padding=2, norm=False))
    t.head(t.flatten(x), CLASSES)


def mlp(t: Topology) -> None:
    """784-256-128-10."""
    t.head(t.linear(t.linear(t.flatten("x"), 256), 128), CLASSES)


def resnet_basic(t: Topology) -> None:
    """A stem, a residual block, a residual block that halves the image."""
    x = t.conv("x", 16, padding=1)
    x = residual(t, x, 16)
    x = residual(t, x, 24, 2)
    t.head(t.global_pool(x), CLASSES)


def residual(t: Topology, x: str, outputs: int, stride: int = 1) -> str:
    """Two 3x3 convolutions and a shortcut, which is a 1x1 convolution where the shape changes."""
    inner = t.conv(x, outputs, stride=stride, padding=1)
    same = stride == 1 and t.shape(inner) == t.shape(x)
    deep = t.matching(inner, inner, 3, padding=1)
    return t.add(deep, x if same else t.matching(x, inner, 1, stride))


def densenet_basic(t: Topology) -> None:
    """Two blocks whose layers read all layers before them, with a 1x1 convolution and average pooling in between."""
    x = dense_block(t, t.conv("x", 16, padding=1), 2, 8)
    x = t.avg_pool(t.conv(x, 16, 1))
    x = dense_block(t, x, 2, 8)
    t.head(t.global_pool(x), CLASSES)


def dense_block(t: Topology, x: str, layers: int, growth: int) -> str:
    """Layers of `growth` channels, each on everything before it."""
    for _ in range(layers):
        x = t.cat(x, t.conv(x, growth, padding=1))
    return x


def multitilecnn(t: Topology) -> None:
    """Images that do not fit into L1 at once."""
    x = t.max_pool(t.conv("x", 32, padding=1))
    x = t.max_pool(t.conv(x, 32, padding=1))
    x = t.max_pool(t.conv(x, 32, padding=1))
    t.head(t.flatten(x), CLASSES)


def bottleneck(t: Topology) -> None:
    """Residual blocks of a narrow 3x3 convolution between two of 1x1."""
    x = t.conv("x", 64, stride=2, padding=1)
    x = narrow_block(t, narrow_block(t, x, 16, 64), 16, 64)
    x = narrow_block(t, x, 32, 128, 2)
    t.head(t.global_pool(x), CLASSES)


def narrow_block(t: Topology, x: str, inner: int, outputs: int, stride: int = 1) -> str:
    """1x1, 3x3 and 1x1, and a shortcut, which is a 1x1 convolution where the shape changes."""
    y = t.conv(t.conv(x, inner, 1), inner, stride=stride, padding=1)
    if stride == 1:
        return t.add(t.matching(y, x), x)
    shortcut = t.conv(x, outputs, 1, stride, relu=False)
    return t.add(t.matching(y, shortcut), shortcut)


def stride2(t: Topology) -> None:
    """Five convolutions, each halving the image."""
    x = "x"
    for channels in (16, 32, 64, 128, 128):
        x = t.conv(x, channels, stride=2, padding=1)
    t.head(t.global_pool(x), CLASSES)


def padding(t: Topology) -> None:
    """Convolutions with more, less and no padding."""
    x = t.conv("x", 32, 5, padding=2)
    x = t.conv(x, 32, padding=0)
    x = t.conv(x, 64, padding=2)
    x = t.conv(t.max_pool(x), 64, padding=1)
    t.head(t.global_pool(t.conv(x, 32, (3, 1), padding=(1, 0))), CLASSES)


def resnet18(t: Topology) -> None:
    """Eight residual blocks in four stages."""
    x = t.conv("x", 32, stride=2, padding=1)
    for channels, stride in ((32, 1), (64, 2), (128, 2), (256, 2)):
        x = residual(t, residual(t, x, channels, stride), channels)
    t.head(t.global_pool(x), CLASSES)


def conv2d_remainder(t: Topology) -> None:
    """Numbers of channels that fill no word and no block of any kernel."""
    x = t.conv("x", 5, padding=1)
    x = t.conv(x, 13, stride=2, padding=1)
    x = t.conv(x, 27, padding=1)
    x = t.conv(x, 19, 1)
    t.head(t.flatten(t.max_pool(x)), 7)


def zeropad2d(t: Topology) -> None:
    """Zeros that differ on all four sides, in front of convolutions without padding."""
    x = t.conv(t.pad("x", 2, 1, 0, 3), 16)
    x = t.conv(t.pad(x, 0, 0, 1, 1), 32, 2, 2)
    x = t.conv(t.pad(x, 1, 3, 2, 0), 32, (3, 5))
    t.head(t.global_pool(x), CLASSES)


def depthwise(t: Topology) -> None:
    """Two pairs of a depthwise 3x3 and a 1x1 convolution."""
    x = t.conv("x", 32, stride=2, padding=1)
    x = t.conv(t.depthwise(x, padding=1), 64, 1)
    x = t.conv(t.depthwise(x, stride=2, padding=1), 64, 1)
    t.head(t.global_pool(x), CLASSES)


def depthwise_large(t: Topology) -> None:
    """Depthwise kernels of 5x5, 7x7 and 3x3 on images that do not fit into L1 at once."""
    x = t.conv("x", 64, padding=1)
    x = t.conv(t.depthwise(x, 5, padding=2), 96, 1)
    x = t.conv(t.depthwise(x, 7, 2, padding=3), 128, 1)
    x = t.conv(t.depthwise(x, 3, padding=1), 128, 1)
    t.head(t.global_pool(x), CLASSES)


def linear3d(t: Topology) -> None:
    """400 tokens of 20 samples: 20-384-768-384 on every token, their mean, 7 classes."""
    x = t.linear(t.linear(t.linear("x", 384), 768), 384)
    t.head(t.global_pool(t.transpose(x)), 7)
