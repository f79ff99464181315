"""Small networks with known weights, and placements of them: packed processors, offsets that take turns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from bittrue.targets.max7800x.network import INPUT, Dim, Eltwise, Layer, Network, Operator, Pool, Weights
from bittrue.targets.max7800x.placement import LayerPlacement, Placement, in_passes, out_passes

FAR = 0x4000
"""The offset of every second tensor: the middle of a data memory instance of the MAX78000."""


def filled(shape: tuple[int, ...], bits: int = 8, seed: int = 1, bias: int | None = None) -> Weights:
    """Weights that differ from one seed to the next; `bias` is the first of the biases, which then count up to 100."""
    values = (np.arange(int(np.prod(shape)), dtype=np.int64) * 7 + seed * 13) % (1 << bits) - (1 << bits - 1)
    biases = None if bias is None else (np.arange(shape[0], dtype=np.int64) + bias) % 100 + 1
    return Weights(values.reshape(shape), bits, bias=biases)


def conv(name: str, channels: int, outputs: int, dim: Dim, **changes: Any) -> Layer:
    """A 3x3 convolution that keeps the size."""
    kernel, bits = changes.get("kernel", (3, 3)), changes.pop("bits", 8)
    inputs = channels // changes.get("groups", 1)
    weights = filled((outputs, inputs, *kernel), bits, len(name), changes.pop("bias", None))
    given = {"kernel": (3, 3), "pad": (1, 1), "weights": weights}
    return Layer(name, Operator.CONV2D, changes.pop("sources", (INPUT,)), channels, dim, **(given | changes))


def conv1d(name: str, channels: int, outputs: int, length: int, size: int, **changes: Any) -> Layer:
    """A Conv1d without padding."""
    inputs = channels // changes.get("groups", 1)
    weights = filled((outputs, inputs, size), changes.pop("bits", 8), len(name), changes.pop("bias", None))
    given = {"kernel": (size, 1), "weights": weights}
    return Layer(name, Operator.CONV1D, changes.pop("sources", (INPUT,)), channels, (length, 1), **(given | changes))


def up(name: str, channels: int, outputs: int, dim: Dim, **changes: Any) -> Layer:
    """A transposed convolution that doubles the size."""
    kernel = changes.get("kernel", (3, 3))
    given = {"kernel": kernel, "pad": (1, 1), "stride": (2, 2), "output_pad": (1, 1),
             "weights": filled((outputs, channels, *kernel), seed=len(name))}
    return Layer(name, Operator.CONVTRANSPOSE2D, changes.pop("sources", (INPUT,)), channels, dim, **(given | changes))


def linear(name: str, channels: int, outputs: int, dim: Dim = (1, 1), **changes: Any) -> Layer:
    """A linear layer; it flattens what is larger than one pixel."""
    shape = outputs, channels * dim[0] * dim[1]
    weights = filled(shape, changes.pop("bits", 8), len(name), changes.pop("bias", None))
    given = {"weights": weights, "flatten": dim != (1, 1)}
    return Layer(name, Operator.LINEAR, changes.pop("sources", (INPUT,)), channels, dim, **(given | changes))


def copy(name: str, channels: int, dim: Dim, **changes: Any) -> Layer:
    """A layer without convolution."""
    return Layer(name, Operator.PASSTHROUGH, changes.pop("sources", (INPUT,)), channels, dim, **changes)


def added(name: str, operands: int, channels: int, dim: Dim, **changes: Any) -> Layer:
    """An element-wise sum without convolution."""
    return copy(name, channels, dim, **({"eltwise": Eltwise.ADD, "operands": operands} | changes))


def pooled(window: Dim, stride: int = 1, **changes: Any) -> Pool:
    """Max pooling."""
    return Pool(window=window, stride=(stride, stride), **changes)


def net(*layers: Layer, **changes: Any) -> Network:
    """A network of these layers; its input is what the first one reads."""
    first = layers[0] if layers else copy("none", 1, (1, 1))
    given = {"in_channels": first.in_channels * first.operands, "in_dim": first.in_dim,
             "outputs": (len(layers) - 1,), "one_dimensional": first.one_dimensional}
    given |= changes
    return Network("net", given.pop("in_channels"), given.pop("in_dim"), layers, given.pop("outputs"), **given)


def chain(*layers: Layer, **changes: Any) -> Network:
    """The same, with every layer reading the one before."""
    return net(*(replace(layer, sources=(i - 1,)) if i else layer for i, layer in enumerate(layers)), **changes)


def place(network: Network, layers: Mapping[int, Mapping[str, Any]] | None = None, **changes: Any) -> Placement:
    """Packed processors from 0 on; inputs at 0 and `FAR` in turn. `layers` changes single layers' places."""
    places = []
    for index, layer in enumerate(network.layers):
        given = {"processors": (1 << in_passes(layer).width) - 1,
                 "output_processors": (1 << out_passes(layer).width) - 1,
                 "in_offset": FAR * (index % 2), "out_offset": FAR * (1 - index % 2)}
        places.append(LayerPlacement(**(given | dict((layers or {}).get(index, {})))))
    return Placement(tuple(places), **changes)
