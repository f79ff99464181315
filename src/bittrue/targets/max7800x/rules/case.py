"""What the rules look at: a network, perhaps its placement, a device, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ..device import Device
from ..hardware import Hardware, hardware
from ..memory import MemoryMaps, memory_maps
from ..network import Layer, Network
from ..placement import LayerPlacement, Placement


@dataclass(frozen=True, eq=False)
class Case:
    """A network on a device."""

    network: Network
    device: Device
    placed: Placement | None

    @cached_property
    def hardware(self) -> tuple[Hardware, ...]:
        """The layers as they are programmed."""
        return hardware(self.network, self.device, self.placed)

    @property
    def placement(self) -> Placement:
        """The placement, for rules that need one."""
        if self.placed is None:
            raise ValueError("a rule asks for the placement of a network that has none")
        return self.placed

    @cached_property
    def maps(self) -> MemoryMaps:
        """The memory maps of the placed network."""
        return memory_maps(self.network, self.placement, self.device)

    @cached_property
    def layers(self) -> tuple[View, ...]:
        """The layers, one by one."""
        return tuple(View(self, index) for index in range(len(self.network.layers)))


@dataclass(frozen=True, eq=False)
class View:
    """One layer of a case."""

    case: Case
    index: int

    @property
    def layer(self) -> Layer:
        """The layer."""
        return self.case.network.layers[self.index]

    @property
    def hardware(self) -> Hardware:
        """The layer as it is programmed."""
        return self.case.hardware[self.index]

    @property
    def place(self) -> LayerPlacement:
        """Where the layer runs."""
        return self.case.placement.layers[self.index]

    @property
    def device(self) -> Device:
        """The device."""
        return self.case.device

    @property
    def streaming(self) -> bool:
        """Whether the layer is placed as a streaming one."""
        return self.case.placed is not None and self.place.streaming

    @property
    def where(self) -> str:
        """The layer for diagnostics."""
        return f"layer {self.layer.name}"

    @property
    def sources(self) -> tuple[View, ...]:
        """The layers that this one reads."""
        return tuple(self.case.layers[s] for s in self.layer.sources if s >= 0)


def named(case: Case, owner: int) -> str:
    """A tensor in words, by the layer that writes it."""
    if owner >= 0:
        return f"the output of layer {case.network.layers[owner].name}"
    return "the input" if owner == -1 else "the persistent buffer"
