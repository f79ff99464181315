"""Channels padded so that what is concatenated fills words and passes.

Four channels share a word, and the channels of a pass lie on neighbouring processors: a concatenation whose parts do
not end at these borders gets zero channels between them. A convolution makes them with zero kernels; the reader of the
concatenation, itself a convolution, ignores them with zero weights. A flattened tensor fills its passes likewise.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ....ir import IntArray
from ..network import INPUT, Layer, Network, Operator, Weights
from ..placement import PROCESSORS, SHARED, Passes, in_passes
from ..units import whole
from .kernel import identity
from .names import free_name

CONVOLUTIONS = (Operator.CONV1D, Operator.CONV2D, Operator.CONVTRANSPOSE2D)


def regrouped(network: Network) -> Network:
    """The network with padded channels wherever a concatenation needs them and a convolution reads it."""
    for index in range(len(network.layers)):
        layer = network.layers[index]
        passes = in_passes(layer)
        if layer.flatten and len(layer.sources) == 1 and layer.in_channels != passes.count * passes.width:
            return regrouped(_pad(network, index, [layer.in_channels], [passes.count * passes.width]))
        if len(layer.sources) > 1 and layer.operands == 1 and not layer.spatial_join:
            sizes = [_channels(network, source) for source in layer.sources]
            wanted = padded(sizes)
            if not fills(sizes, in_passes(layer)) and wanted is not None and _can_pad(layer):
                return regrouped(_pad(network, index, sizes, wanted))
    return network


def fills(sizes: list[int], passes: Passes) -> bool:
    """Whether parts of these sizes end at words, and no part lies across two passes."""
    first = 0
    for number, size in enumerate(sizes):
        first += size
        final = number == len(sizes) - 1
        if first > passes.width or (size % SHARED and not final):
            return False
        first = 0 if first == passes.width else first
    return True


def padded(sizes: list[int]) -> list[int] | None:
    """Sizes, none smaller, that fill words and passes; None when a part alone takes more than one pass.

    >>> padded([6, 4]), padded([64, 32]), padded([40, 40, 20])
    ([8, 4], [64, 64], [64, 40, 24])
    """
    if max(sizes) > PROCESSORS:
        return None
    words = [whole(size, SHARED) for size in sizes[:-1]] + sizes[-1:]
    if sum(words) <= PROCESSORS:
        return words
    full, rows = [], 0
    for number, size in enumerate(words):
        upcoming = words[number + 1] if number + 1 < len(words) else PROCESSORS
        last_of_pass = rows + size + upcoming > PROCESSORS
        full.append(PROCESSORS - rows if last_of_pass else size)
        rows = 0 if last_of_pass else rows + size
    return full


def _channels(network: Network, source: int) -> int:
    return network.in_channels if source == INPUT else network.layers[source].out_channels


def _can_pad(layer: Layer) -> bool:
    return layer.operator in CONVOLUTIONS and layer.groups == 1 and layer.weights is not None


def _pad(network: Network, index: int, sizes: list[int], wanted: list[int]) -> Network:
    """Grow every part to its wanted size: in its own layer when that is a convolution that nobody else reads, else in
    an identity convolution behind it."""
    layers = list(network.layers)
    reader = _with_gaps(layers[index], sizes, wanted)
    copies: list[Layer] = []
    sources = []
    for source, size, target in zip(reader.sources, sizes, wanted, strict=True):
        if size == target:
            sources.append(source)
        elif source != INPUT and _may_grow(network, source):
            layers[source] = _grown(layers[source], target)
            sources.append(source)
        else:
            sources.append(index + len(copies))
            names = {layer.name for layer in (*layers, *copies)}
            copies.append(replace(_copy(network, source, target), name=free_name("padded", names)))
    layers[index] = replace(reader, sources=tuple(sources))
    return _inserted(replace(network, layers=tuple(layers)), index, copies)


def _may_grow(network: Network, source: int) -> bool:
    layer = network.layers[source]
    return layer.operator in (*CONVOLUTIONS, Operator.LINEAR) and layer.groups == 1 and layer.weights is not None \
        and len(network.users[source]) == 1 and source not in network.outputs


def _grown(layer: Layer, channels: int) -> Layer:
    """The layer with zero kernels for further output channels."""
    assert layer.weights is not None
    values, bias = layer.weights.values, layer.weights.bias
    more = channels - values.shape[0]
    bits = 2 if layer.weights.binary else layer.weights.bits
    grown = Weights(np.concatenate([values, np.zeros((more, *values.shape[1:]), np.int64)]), bits,
                    bias=None if bias is None else np.concatenate([bias, np.zeros(more, np.int64)]))
    return replace(layer, weights=grown)


def _copy(network: Network, source: int, channels: int) -> Layer:
    """An identity convolution of a tensor, with zero channels behind."""
    if source == INPUT:
        size, dim, flat = network.in_channels, network.in_dim, network.one_dimensional
    else:
        origin = network.layers[source]
        size, dim, flat = origin.out_channels, origin.out_dim, origin.one_dimensional
    weights = identity(size)[..., 0] if flat else identity(size)
    layer = Layer("", Operator.CONV1D if flat else Operator.CONV2D, (source,), size, dim,
                  weights=Weights(weights, 2), shift=7)
    return _grown(layer, channels)


def _with_gaps(layer: Layer, sizes: list[int], wanted: list[int]) -> Layer:
    """The reader, with zero weights for the channels that are new."""
    assert layer.weights is not None
    values = layer.weights.values
    if layer.flatten:
        values = values.reshape(values.shape[0], layer.in_channels, -1)
    parts: list[IntArray] = []
    first = 0
    for size, target in zip(sizes, wanted, strict=True):
        parts += [values[:, first:first + size],
                  np.zeros((values.shape[0], target - size, *values.shape[2:]), np.int64)]
        first += size
    bits = 2 if layer.weights.binary else layer.weights.bits
    values = np.concatenate(parts, axis=1)
    wider = Weights(values.reshape(values.shape[0], -1) if layer.flatten else values, bits, bias=layer.weights.bias)
    return replace(layer, in_channels=sum(wanted), weights=wider)


def _inserted(network: Network, index: int, copies: list[Layer]) -> Network:
    """Layers put before layer `index`, whose sources already count them."""
    count = len(copies)
    before, (reader, *rest) = network.layers[:index], network.layers[index:]
    later = tuple(replace(layer, sources=tuple(s + count if s >= index else s for s in layer.sources))
                  for layer in rest)
    outputs = tuple(o + count if o >= index else o for o in network.outputs)
    return replace(network, layers=(*before, *copies, reader, *later), outputs=outputs)
