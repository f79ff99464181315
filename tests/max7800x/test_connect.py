"""Copies that cannot reach the processors where they are needed, and layers that nobody needs."""

from __future__ import annotations

import numpy as np

from bittrue.targets.max7800x.network import Operator
from bittrue.targets.max7800x.place import place

from . import word_map
from .test_legalize import NEW, OLD, legal, net

LINE = {"stride": (1,), "dilation": (1,), "pads": (0, 0)}


def test_copies_that_cannot_all_write_without_convolution_convolve() -> None:
    """Channels 4 to 19 of 20 lie in two groups of processors, channels 0 to 15 of 64 in one."""
    n = net()
    x = n.input(3, 6, 7)
    narrow, few, rest = (n.requant(n.conv(x, 3, outputs, (1, 1), bias=False)) for outputs in (16, 4, 48))
    first = n.requant(n.conv(n.concat(narrow, rest), 64, 4, (1, 1), bias=False))
    y = n.requant(n.conv(n.concat(first, few, narrow), 24, 5, (1, 1), bias=False))
    for device in (OLD, NEW):
        arrangement = legal(n.build(y), device)
        copies = [layer for layer in arrangement.network.layers if layer.name.endswith(".copy")]
        assert [layer.operator for layer in copies] == [Operator.CONV2D]
        assert copies[0].weight_bits == 2
        word_map.run(arrangement.network, place(arrangement, device), device.data.words)


def test_of_two_copies_that_exclude_each_other_one_stays_without_convolution() -> None:
    """Two tensors with the same processors, needed side by side as well: in one group or the next, not in both."""
    n = net()
    x = n.input(3, 6, 7)
    a, b = (n.requant(n.conv(x, 3, 16, (1, 1), bias=False)) for _ in range(2))
    left, right = n.saturated_sum(a, b), n.concat(a, b)
    y = n.requant(n.conv(right, 32, 5, (1, 1), bias=False))
    z = n.requant(n.conv(left, 16, 5, (1, 1), bias=False))
    arrangement = legal(n.build(y, z))
    copies = [layer.operator for layer in arrangement.network.layers if layer.name.endswith(".copy")]
    assert sorted(copies) == [Operator.CONV2D, Operator.PASSTHROUGH]
    word_map.run(arrangement.network, place(arrangement, OLD), OLD.data.words)


def test_layers_whose_results_nobody_needs_are_left_out() -> None:
    n = net()
    x = n.input(3, 6, 7)
    a = n.requant(n.conv(x, 3, 8, (1, 1), bias=False))
    n.conv(a, 8, 300, (1, 1), bias=False)
    y = n.requant(n.conv(a, 8, 5, (1, 1), bias=False))
    assert [layer.out_channels for layer in legal(n.build(y)).network.layers] == [8, 5]


def test_one_dimensional_copies_convolve_along_their_length() -> None:
    n = net()
    x = n.input(3, 19)
    narrow, few, rest = (n.requant(n.conv(x, 3, outputs, (1,), bias=False, **LINE)) for outputs in (16, 4, 48))
    first = n.requant(n.conv(n.concat(narrow, rest), 64, 4, (1,), bias=False, **LINE))
    y = n.requant(n.conv(n.concat(first, few, narrow), 24, 5, (1,), bias=False, **LINE))
    arrangement = legal(n.build(y))
    copy = next(layer for layer in arrangement.network.layers if layer.name.endswith(".copy"))
    assert copy.operator is Operator.CONV1D
    assert copy.weights is not None
    assert np.array_equal(copy.weights.values[..., 0], np.eye(copy.in_channels))
