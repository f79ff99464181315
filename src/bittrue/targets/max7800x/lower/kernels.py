"""The bytes of kernel memory that software writes: every column that the kernel map gives to a layer.

Columns of layers with `calc_x4` are dealt out over the four kernel memory instances of a processor. Where output
processors have gaps between them, the columns of a gap hold no weights and may belong to another layer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ....errors import Diagnostics, Unsupported, declare
from ..device import KERNEL_BYTES
from ..memory import LayerKernels
from ..memory.kernels import FREE
from ..memory.x4 import dealt_column, quarter
from ..network import Weights
from ..placement import GROUP, Fifo, bits
from ..plan import Max7800xPlan
from ..program import Bytes, KernelBlock
from .fifo import fed_processors, fifo_feeds
from .packing import Columns, packed, packed_quad

declare({
    "BT5410": "kernels of output processors with gaps that meet another layer's",
})

Indices = npt.NDArray[np.int64]
Owners = npt.NDArray[np.int16]
"""(processors, columns): the layer that a column is written for, or FREE."""


def kernel_blocks(plan: Max7800xPlan) -> tuple[KernelBlock, ...]:
    """All columns of kernel memory that are written, neighbours together, sorted by processor and column.

    Every column is the true one, those of layers with `calc_x4` too; kernels that layers share are written once.
    Raises `Unsupported` (BT5410, BT5411).
    """
    image = _Image(plan, _quad(plan))
    for index, placed in enumerate(plan.maps.kernels.layers):
        weights = plan.network.layers[index].weights
        if placed is not None and placed.shares is None and weights is not None:
            image.add(index, placed, weights)
    image.problems.raise_as(Unsupported)
    image.deal()
    return tuple(image.blocks())


def _quad(plan: Max7800xPlan) -> bool:
    """Whether the first layer lies behind the quad FIFO, which then feeds all of its channels."""
    return plan.placement.fifo is Fifo.QUAD and bool(fifo_feeds(plan))


@dataclass
class _Image:
    """The kernel memories of all processors, while they are filled."""

    plan: Max7800xPlan
    quad: bool
    """Whether the first layer lies behind the quad FIFO."""
    data: Bytes = field(init=False)
    """(processors, columns, 9)"""
    owners: Owners = field(init=False)
    problems: Diagnostics = field(default_factory=Diagnostics)

    def __post_init__(self) -> None:
        self.owners = self.plan.maps.kernels.occupancy.copy()
        self.data = np.zeros((*self.owners.shape, KERNEL_BYTES), np.uint8)

    def add(self, index: int, placed: LayerKernels, weights: Weights) -> None:
        """Write a layer's kernels."""
        plan = self.plan
        given = plan.network.layers[index], weights, plan.maps.layers[index], plan.placement.layers[index]
        if not self.quad or index:
            self._write(index, np.array(list(bits(placed.processors))), placed.offset, packed(*given))
            return
        inner = np.array(fed_processors(plan))
        for group, columns in enumerate(packed_quad(*given)):
            self._write(index, inner + group * GROUP, placed.offset, columns)

    def _write(self, index: int, processors: Indices, offset: int, columns: Columns) -> None:
        """Write the columns that are the layer's by the kernel map, and those beyond gaps that are free."""
        begin = offset + columns.begin
        there = max(0, min(self.plan.device.kernels.columns(int(p)) for p in processors) - begin)
        data, beyond = columns.data[:, :there], columns.data[:, there:]
        place = processors[:, None], np.arange(begin, begin + data.shape[1])
        owners, filled = self.owners[place], data.any(axis=(0, 2))
        if beyond.any() or (filled & (owners != index) & (owners != FREE)).any():
            self._collision(index)
        mine = (owners == index) | (filled & (owners == FREE))
        self.owners[place] = np.where(mine, index, owners)
        self.data[place] = np.where(mine[..., None], data, self.data[place])

    def _collision(self, index: int) -> None:
        self.problems.add("BT5410", f"layer {self.plan.network.layers[index].name}", "its output processors have "
                          "gaps, and its kernels beyond them meet those of another layer",
                          "use output processors without gaps")

    def deal(self) -> None:
        """Move the columns of layers with `calc_x4` to where four kernel memory instances have them."""
        moved = [index for index, place in enumerate(self.plan.placement.layers) if place.calc_x4]
        places = [np.nonzero(self.owners == index) for index in moved]
        data = [self.data[place] for place in places]
        self.owners[np.isin(self.owners, moved)] = FREE
        for index, (processors, columns), part in zip(moved, places, data, strict=True):
            to = processors, self._true_columns(index)[columns]
            self.owners[to], self.data[to] = index, part

    def _true_columns(self, index: int) -> Indices:
        """For every column of the kernel map the one that a layer with `calc_x4` means."""
        placed, memory = self.plan.maps.kernels.layers[index], self.plan.device.kernels
        start = 0 if placed is None else placed.offset
        count = quarter(self.plan.network.layers[index], self.plan.maps.layers[index])
        return np.array([dealt_column(memory, start, column, count) for column in range(memory.large)])

    def blocks(self) -> Iterator[KernelBlock]:
        """Runs of columns that are written."""
        for processor, written in enumerate(self.owners != FREE):
            edges = np.flatnonzero(np.diff(written, prepend=False, append=False)).reshape(-1, 2)
            for begin, end in edges.tolist():
                yield KernelBlock(processor, begin, self.data[processor, begin:end])
