"""Lives of activation tensors in L2, and places for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from ..network import Network
from .limits import aligned


@dataclass(frozen=True)
class Held:
    """A tensor in L2: its bytes, and the first and last layer that need it there."""

    name: str
    size: int
    first: int
    last: int
    gap: tuple[int, int] | None = None
    """The two layers that use it and are farthest apart, if it can wait in L3 in between."""

    def meets(self, other: Held) -> bool:
        """Whether both are alive at the same time."""
        return self.first <= other.last and other.first <= self.last


def tensors(network: Network) -> tuple[Held, ...]:
    """All tensors that are no slices: from the first layer that writes a part of them to the last one that reads one.

    Inputs are alive from the first layer on, outputs until the last one.
    """
    uses = _uses(network)
    written = {network.root(layer.output)[0].name: index for index, layer in enumerate(network.layers)}
    written = {name: written.get(name, 0) for name in uses}
    end = len(network.layers) - 1
    starts = {network.root(name)[0].name for name in network.inputs}
    ends = {network.root(name)[0].name for name in network.outputs}
    return tuple(Held(name, aligned(network.tensors[name].bytes), 0 if name in starts else min(layers),
                      end if name in ends else max(layers), None if name in ends else _gap(layers, written[name]))
                 for name, layers in uses.items())


LEAVING = 2
"""Layers after a use in which a tensor is still in L2, on its way to L3."""
SHORTEST_GAP = LEAVING + 2
"""Between two uses, so that a tensor can go to L3, come back a layer before it is used, and make room in between."""


def _gap(layers: list[int], written: int) -> tuple[int, int] | None:
    """The longest time between two uses after the last layer that writes it, if it is long enough."""
    gaps = [(before, after) for before, after in pairwise(sorted(set(layers)))
            if before >= written and after - before >= SHORTEST_GAP]
    return max(gaps, default=None, key=lambda gap: gap[1] - gap[0])


def _uses(network: Network) -> dict[str, list[int]]:
    """Layers that read or write each tensor, in order."""
    uses: dict[str, list[int]] = {network.root(name)[0].name: [0] for name in network.inputs}
    for index, layer in enumerate(network.layers):
        for name in (*layer.inputs, layer.output):
            uses.setdefault(network.root(name)[0].name, []).append(index)
    return uses


def first_fit(held: Iterable[Held]) -> Mapping[str, int]:
    """Places for tensors: large ones first, each at the lowest place that is free while it lives."""
    places: dict[str, int] = {}
    done: list[Held] = []
    for tensor in sorted(held, key=lambda tensor: (-tensor.size, tensor.first, tensor.name)):
        taken = [(places[other.name], places[other.name] + other.size) for other in done if other.meets(tensor)]
        places[tensor.name] = min(start for start in (0, *(end for _, end in taken))
                                  if all(start + tensor.size <= begin or end <= start for begin, end in taken))
        done.append(tensor)
    return places


def most_alive(held: Iterable[Held]) -> tuple[int, int]:
    """The layer with the most bytes of tensors alive, and these bytes: no placement needs less."""
    found = tuple(held)
    live = [sum(tensor.size for tensor in found if tensor.first <= layer <= tensor.last)
            for layer in range(max((tensor.last for tensor in found), default=0) + 1)]
    return live.index(max(live)), max(live)


def top(held: Iterable[Held], places: Mapping[str, int]) -> int:
    """Bytes that they take."""
    return max((places[tensor.name] + tensor.size for tensor in held), default=0)
