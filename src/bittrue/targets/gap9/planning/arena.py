"""Lives of activation tensors in L2, and places for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..network import Network
from .limits import aligned


@dataclass(frozen=True)
class Held:
    """A tensor in L2: its bytes, and the first and last layer that need it there."""

    name: str
    size: int
    first: int
    last: int

    def meets(self, other: Held) -> bool:
        """Whether both are alive at the same time."""
        return self.first <= other.last and other.first <= self.last


def tensors(network: Network) -> tuple[Held, ...]:
    """All tensors that are no slices: from the first layer that writes a part of them to the last one that reads one.

    Inputs are alive from the first layer on, outputs until the last one.
    """
    uses = _uses(network)
    end = len(network.layers) - 1
    starts = {network.root(name)[0].name for name in network.inputs}
    ends = {network.root(name)[0].name for name in network.outputs}
    return tuple(Held(name, aligned(network.tensors[name].bytes), 0 if name in starts else min(layers),
                      end if name in ends else max(layers)) for name, layers in uses.items())


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


def top(held: Iterable[Held], places: Mapping[str, int]) -> int:
    """Bytes that they take."""
    return max((places[tensor.name] + tensor.size for tensor in held), default=0)
