"""Targets `max78000` and `max78002`: microcontrollers with a 64-processor convolution accelerator.

The way of the data: `legalize` makes hardware layers of a graph (`network`), `place` decides where they run
(`placement`), `memory`, `rules` and `cycles` say what that takes. `ai8x` reads and writes the vendor's format;
`to_graph` gives the integer graph of hardware layers.
"""

from __future__ import annotations

from ...ir import Graph
from ..base import CheckReport, Options, Planner
from .check import check
from .device import DEVICES, Device
from .options import OPTIONS
from .plan import Max7800xPlan, make_plan


class Max7800x(Planner[Max7800xPlan]):
    """A chip of the family as a target that checks and places; see `bittrue.targets.base.Planner`."""

    options = OPTIONS

    def __init__(self, device: Device) -> None:
        self.device = device
        self.name = device.name
        self.summary = f"{device.part}: 64 convolution processors, up to {device.layers} layers"

    def check(self, graph: Graph, options: Options | None = None) -> CheckReport:
        return check(graph, self.device, options)

    def plan(self, graph: Graph, options: Options | None = None) -> Max7800xPlan:
        return make_plan(graph, self.device, options)


MAX78000, MAX78002 = (Max7800x(device) for device in DEVICES.values())
