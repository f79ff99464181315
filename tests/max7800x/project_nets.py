"""Graphs whose projects the tests run on the emulated chips."""

from __future__ import annotations

import numpy as np

from bittrue.ir import Graph
from bittrue.ir.graph import Scale
from bittrue.ir.ops import Flatten
from max7800x.graphs import I8, Net

PAD = {"pads": (1, 1, 1, 1)}


def classifier(outputs: int = 10, shape: tuple[int, int, int] = (1, 8, 8), seed: int = 3, wide: bool = True) -> Graph:
    """Convolutions, both poolings, a sum, more than 64 channels, a linear layer."""
    n = Net(np.random.default_rng(seed))
    channels, rows, cols = shape
    image = n.builder.input("x", shape, I8, Scale((2.0**-7,)))
    stem = n.requant(n.conv(image, channels, 12, **PAD), 8, 0)
    wide_layer = n.requant(n.conv(n.max_pool(stem), 12, 72, (1, 1), bits=4), 6, 0)
    back = n.requant(n.conv(wide_layer, 72, 12, bits=2, **PAD), 8, -128)
    total = n.saturated_sum(back, n.requant(n.conv(n.max_pool(stem), 12, 12, (1, 1)), 8, -128))
    pooled = n.avg_pool(total)
    size = 12 * (rows // 4) * (cols // 4)
    scores = n.linear(n.add(Flatten(), pooled), size, outputs)
    return n.build(scores if wide else n.requant(scores, 9, -128))


def image_to_image(seed: int = 5, shape: tuple[int, int, int] = (3, 6, 8)) -> Graph:
    """8-bit pixels in and out."""
    n = Net(np.random.default_rng(seed))
    x = n.requant(n.conv(n.input(*shape), shape[0], 5, **PAD), 9, 0)
    return n.build(n.requant(n.conv(x, 5, 3, **PAD), 9, -128))


def depthwise(seed: int = 7) -> Graph:
    """A convolution of every channel on its own (MAX78002)."""
    n = Net(np.random.default_rng(seed))
    x = n.requant(n.conv(n.input(6, 5, 7), 6, 6, groups=6, **PAD), 8, 0)
    return n.build(n.requant(n.conv(x, 6, 4, (1, 1)), 8, -128))


def sequence(seed: int = 9) -> Graph:
    """1-D data."""
    n = Net(np.random.default_rng(seed))
    x = n.requant(n.conv(n.input(4, 20), 4, 9, (3,), stride=(1,), pads=(1, 1), dilation=(1,)), 8, 0)
    return n.build(n.requant(n.conv(x, 9, 5, (5,), stride=(1,), pads=(0, 0), dilation=(1,)), 9, -128))


def up_again(seed: int = 11) -> Graph:
    """Pooling, then a transposed convolution."""
    n = Net(np.random.default_rng(seed))
    return n.build(n.requant(n.transpose(n.max_pool(n.input(3, 8, 6)), 3, 4), 9, -128))
