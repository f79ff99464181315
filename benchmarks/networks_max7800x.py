"""Networks of the accelerator's own layers with random weights, and the manual's ping-pong placement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from bittrue.ir import Graph
from bittrue.targets.max7800x.device import Device
from bittrue.targets.max7800x.legalize import Arrangement
from bittrue.targets.max7800x.network import INPUT, Activation, Eltwise, Layer, Network, Operator, Pool, Weights
from bittrue.targets.max7800x.placement import LayerPlacement, Passes, Placement
from bittrue.targets.max7800x.to_graph import to_graph

HALVE = Pool(False, (2, 2), (2, 2))


@dataclass
class Builder:
    """Adds layers; methods return their numbers."""

    channels: int
    size: int
    layers: list[Layer] = field(default_factory=list)
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(1))

    def conv(self, source: int, outputs: int, kernel: int = 3, pool: Pool | None = None,
             depthwise: bool = False) -> int:
        """A convolution with ReLU, the image padded to keep its size."""
        channels, dim = self._of(source)
        groups = channels if depthwise else 1
        weights = Weights(self.rng.integers(-128, 128, (outputs, channels // groups, kernel, kernel)), 8,
                          bias=self.rng.integers(-128, 128, outputs))
        return self._add(Layer(f"conv{len(self.layers)}", Operator.CONV2D, (source,), channels, dim,
                               pool=pool or Pool(), weights=weights, kernel=(kernel, kernel),
                               pad=(kernel // 2, kernel // 2), groups=groups, shift=-3, activation=Activation.RELU))

    def add(self, one: int, other: int) -> int:
        """The saturated sum of two tensors."""
        channels, dim = self._of(one)
        return self._add(Layer(f"sum{len(self.layers)}", Operator.PASSTHROUGH, (one, other), channels, dim,
                               eltwise=Eltwise.ADD, operands=2))

    def linear(self, source: int, outputs: int) -> int:
        """Flattened image to 32-bit sums."""
        channels, dim = self._of(source)
        pooled = self._add(Layer("pool", Operator.PASSTHROUGH, (source,), channels, dim, pool=HALVE))
        channels, dim = self._of(pooled)
        weights = Weights(self.rng.integers(-128, 128, (outputs, channels * dim[0] * dim[1])), 8)
        return self._add(Layer("linear", Operator.LINEAR, (pooled,), channels, dim, flatten=True, weights=weights,
                               output_width=32))

    def graph(self, name: str) -> Graph:
        """The integer graph, whose last layer is the output."""
        last = len(self.layers) - 1
        return to_graph(Network(name, self.channels, (self.size, self.size), tuple(self.layers), (last,))).graph

    def _add(self, layer: Layer) -> int:
        self.layers.append(layer)
        return len(self.layers) - 1

    def _of(self, source: int) -> tuple[int, tuple[int, int]]:
        if source == INPUT:
            return self.channels, (self.size, self.size)
        return self.layers[source].out_channels, self.layers[source].out_dim


def plain() -> Graph:
    """Nine convolutions, 3x32x32."""
    b = Builder(3, 32)
    x = b.conv(b.conv(INPUT, 20), 20)
    x = b.conv(b.conv(b.conv(x, 44, pool=HALVE), 44), 48)
    x = b.conv(b.conv(b.conv(x, 96, pool=HALVE), 96, 1), 64)
    b.linear(b.conv(x, 64, pool=HALVE), 100)
    return b.graph("plain")


def residual() -> Graph:
    """Six residual sums, 3x32x32."""
    b = Builder(3, 32)
    x = b.conv(INPUT, 16)
    for width in (20, 44, 64):
        x = b.conv(x, width, pool=HALVE if width > 20 else None)
        for _ in range(2):
            x = b.add(x, b.conv(b.conv(x, width), width))
    b.linear(x, 10)
    return b.graph("residual")


def mobile() -> Graph:
    """Inverted bottlenecks with depthwise convolutions, 3x64x64, for the MAX78002."""
    b = Builder(3, 64)
    x = b.conv(b.conv(INPUT, 16), 24, pool=HALVE)
    for width, halve in ((24, False), (32, True), (32, False), (64, True), (64, False), (96, True), (96, False)):
        inner = b.conv(x, 4 * b.layers[x].out_channels, 1)
        y = b.conv(b.conv(inner, b.layers[inner].out_channels, pool=HALVE if halve else None, depthwise=True), width, 1)
        x = y if halve else b.add(x, y)
    b.linear(x, 100)
    return b.graph("mobile")


NETWORKS: dict[str, tuple[str, Callable[[], Graph]]] = {
    "plain": ("max78000", plain), "residual": ("max78000", residual), "mobile": ("max78002", mobile),
}
"""Name -> device and builder."""


def pingpong(arrangement: Arrangement, device: Device) -> Placement:
    """Processors from 0 upwards, outputs at offset 0 and at half of the memory in turn; interleaved tensors of a sum at
    their words."""
    places: dict[int, tuple[int, int, int]] = {}
    for number, block in enumerate(arrangement.blocks):
        for part in block.parts:
            offset = (number % 2) * device.data.bytes // 2 + 4 * part.slot
            places[part.layer] = (((1 << block.width) - 1), offset, block.gap)
    layers = []
    for index, layer in enumerate(arrangement.network.layers):
        source, (mask, out, gap) = places[layer.sources[0]], places[index]
        width = Passes.of(layer.in_channels).width
        reads = source[2] if len(layer.sources) == 1 else 0
        layers.append(LayerPlacement((1 << width) - 1, mask, source[1], out, gap, reads))
    return Placement(tuple(layers))
