"""The order in which a network description counts the layers; memories are filled in this order."""

from __future__ import annotations

from ..network import Network


def number(network: Network, index: int) -> int:
    """The number of a layer in its description."""
    sequence = network.layers[index].sequence
    return index if sequence is None else sequence


def in_sequence(network: Network) -> list[int]:
    """All layers by their numbers."""
    return sorted(range(len(network.layers)), key=lambda index: number(network, index))
