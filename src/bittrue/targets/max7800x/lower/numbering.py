"""Which numbers the network's layers have on the chip.

Where layers may run in any order (`Device.link_layer`) a layer keeps the number of its description, and is linked to
the next one; elsewhere layers are counted as they run. Layers that are inserted move all later ones up.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..memory.order import number
from ..plan import Max7800xPlan


@dataclass(frozen=True)
class Numbering:
    """Numbers of layers on the chip, by their index in the network."""

    numbers: tuple[int, ...]
    entries: tuple[int, ...]
    """Where a layer begins: the number of the layer that is inserted before it, or its own."""

    @property
    def order(self) -> list[int]:
        """The network's layers by their numbers."""
        return sorted(range(len(self.numbers)), key=self.numbers.__getitem__)

    @property
    def last(self) -> int:
        """The number of the layer that runs last."""
        return self.numbers[-1]

    def next(self, index: int) -> int | None:
        """Where the layer that runs after another one begins; None for the last one."""
        return self.entries[index + 1] if index + 1 < len(self.entries) else None

    def follows(self, index: int) -> bool:
        """Whether the chip comes to the next layer, or to the end, by counting on."""
        following = self.next(index)
        if following is None:
            return self.numbers[index] == max(self.numbers)
        return following == self.numbers[index] + 1


def numbering(plan: Max7800xPlan) -> Numbering:
    """The numbers of a plan's layers."""
    indices = range(len(plan.network.layers))
    numbers = [number(plan.network, index) for index in indices]
    if not plan.device.link_layer or len(set(numbers)) < len(numbers):
        numbers = list(indices)
    inserted = [numbers[index] for index, layer in enumerate(plan.maps.layers) if layer.reset]
    moved = tuple(n + sum(other <= n for other in inserted) for n in numbers)
    entries = (n - layer.reset for n, layer in zip(moved, plan.maps.layers, strict=True))
    return Numbering(moved, tuple(entries))
