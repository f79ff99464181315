"""The parameters of a layer's channels as one piece of memory: weights, biases, scales, splits, a table of values.

One DMA command brings them to L1, one transfer brings them from L3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import prod
from types import MappingProxyType

import numpy as np

from ..kernels import Kind, RequantTable, pack_bias, pack_conv, pack_depthwise, pack_linear, row_bytes
from ..network import Layer
from .limits import aligned

SCALE_BYTES = 16


@dataclass(frozen=True)
class Blob:
    """Parameters of some channels: the bytes, and where in them each field of the kernel's parameters points."""

    data: bytes
    places: Mapping[str, int]


def blob(layer: Layer, first: int, last: int) -> Blob:
    """The parameters of the output channels `first` to `last`-1, parts aligned to 8 bytes."""
    data, places = bytearray(), {}
    for name, part in _parts(layer, first, last):
        places[name] = len(data)
        data += part.ljust(aligned(len(part)), b"\0")
    return Blob(bytes(data), MappingProxyType(places))


def _parts(layer: Layer, first: int, last: int) -> Iterator[tuple[str, bytes]]:
    if layer.weights is not None:
        yield "weights", _WEIGHTS[layer.kernel](layer, first, last)
    if layer.bias is not None:
        yield "bias", pack_bias(layer.bias[first:last]).astype("<i4").tobytes()
    table = requant_of(layer.requant, first, last)
    if table.scales:
        yield "scales", table.scale_words().astype("<i4").tobytes()
    if table.splits:
        yield "splits", np.array(table.splits, "<i4").tobytes()
    if layer.table is not None:
        yield "table", layer.table


_WEIGHTS: Mapping[str, Callable[[Layer, int, int], bytes]] = MappingProxyType({
    "conv": lambda layer, a, b: pack_conv(_weights(layer, a, b), layer.weight_bits, layer.name),
    "pointwise": lambda layer, a, b: pack_conv(_weights(layer, a, b), layer.weight_bits, layer.name),
    "linear": lambda layer, a, b: pack_linear(_weights(layer, a, b), layer.weight_bits, None, layer.name),
    "depthwise": lambda layer, a, b: pack_depthwise(_weights(layer, a, b)),
})


def _weights(layer: Layer, first: int, last: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    if layer.weights is None:
        raise ValueError(f"{layer.name} has no weights")
    return layer.weights[first:last]


def requant_of(table: RequantTable, first: int, last: int) -> RequantTable:
    """The requantization of some channels."""
    if not table.per_channel:
        return table
    width = 2 if table.kind is Kind.SPLIT else 1
    return replace(table, scales=table.scales[first * width:last * width], splits=table.splits[first:last])


def blob_bytes(layer: Layer, channels: int) -> int:
    """The size of `blob` for a number of channels."""
    full = aligned(channels, 4)
    sizes = [_weight_bytes(layer, full), 4 * full if layer.bias is not None else 0, *_scale_bytes(layer, channels),
             256 if layer.table is not None else 0]
    return sum(map(aligned, sizes))


def _weight_bytes(layer: Layer, channels: int) -> int:
    if layer.weights is None:
        return 0
    shape: tuple[int, ...] = layer.weights.shape
    if layer.kernel == "depthwise":
        return channels * shape[2] * aligned(shape[1], 4)
    return channels * row_bytes(prod(shape[1:]), layer.weight_bits) * layer.weight_bits // 8


def _scale_bytes(layer: Layer, channels: int) -> tuple[int, int]:
    table = layer.requant
    if not table.scales:
        return 0, 0
    width = 2 if table.kind is Kind.SPLIT else 1
    records = aligned(channels, 4) * width if table.per_channel else len(table.scales)
    splits = (channels if table.per_channel else 1) if table.splits else 0
    return SCALE_BYTES * records, 4 * splits
