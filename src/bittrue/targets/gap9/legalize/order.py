"""The order of the layers: each after what it reads, with as little memory in use as a greedy choice finds."""

from __future__ import annotations

from collections.abc import Iterable

from ..network import Layer, Network

Slice = tuple[str, int, int]
"""A tensor of its own, and channels begin:end of it."""


def ordered(network: Network) -> tuple[Layer, ...]:
    """The layers in the order with the lower peak: the given one made topological, or a greedy one."""
    tries = [_run(network, greedy) for greedy in (False, True)]
    return min(tries, key=lambda found: found[1])[0]


class _Memory:
    """Which tensors are in use."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.live = {network.root(name)[0].name for name in network.inputs}
        self.uses: dict[str, int] = {}
        for layer in network.layers:
            for root in self._roots(layer):
                self.uses[root] = self.uses.get(root, 0) + 1
        for name in network.outputs:  # never free
            self.uses[network.root(name)[0].name] = 1 << 30
        self.now = self.peak = sum(map(self._bytes, self.live))

    def _roots(self, layer: Layer) -> set[str]:
        return {self.network.root(name)[0].name for name in (*layer.inputs, layer.output)}

    def _bytes(self, root: str) -> int:
        return self.network.tensors[root].bytes

    def growth(self, layer: Layer) -> int:
        """Bytes that are in use after a layer and were not before."""
        roots = self._roots(layer)
        return sum(map(self._bytes, roots - self.live)) - sum(self._bytes(r) for r in roots if self.uses[r] == 1)

    def run(self, layer: Layer) -> None:
        """Count a layer."""
        roots = self._roots(layer)
        self.peak = max(self.peak, self.now + sum(map(self._bytes, roots - self.live)))
        self.now += self.growth(layer)
        self.live |= roots
        for root in roots:
            self.uses[root] -= 1


def _run(network: Network, greedy: bool) -> tuple[tuple[Layer, ...], int]:
    """An order, and the most bytes in use."""
    needs = _needs(network)
    memory, done = _Memory(network), dict[int, Layer]()
    while len(done) < len(network.layers):
        ready = [i for i in range(len(needs)) if i not in done and needs[i] <= done.keys()]
        best = min(ready, key=lambda i: (memory.growth(network.layers[i]), i)) if greedy else ready[0]
        memory.run(network.layers[best])
        done[best] = network.layers[best]
    return tuple(done.values()), memory.peak


def _needs(network: Network) -> list[set[int]]:
    """For every layer, the layers that write what it reads."""
    writes = [_slices(network, (layer.output,))[0] for layer in network.layers]
    return [{i for i, written in enumerate(writes) for read in _slices(network, layer.inputs) if _meet(written, read)}
            for layer in network.layers]


def _slices(network: Network, names: Iterable[str]) -> list[Slice]:
    found = ((network.root(name), network.tensors[name].channels) for name in names)
    return [(root.name, first, first + channels) for (root, first), channels in found]


def _meet(a: Slice, b: Slice) -> bool:
    return a[0] == b[0] and a[1] < b[2] and b[1] < a[2]
