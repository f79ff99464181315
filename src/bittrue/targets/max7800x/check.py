"""Whether a graph fits the chip: every problem at once, and what the graph needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import Unsupported
from ...ir import Graph
from ..base import CheckReport, share
from .device import Device
from .memory.data import WORD
from .memory.kernels import FREE
from .plan import Max7800xPlan, make_plan


def check(graph: Graph, device: Device, given: Mapping[str, Any] | None = None) -> CheckReport:
    """Whether `graph` fits the device with these options. Raises `BadInput` for wrong options or plans."""
    try:
        plan = make_plan(graph, device, given)
    except Unsupported as error:
        return CheckReport(device.name, error.diagnostics)
    return CheckReport(device.name, (), tuple(layer.name for layer in plan.network.layers), (), needs(plan))


def needs(plan: Max7800xPlan) -> dict[str, str]:
    """What a plan takes of the chip, in words."""
    device, occupancy = plan.device, plan.maps.kernels.occupancy
    columns = sum(device.kernels.columns(p) for p in range(device.processors))
    biases = sum(plan.maps.biases.used(group) for group in range(device.groups))
    milliseconds = plan.total_cycles / (device.clock_mhz * 1000)
    return {
        "layers": f"{len(plan.network.layers)} of {device.layers}",
        "kernel memory": share(int((occupancy != FREE).sum()), columns, "columns"),
        "data memory": f"up to byte {_highest(plan):,} of {device.data.bytes:,} in an instance",
        "bias memory": share(biases, device.groups * device.bias.bytes),
        "cycles": f"{plan.total_cycles:,} ({milliseconds:.2f} ms at {device.clock_mhz} MHz)",
    }


def _highest(plan: Max7800xPlan) -> int:
    """The byte behind the highest one that any tensor takes in a data memory instance."""
    buffers = (place.in_offset + WORD * stream.buffer for place, stream in
               zip(plan.placement.layers, plan.maps.streams, strict=True) if stream is not None and stream.buffer)
    return max(*(area.end * WORD for area in plan.maps.areas), *buffers, 0)
