"""Layers whose kernels or biases are the same share one place in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..hardware import Hardware, hardware_weights
from ..network import Network
from ..placement import Placement


def shared_kernels(network: Network, placement: Placement, layers: Sequence[Hardware]) -> dict[int, int]:
    """Layer -> the earlier layer with the same kernels, bits and processors."""
    def key(index: int) -> tuple[object, ...] | None:
        layer, place = network.layers[index], placement.layers[index]
        kernels = hardware_weights(layer, layers[index])
        if kernels is None or layer.weights is None:
            return None
        return (kernels.shape[2:], kernels.tobytes(), layer.weights.bits, layer.weights.binary, place.processors)
    return _shared(len(network.layers), key)


def shared_biases(network: Network) -> dict[int, int]:
    """Layer -> the earlier layer with the same bias."""
    def key(index: int) -> tuple[object, ...] | None:
        weights = network.layers[index].weights
        return None if weights is None or weights.bias is None else (weights.bias.tobytes(),)
    return _shared(len(network.layers), key)


def _shared(count: int, key: Callable[[int], tuple[object, ...] | None]) -> dict[int, int]:
    seen: dict[tuple[object, ...], int] = {}
    shared: dict[int, int] = {}
    for index in range(count):
        value = key(index)
        if value is not None and seen.setdefault(value, index) != index:
            shared[index] = seen[value]
    return shared
