"""How a graph runs on the accelerator: layers, processors, memories, cycles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...errors import Diagnostic, Unsupported
from ...ir import Graph
from .cycles import LayerCycles, cycles, total_cycles
from .device import Device
from .memory import MemoryMaps, memory_maps
from .network import Network
from .options import Max7800xOptions
from .placement import Placement
from .plan_file import plan_json, read_plan
from .rules import problems


@dataclass(frozen=True, eq=False)
class Max7800xPlan:
    """Everything that is decided for one network on one chip."""

    device: Device
    network: Network
    placement: Placement
    maps: MemoryMaps
    cycles: tuple[LayerCycles, ...]
    options: Max7800xOptions = field(default_factory=Max7800xOptions)

    @classmethod
    def of(cls, device: Device, network: Network, placement: Placement,
           options: Max7800xOptions | None = None) -> Max7800xPlan:
        """The plan of a placed network."""
        maps = memory_maps(network, placement, device)
        return cls(device, network, placement, maps, cycles(network, placement, device, maps),
                   options or Max7800xOptions())

    @property
    def total_cycles(self) -> int:
        """The estimate for one inference."""
        return total_cycles(self.cycles)

    def to_json(self) -> dict[str, Any]:
        """The decisions, as `read_plan` reads them."""
        return {**plan_json(self.network, self.placement, self.device), "options": dict(self.options.chosen)}


def make_plan(graph: Graph, device: Device, given: Mapping[str, Any] | None) -> Max7800xPlan:
    """Legalize and place a graph, or keep the plan of a file.

    Raises `BadInput` (BT5003, BT5398, BT5399), `Unsupported` with everything that keeps the graph from the device.
    """
    options = Max7800xOptions.parse(device.name, given)
    if options.plan is not None:
        network, placement = read_plan(options.plan, graph, device)
        _require(problems(network, placement, device))
    else:
        from .legalize import legalize  # what is placed already needs neither
        from .place import place

        arrangement = legalize(graph, device)
        network = arrangement.network
        _require(problems(network, None, device))
        placement = place(arrangement, device, options.placing)  # which breaks no rule that the network keeps
    return Max7800xPlan.of(device, network, placement, options)


def _require(found: Sequence[Diagnostic]) -> None:
    if found:
        raise Unsupported(*found)
