"""Where the kernels of every layer lie: the same columns as the existing network loader gives them.

All used processors of a layer start at the same column, a multiple of 4: the first one where they are all free. Layers
with all 64 processors go first. Where some processors have a larger memory (MAX78002), layers that use only those are
tried from its end. Equal kernels share one place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from ..device import Device
from ..hardware import Hardware
from ..network import Network
from ..placement import GROUP, PROCESSORS, Fifo, Placement, bits
from .kernel_size import KernelSize, kernel_size
from .order import in_sequence
from .search import Taken, Wanted, search
from .sharing import shared_kernels

FREE = -1
"""A column that no layer uses."""

Occupancy = npt.NDArray[np.int16]
"""(processors, columns): the layer whose kernels lie there, or FREE."""


@dataclass(frozen=True)
class LayerKernels:
    """The kernels of one layer."""

    offset: int
    """First column."""
    size: KernelSize
    processors: int
    """Map of the processors whose memory holds them."""
    shares: int | None = None
    """The layer whose kernels these are, when they are the same."""


@dataclass(frozen=True)
class KernelOverflow:
    """A layer's kernels find no place."""

    layer: int
    processor: int
    """The fullest of its processors."""
    needed: int
    """Columns."""
    free: int
    """Columns that are free in that processor, together."""


@dataclass(frozen=True, eq=False)
class KernelMap:
    """The kernel memories of a placed network. A layer that finds no place has None and is an overflow."""

    layers: tuple[LayerKernels | None, ...]
    occupancy: Occupancy
    overflows: tuple[KernelOverflow, ...] = ()

    def used(self, processor: int) -> int:
        """Columns in use in a processor."""
        return int((self.occupancy[processor] != FREE).sum())


def kernel_map(network: Network, placement: Placement, device: Device, layers: Sequence[Hardware]) -> KernelMap:
    """Place the kernels of all layers. `layers` are the network's, as they are programmed."""
    shared = shared_kernels(network, placement, layers)
    allocator = _Allocator(network, placement, device, layers)
    for index in _order(network, placement):
        if network.layers[index].weights is not None and index not in shared:
            allocator.place(index)
    for index, owner in shared.items():
        allocator.share(index, owner)
    found = (allocator.found.get(index) for index in range(len(network.layers)))
    return KernelMap(tuple(found), allocator.occupancy, tuple(allocator.overflows))


def _order(network: Network, placement: Placement) -> list[int]:
    """Layers with all processors first, then the others; each by their numbers."""
    everything = (1 << PROCESSORS) - 1
    return sorted(in_sequence(network), key=lambda index: placement.layers[index].processors != everything)


@dataclass
class _Allocator:
    network: Network
    placement: Placement
    device: Device
    layers: Sequence[Hardware]
    occupancy: Occupancy = field(init=False)
    missing: Taken = field(init=False)
    """Columns that processors with a smaller memory do not have."""
    found: dict[int, LayerKernels] = field(default_factory=dict)
    overflows: list[KernelOverflow] = field(default_factory=list)

    def __post_init__(self) -> None:
        memory = self.device.kernels
        self.occupancy = np.full((PROCESSORS, memory.large), FREE, np.int16)
        columns = np.array([memory.columns(p) for p in range(PROCESSORS)])
        self.missing = np.arange(memory.large) >= columns[:, None]

    def place(self, index: int) -> None:
        """Find a place for a layer and take it, or note the overflow."""
        layer, place = self.network.layers[index], self.placement.layers[index]
        size, processors = kernel_size(layer, self.layers[index], place, self._quad(index)), self._processors(index)
        wanted = Wanted(size, tuple(bits(processors)), layer.groups > 1, self._behind_x4(index))
        offset = search((self.occupancy != FREE) | self.missing, self.device, wanted)
        if offset is None:
            self.overflows.append(self._overflow(index, wanted))
            return
        for processor in wanted.processors:
            for begin, end in size.written(processor):
                self.occupancy[processor, offset + begin:offset + end] = index
        self.found[index] = LayerKernels(offset, size, processors)

    def share(self, index: int, owner: int) -> None:
        """Let a layer use another one's kernels."""
        if owner in self.found:
            self.found[index] = replace(self.found[owner], shares=owner)

    def _quad(self, index: int) -> bool:
        return index == 0 and self.placement.fifo is Fifo.QUAD

    def _processors(self, index: int) -> int:
        """The processors whose memories hold a layer's kernels: four times those of the quad FIFO's input."""
        processors = self.placement.layers[index].processors
        if not self._quad(index):
            return processors
        first_group = processors & ((1 << GROUP) - 1)
        return sum(first_group << group * GROUP for group in range(self.device.groups))

    def _behind_x4(self, index: int) -> bool:
        places = self.placement.layers
        return index > 0 and places[index].calc_x4 and not places[index - 1].calc_x4

    def _overflow(self, index: int, wanted: Wanted) -> KernelOverflow:
        free = ((self.occupancy == FREE) & ~self.missing).sum(axis=1)
        fullest = min(wanted.processors, key=lambda p: int(free[p]))
        return KernelOverflow(index, fullest, wanted.size.length, int(free[fullest]))
