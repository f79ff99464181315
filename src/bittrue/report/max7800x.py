"""What a placement on MAX78000 or MAX78002 looks like: tables, memory pictures, files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.table import Table

from ..targets.max7800x.memory.data import WORD, Area
from ..targets.max7800x.memory.kernels import FREE
from ..targets.max7800x.memory.reading import last_readers
from ..targets.max7800x.placement import dotted, instances
from ..targets.max7800x.plan import Max7800xPlan
from .memory_map import Cell, MemoryMap
from .tables import plain_table, right_aligned


def layer_table(plan: Max7800xPlan) -> Table:
    """One row per layer: what it does, where it reads and writes, its kernels and cycles."""
    table = plain_table("layer", "operation", "input", "output", "processors", "from", "to", "columns", "cycles",
                        footer=True)
    rows = zip(plan.network.layers, plan.placement.layers, plan.maps.kernels.layers, plan.cycles, strict=True)
    for layer, place, kernels, cycles in rows:
        table.add_row(layer.name, _operation(layer.operator.value, layer.eltwise and layer.eltwise.value),
                      _size(layer.in_channels, layer.in_dim), _size(layer.out_channels, layer.out_dim),
                      dotted(place.processors), f"{place.in_offset:#06x}", f"{place.out_offset:#06x}",
                      "" if kernels is None else f"{kernels.offset}..{kernels.offset + kernels.size.end - 1}",
                      f"{cycles.cycles:,}{'*' if cycles.streaming else ''}")
    table.columns[0].footer, table.columns[-1].footer = "total", f"{plan.total_cycles:,}"
    return right_aligned(table, 5)


def _operation(operator: str, eltwise: str | None) -> str:
    return operator if eltwise is None else f"{eltwise}, {operator}"


def _size(channels: int, dim: tuple[int, int]) -> str:
    return f"{channels}x{dim[0]}x{dim[1]}"


def owners(plan: Max7800xPlan) -> list[str]:
    """Names for the owners of cells: the layers, then the input, then the persistent buffer."""
    return [*(layer.name for layer in plan.network.layers), "input", "data buffer"]


def kernel_picture(plan: Max7800xPlan) -> MemoryMap:
    """The kernel memories: a row for every processor, columns of 72 bits."""
    occupancy = plan.maps.kernels.occupancy
    cells = [Cell(row, start, end, owner) for row, line in enumerate(occupancy)
             for start, end, owner in _runs(line.tolist())]
    rows = tuple(f"p{p}" for p in range(len(occupancy)))
    return MemoryMap(f"{plan.device.part} kernel memory", rows, occupancy.shape[1], "column", tuple(cells))


def _runs(line: list[int]) -> Iterator[tuple[int, int, int]]:
    """(start, end, owner) of every run of columns with one owner."""
    start = 0
    for column in range(1, len(line) + 1):
        if column == len(line) or line[column] != line[start]:
            if line[start] != FREE:
                yield start, column, line[start]
            start = column


def bias_picture(plan: Max7800xPlan) -> MemoryMap:
    """The bias memories: a row for every group, bytes."""
    cells = []
    for owner, bias in enumerate(plan.maps.biases.layers):
        if bias is not None and bias.shares is None:
            cells += [Cell(group, offset, offset + bias.length, owner)
                      for group, offset in zip(bias.groups, bias.offsets, strict=True)]
    rows = tuple(f"group {g}" for g in range(plan.device.groups))
    return MemoryMap(f"{plan.device.part} bias memory", rows, plan.device.bias.bytes, "byte", tuple(cells))


def data_pictures(plan: Max7800xPlan) -> tuple[MemoryMap, ...]:
    """The data memories while each layer runs: what is read now or later, and what the layer writes. A row for every
    instance (four processors), bytes. Interleaved operands are drawn over one another, from first to last word."""
    readers = last_readers(plan.network, plan.placement, plan.maps.layers, plan.maps.areas)
    streaming = tuple(_buffers(plan))
    return tuple(
        MemoryMap(f"data memory while {layer.name} runs", _instances(plan), plan.device.data.bytes, "byte",
                  (*(streaming if plan.placement.layers[step].streaming else ()),
                   *(cell for area in plan.maps.areas if _held(readers, area.owner, step)
                     for cell in _cells(plan, area))))
        for step, layer in enumerate(plan.network.layers))


def _buffers(plan: Max7800xPlan) -> Iterator[Cell]:
    """The circular buffers of streaming layers, each owned by the tensor that runs through it."""
    for layer, place, stream in zip(plan.network.layers, plan.placement.layers, plan.maps.streams, strict=True):
        if stream is not None and stream.buffer:
            for instance in instances(place.processors):
                yield Cell(instance, place.in_offset, place.in_offset + WORD * stream.buffer,
                           _owner(plan, layer.sources[0]))


def _held(readers: Mapping[int, int | None], owner: int, step: int) -> bool:
    """Whether a tensor is in memory while a layer runs."""
    if owner > step or owner not in readers:
        return owner == step
    reader = readers[owner]
    return reader is None or reader >= step


def _cells(plan: Max7800xPlan, area: Area) -> Iterator[Cell]:
    owner = _owner(plan, area.owner)
    return (Cell(instance, area.begin * WORD, area.end * WORD, owner) for instance in area.instances)


def _owner(plan: Max7800xPlan, tensor: int) -> int:
    """The owner's place in `owners`: layers, then the input, then the persistent buffer."""
    return tensor if tensor >= 0 else len(plan.network.layers) - 1 - tensor


def _instances(plan: Max7800xPlan) -> tuple[str, ...]:
    shared = plan.device.shared
    return tuple(f"p{shared * i}..{shared * i + shared - 1}" for i in range(plan.device.data_instances))
