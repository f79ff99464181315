"""Why there is no placement, in diagnostics: single layers that are too large, and sets of layers that conflict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ....errors import Diagnostic, declare
from ..memory.data import WORD
from ..network import INPUT
from ..placement import PROCESSORS, SHARED
from .conflict import Conflict
from .demand import UNIT, Area, Demand, Kernel
from .geometry import Geometry
from .model import Resource
from .needs import kernel_columns
from .shapes import GROUPS, INSTANCES

declare({
    "BT5387": "the input cannot lie channel by channel",
    "BT5388": "a tensor does not fit into a data memory instance",
    "BT5389": "a layer's kernels do not fit into the kernel memory of a processor",
    "BT5390": "a layer's bias does not fit into the bias memory of a group",
    "BT5391": "tensors that are in use together do not fit into the data memory",
    "BT5392": "kernels do not fit into the kernel memory together",
    "BT5393": "biases do not fit into the bias memory together",
    "BT5394": "layers that must stay in their groups of processors cannot be connected",
    "BT5395": "the memories together leave no place for some layers",
    "BT5396": "the search for a placement ended without a result",
    "BT5397": "a network with a persistent data buffer cannot be placed automatically",
})

CODES = {Resource.DATA: "BT5391", Resource.KERNELS: "BT5392", Resource.BIAS: "BT5393", Resource.PROCESSORS: "BT5394"}
FIXES = {
    Resource.DATA: "pool earlier, use fewer channels or smaller images, or let fewer tensors wait for later layers",
    Resource.KERNELS: "use fewer channels, smaller kernels, or fewer bits for the weights of these layers",
    Resource.BIAS: "train some of these layers without bias",
    Resource.PROCESSORS: "replace a layer without convolution by a 1x1 convolution, which may write to any processors",
}


def too_tall(geometry: Geometry) -> tuple[Area, ...]:
    """Areas that are larger than a data memory instance."""
    words = geometry.device.data.words
    return tuple(area for area in geometry.areas if max(area.size, area.begin + area.size) > words)


def oversized(geometry: Geometry) -> Iterator[Diagnostic]:
    """BT5388: one diagnostic for every tensor that is larger than a data memory instance."""
    for area in too_tall(geometry):
        yield Diagnostic("BT5388", _names(geometry, area.layers), f"it takes {area.size * WORD} bytes of "
                         f"{_instances(area)}, and an instance has {geometry.device.data.bytes}",
                         "pool before this tensor, use a smaller image, or fewer channels if it takes several passes")


def overweight(geometry: Geometry, demand: Demand) -> Iterator[Diagnostic]:
    """BT5389, BT5390: layers whose kernels or biases are larger than a memory."""
    for kernel in demand.kernels:
        if kernel.units > demand.capacity.units:
            yield Diagnostic("BT5389", _names(geometry, [kernel.layer]), "its kernels take "
                             f"{kernel_columns(geometry, kernel.layer)} columns in each of its processors, and a "
                             f"processor has {demand.capacity.units * UNIT}", FIXES[Resource.KERNELS])
    for bias in demand.biases:
        largest = min((max(spread) for spread in bias.spread), default=bias.size)
        if largest > demand.capacity.bias:
            yield Diagnostic("BT5390", _names(geometry, [bias.layer]), f"its bias takes {largest} bytes of the bias "
                             f"memory of a group, which has {demand.capacity.bias}", "train it without bias")


def explained(geometry: Geometry, demand: Demand, found: Iterable[Conflict]) -> Iterator[Diagnostic]:
    """BT5391..BT5395: one diagnostic for every conflict."""
    for conflict in found:
        where = _names(geometry, (layer for entry in conflict.entries for layer in _layers(demand, *entry)))
        parts = [SUMMARIES[resource](geometry, demand, conflict.of(resource)) for resource in conflict.resources]
        alone = len(conflict.resources) == 1
        fix = "; or ".join(FIXES[resource] for resource in conflict.resources)
        yield Diagnostic(CODES[conflict.resources[0]] if alone else "BT5395", where, "; ".join(parts), fix)


def _layers(demand: Demand, resource: Resource, index: int) -> tuple[int, ...]:
    if resource is Resource.DATA:
        return demand.areas[index].layers
    if resource is Resource.KERNELS:
        return (demand.kernels[index].layer,)
    return (demand.biases[index].layer if resource is Resource.BIAS else demand.moves[index].layer,)


def _names(geometry: Geometry, layers: Iterable[int]) -> str:
    numbers = dict.fromkeys(layers)
    names = [geometry.network.layers[layer].name for layer in numbers if layer != INPUT]
    parts = ["the input"] * (INPUT in numbers) + [f"layer{'s' * (len(names) > 1)} {', '.join(names)}"] * bool(names)
    return " and ".join(parts)


# ---- what the entries of a conflict need, and what there is --------------------------------------------------------

def _data(geometry: Geometry, demand: Demand, entries: tuple[int, ...]) -> str:
    areas = [demand.areas[index] for index in entries]
    step = max((area.born for area in areas), key=lambda step: _bytes(areas, step))
    needed, room = _bytes(areas, step), INSTANCES * geometry.device.data.bytes
    used = ", ".join(f"{_names(geometry, area.layers)} {area.size * WORD} bytes of {_instances(area)}"
                     for area in areas if area.born <= step <= area.dies)
    runs = geometry.network.layers[max(step, 0)].name
    return (f"while layer {runs} runs, the data memory must hold {used}: {needed} bytes of {room} in {INSTANCES} "
            f"instances of {geometry.device.data.bytes}" + (", and no arrangement fits" if needed <= room else ""))


def _bytes(areas: list[Area], step: int) -> int:
    return sum(WORD * area.size * len(area.instances) for area in areas if area.born <= step <= area.dies)


def _instances(area: Area) -> str:
    return f"{len(area.instances)} instance{'s' * (len(area.instances) > 1)}"


def _kernels(geometry: Geometry, demand: Demand, entries: tuple[int, ...]) -> str:
    kernels = [demand.kernels[index] for index in entries]
    columns = demand.capacity.units * UNIT
    used = ", ".join(f"{geometry.network.layers[kernel.layer].name} {UNIT * kernel.units} columns of "
                     f"{SHARED * len(kernel.instances)} processors" for kernel in kernels)
    total = sum(UNIT * kernel.units for kernel in kernels)
    if frozenset.intersection(*(_always(demand, kernel) for kernel in kernels)) and total > columns:
        return f"the kernel memory must hold {used}: {total} columns of {columns} in processors that all of them use"
    needed, room = sum(UNIT * kernel.units * SHARED * len(kernel.instances) for kernel in kernels), columns * PROCESSORS
    return (f"the kernel memory must hold {used}: {needed} columns of {room} in {PROCESSORS} processors of {columns}"
            + (", and no arrangement fits" if needed <= room else ""))


def _always(demand: Demand, kernel: Kernel) -> frozenset[int]:
    """The instances that a layer reads wherever its block starts."""
    starts = demand.shapes[kernel.block].starts
    return frozenset.intersection(*(frozenset(start + i for i in kernel.instances) for start in starts))


def _biases(geometry: Geometry, demand: Demand, entries: tuple[int, ...]) -> str:
    biases = [demand.biases[index] for index in entries]
    needed, room = sum(bias.least for bias in biases), GROUPS * demand.capacity.bias
    return (f"their biases take {needed} bytes of {room} in {GROUPS} groups of {demand.capacity.bias}"
            + (", and no arrangement fits" if needed <= room else ""))


def _moves(geometry: Geometry, demand: Demand, entries: tuple[int, ...]) -> str:
    return "they write to the groups of processors that they read, in the same order, and cannot all be connected so"


SUMMARIES: dict[Resource, Callable[[Geometry, Demand, tuple[int, ...]], str]] = {
    Resource.DATA: _data, Resource.KERNELS: _kernels, Resource.BIAS: _biases, Resource.PROCESSORS: _moves,
}
