"""Small networks for placement, wired by hand or at random; the weights of two layers are never the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bittrue.errors import Diagnostics
from bittrue.targets.max7800x.device import DEVICES, Device
from bittrue.targets.max7800x.legalize import Arrangement, arrange, connected
from bittrue.targets.max7800x.network import INPUT, Dim, Eltwise, Layer, Network, Operator, Pool, Weights

OLD, NEW = DEVICES["max78000"], DEVICES["max78002"]
HALF = Pool(False, (2, 2), (2, 2))


@dataclass
class Wired:
    """Adds layers one by one; methods return the layer's number."""

    channels: int
    dim: Dim
    bits: int = 8
    layers: list[Layer] = field(default_factory=list)

    def shape(self, source: int) -> tuple[int, Dim]:
        if source == INPUT:
            return self.channels, self.dim
        return self.layers[source].out_channels, self.layers[source].out_dim

    def add(self, layer: Layer) -> int:
        self.layers.append(layer)
        return len(self.layers) - 1

    def _name(self) -> str:
        return f"l{len(self.layers)}"

    def _weights(self, shape: tuple[int, ...], bias: bool) -> Weights:
        values = np.arange(np.prod(shape)).reshape(shape) // (len(self.layers) + 1) % 2
        return Weights(values, self.bits, bias=np.full(shape[0], len(self.layers) + 1) if bias else None)

    def conv(self, source: int, outputs: int, size: int = 3, bias: bool = False, pool: Pool | None = None,
             **changes: Any) -> int:
        channels, dim = self.shape(source)
        groups = changes.get("groups", 1)
        weights = self._weights((outputs, channels // groups, size, size), bias)
        layer = Layer(self._name(), Operator.CONV2D, (source,), channels, dim, pool=pool or Pool(), weights=weights,
                      kernel=(size, size), pad=(size // 2, size // 2), **changes)
        return self.add(layer)

    def conv1d(self, source: int, outputs: int, length: int, dilation: int = 1) -> int:
        channels, dim = self.shape(source)
        weights = self._weights((outputs, channels, length), False)
        return self.add(Layer(self._name(), Operator.CONV1D, (source,), channels, dim, weights=weights,
                              kernel=(length, 1), dilation=(dilation, 1)))

    def through(self, source: int, pool: Pool | None = None) -> int:
        channels, dim = self.shape(source)
        return self.add(Layer(self._name(), Operator.PASSTHROUGH, (source,), channels, dim, pool=pool or Pool()))

    def sum(self, *sources: int) -> int:
        channels, dim = self.shape(sources[0])
        return self.add(Layer(self._name(), Operator.PASSTHROUGH, sources, channels, dim, eltwise=Eltwise.ADD,
                              operands=len(sources)))

    def joined(self, *sources: int, outputs: int = 8) -> int:
        """A convolution that reads concatenated channels."""
        shapes = [self.shape(source) for source in sources]
        channels = sum(count for count, _ in shapes)
        weights = self._weights((outputs, channels, 1, 1), False)
        return self.add(Layer(self._name(), Operator.CONV2D, sources, channels, shapes[0][1], weights=weights))

    def linear(self, source: int, outputs: int) -> int:
        channels, (rows, cols) = self.shape(source)
        weights = self._weights((outputs, channels * rows * cols), False)
        return self.add(Layer(self._name(), Operator.LINEAR, (source,), channels, (rows, cols),
                              flatten=(rows, cols) != (1, 1), weights=weights))

    def network(self, *outputs: int) -> Network:
        last = len(self.layers) - 1
        return Network("net", self.channels, self.dim, tuple(self.layers), (*outputs, last))

    def arranged(self, device: Device, *outputs: int) -> Arrangement:
        found = Diagnostics()
        arrangement = arrange(self.network(*outputs), device, found)
        assert not len(found), list(found)
        return connected(arrangement)


def random_wired(seed: int, layers: int = 9) -> Wired:
    """Convolutions, pooling, sums and concatenations, with connections over several layers."""
    rng = np.random.default_rng(seed)
    net = Wired(int(rng.integers(1, 13)), (int(rng.integers(6, 20)), int(rng.integers(6, 20))), bits=2)
    current = net.conv(INPUT, _channels(rng), bias=bool(rng.integers(2)))
    while len(net.layers) < layers:
        current = _random_layer(net, rng, current)
    net.linear(current, 4 * int(rng.integers(1, 5)))
    return net


def _channels(rng: np.random.Generator) -> int:
    return int(rng.choice([4, 8, 12, 16, 20, 32, 48, 60, 64, 64, 128, 132]))


def _random_layer(net: Wired, rng: np.random.Generator, current: int) -> int:
    channels, dim = net.shape(current)
    alike = [i for i in range(len(net.layers)) if i != current and net.shape(i) == (channels, dim)]
    beside = [i for i in range(len(net.layers)) if i != current and net.shape(i)[1] == dim
              and net.shape(i)[0] % 4 == channels % 4 == 0 and net.shape(i)[0] + channels <= 64]
    kind = int(rng.integers(7))
    if kind == 0 and alike and channels <= 64:
        return net.sum(int(rng.choice(alike)), current)
    if kind == 1 and beside:
        return net.joined(current, int(rng.choice(beside)), outputs=_channels(rng))
    if kind == 2 and channels <= 64 and min(dim) >= 6:
        return net.through(current, HALF)
    if kind == 3 and min(dim) >= 6:
        return net.conv(current, _channels(rng), pool=HALF)
    return net.conv(current, _channels(rng) if kind < 5 else channels, size=int(rng.choice([1, 3])),
                    bias=bool(rng.integers(2)))
