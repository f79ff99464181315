"""Small placed networks that together use what the accelerator can do, for programs with deliberate faults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import hypot, log2, prod
from typing import Any

import numpy as np

from bittrue.targets.max7800x.device import MAX78000, MAX78002, Device
from bittrue.targets.max7800x.network import FRACTION, Activation, Eltwise, Layer, Network, Pool
from bittrue.targets.max7800x.options import Max7800xOptions
from bittrue.targets.max7800x.placement import Fifo
from bittrue.targets.max7800x.plan import Max7800xPlan

from .placed import added, chain, conv, conv1d, copy, linear, net, place, pooled, up

RELU, ABS = Activation.RELU, Activation.ABS
HALVED = pooled((2, 2), 2)
MEAN = Pool(average=True, window=(2, 2), stride=(2, 2))


DATA, OUTPUT = 50, 40
"""About the standard deviation of a layer's inputs, and the one that its outputs shall have."""


def lively(network: Network) -> Network:
    """The same with random weights, and with shifts for which outputs are neither all small nor all saturated."""
    rng = np.random.default_rng(2)
    return replace(network, layers=tuple(_lively(layer, rng) for layer in network.layers))


def _lively(layer: Layer, rng: np.random.Generator) -> Layer:
    if layer.weights is None:
        return layer
    given = layer.weights
    values = rng.integers(-(1 << given.bits - 1), 1 << given.bits - 1, given.values.shape)
    bias = None if given.bias is None else rng.integers(-128, 128, given.bias.shape)
    count, deviation = prod(given.values.shape[1:]), (1 << given.bits) / 12 ** 0.5
    spread = DATA * hypot(deviation * count ** 0.5, count / 4)  # weights are -1/2 on average
    shift = 0 if layer.output_width > 8 else FRACTION - round(log2(spread / OUTPUT))
    return replace(layer, weights=replace(given, values=values, bias=bias), shift=shift)


@dataclass(frozen=True)
class Case:
    """A network on a chip: where its layers lie, and the options of the project."""

    device: Device
    network: Callable[[], Network]
    layers: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    placing: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    def plan(self) -> Max7800xPlan:
        """The plan of the project."""
        network = lively(self.network())
        placement = place(network, self.layers, **self.placing)
        return Max7800xPlan.of(self.device, network, placement, Max7800xOptions.parse(self.device.name, self.options))


def plain() -> Network:
    """Padding, pooling, weights of 8, 4, 2 and 1 bits, biases, flattening, 32-bit results."""
    return chain(conv("one", 3, 6, (6, 8), pool=HALVED, bias=5, activation=RELU),
                 conv("two", 6, 5, (3, 4), bits=4, bias=50, activation=ABS),
                 conv("three", 5, 18, (3, 4), bits=2, bias=60, activation=RELU),
                 conv("four", 18, 4, (3, 4), kernel=(1, 1), pad=(0, 0), bits=1),
                 linear("five", 4, 7, (3, 4), bias=11, output_width=32))


def passes() -> Network:
    """Two passes out and in, a write gap, a difference over two groups, average pooling behind it, much padding."""
    return net(conv("first", 3, 68, (4, 5), kernel=(1, 1), pad=(0, 0), bias=2),
               conv("second", 68, 20, (4, 5), sources=(0,), bits=2, activation=RELU),
               conv("third", 68, 20, (4, 5), sources=(0,), kernel=(1, 1), pad=(0, 0), bits=4, bias=3),
               added("fourth", 2, 20, (4, 5), sources=(1, 2), eltwise=Eltwise.SUB),
               copy("fifth", 20, (4, 5), sources=(3,), pool=MEAN),
               conv("sixth", 20, 3, (2, 2), sources=(4,), pad=(2, 2), activation=ABS), round_average=True)


PASSES: Mapping[int, Mapping[str, Any]] = {
    1: {"out_offset": 0x1000, "write_gap": 1}, 2: {"in_offset": 0x4000, "out_offset": 0x1004, "write_gap": 1},
    3: {"in_offset": 0x1000, "out_offset": 0x2000}, 4: {"in_offset": 0x2000, "out_offset": 0x5000},
    5: {"in_offset": 0x5000, "out_offset": 0x3000}}


def lines() -> Network:
    """1-D convolutions with short kernels and dilation, 32-bit results."""
    return chain(conv1d("a", 4, 6, 30, 5, pad=(2, 0), pool=Pool(window=(3, 1), stride=(2, 2)), bias=9, activation=RELU),
                 conv1d("bb", 6, 5, 14, 3, dilation=(2, 1), bits=4, activation=ABS),
                 conv1d("ccc", 5, 4, 10, 3, bias=3, output_width=32), in_dim=(30, 1))


def streamed() -> Network:
    """The input comes through FIFOs while two layers run."""
    return chain(conv("a", 3, 4, (10, 12), pool=HALVED, activation=RELU),
                 conv("bb", 4, 6, (5, 6), bias=7),
                 linear("ccc", 6, 5, (5, 6), activation=ABS))


STREAMED: Mapping[int, Mapping[str, Any]] = {
    0: {"streaming": True}, 1: {"streaming": True, "out_offset": 0x2000}, 2: {"in_offset": 0x2000}}


def rows() -> Network:
    """Channel by channel, four pixels to a word; a transposed convolution."""
    return chain(conv("a", 2, 6, (6, 7), bias=4, activation=RELU), up("bb", 6, 5, (6, 7)))


def deep() -> Network:
    """MAX78002: depthwise, in place and elsewhere, four kernel memories at once, kernels bypassed, dilated pooling."""
    passed = replace(conv("sum", 8, 4, (3, 4), kernel=(1, 1), pad=(0, 0)), weights=None, bypass=True, bypass_channels=4,
                     shift=6)
    return chain(conv("wide", 3, 8, (7, 9), pool=Pool(window=(2, 2), stride=(2, 2), dilation=(2, 3)), bias=3,
                      activation=RELU),
                 conv("depth", 8, 8, (3, 3), groups=8, bias=4),
                 conv("away", 8, 8, (3, 3), groups=8, bits=4, bias=7),
                 conv("fours", 8, 8, (3, 3), bias=1, activation=ABS),
                 replace(passed, in_dim=(3, 3)))


DEEP: Mapping[int, Mapping[str, Any]] = {2: {"output_processors": 0xFF00}, 3: {"processors": 0xFF00, "calc_x4": True}}


def ahead() -> Network:
    """MAX78002: reading ahead, four passes at once, linked layers, copies of several passes."""
    return chain(conv("first", 3, 132, (3, 4), kernel=(1, 1), pad=(0, 0), bits=4, activation=RELU),
                 conv("ahead", 132, 8, (3, 4), bits=2, bias=8, activation=RELU),
                 copy("copy", 8, (3, 4), pool=pooled((2, 3), 1)),
                 linear("last", 8, 6, (2, 2), bias=2, output_width=32))


CASES: Mapping[str, Case] = {
    "plain-max78000": Case(MAX78000, plain, options={"softmax": "1"}),
    "passes-max78000": Case(MAX78000, passes, PASSES),
    "lines-max78000": Case(MAX78000, lines),
    "streamed-max78000": Case(MAX78000, streamed, STREAMED, {"fifo": Fifo.STANDARD}),
    "rows-max78000": Case(MAX78000, rows, {0: {"processors": 0x11}}, {"chw": True}),
    "plain-max78002": Case(MAX78002, plain),
    "passes-max78002": Case(MAX78002, passes, PASSES),
    "deep-max78002": Case(MAX78002, deep, DEEP),
    "ahead-max78002": Case(MAX78002, ahead, {1: {"read_ahead": True}}, options={"link-layer": "1"}),
    "streamed-max78002": Case(MAX78002, streamed, STREAMED, {"fifo": Fifo.FAST}, {"riscv": "1"}),
}
