"""Columns of layers that use four kernel memory instances at once (`calc_x4`), and whether they hit other layers'.

Such a layer's kernels are dealt out over the four instances of a processor, a quarter to each. The kernel map counts
its columns as if they were not; where layers of both kinds share processors, the true columns may meet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..device import KERNEL_BYTES, KernelMemory
from ..hardware import Hardware
from ..network import DATA_BITS, Layer, Network
from ..placement import Placement, bits
from .kernels import LayerKernels

WAYS = 4


@dataclass(frozen=True)
class KernelClash:
    """Two layers' kernels lie in the same column of a processor."""

    layer: int
    other: int
    processor: int
    column: int


def dealt_column(memory: KernelMemory, start: int, column: int, quarter: int) -> int:
    """The true column of one that a layer with `calc_x4` has from `start` on, `quarter` of them in each instance."""
    base, columns = (0, memory.small) if start < memory.small else (memory.small, memory.large - memory.small)
    way, place = divmod(column - start, quarter)
    return base + way * (columns // WAYS) + place + (start - base) // WAYS


def quarter(layer: Layer, hardware: Hardware) -> int:
    """Columns that a layer with `calc_x4` has in each instance."""
    kernels = hardware.in_passes.count * layer.out_channels
    return -(-(kernels * KERNEL_BYTES * layer.weight_bits // (hardware.kernel_size * DATA_BITS)) // WAYS)


def clashes(network: Network, placement: Placement, memory: KernelMemory, layers: Sequence[Hardware],
            kernels: Sequence[LayerKernels | None]) -> Iterator[KernelClash]:
    """For every two layers whose kernels meet, the first column where they do."""
    if not any(place.calc_x4 for place in placement.layers):
        return
    owners: dict[tuple[int, int], int] = {}
    reported: set[tuple[int, int]] = set()
    for index, placed in enumerate(kernels):
        if placed is None or placed.shares is not None:
            continue
        dealt = quarter(network.layers[index], layers[index]) if placement.layers[index].calc_x4 else 0
        for processor in bits(placed.processors):
            for column in _columns(memory, placed, processor, dealt):
                owner = owners.setdefault((processor, column), index)
                if owner != index and (owner, index) not in reported:
                    reported.add((owner, index))
                    yield KernelClash(index, owner, processor, column)


def _columns(memory: KernelMemory, placed: LayerKernels, processor: int, dealt: int) -> Iterator[int]:
    """The true columns of a layer in a processor; `dealt` of them lie in each instance, or 0."""
    for begin, end in placed.size.written(processor):
        for column in range(placed.offset + begin, placed.offset + end):
            yield dealt_column(memory, placed.offset, column, dealt) if dealt else column
