"""All memories of a placed network together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ..device import Device
from ..hardware import Hardware, hardware
from ..network import Network
from ..placement import Fifo, Placement
from .bias import BiasMap, bias_map
from .data import Area, buffer_area, input_area, output_area
from .kernels import KernelMap, kernel_map
from .streaming import Stream, streams
from .x4 import KernelClash, clashes


@dataclass(frozen=True, eq=False)
class MemoryMaps:
    """What lies where."""

    layers: tuple[Hardware, ...]
    """The network's layers as they are programmed."""
    kernels: KernelMap
    clashes: tuple[KernelClash, ...]
    """Kernels that meet because some layers use four kernel memories at once."""
    biases: BiasMap
    streams: tuple[Stream | None, ...]
    """The numbers of streaming layers, and of a first layer behind a FIFO."""
    areas: tuple[Area, ...]
    """The tensors that lie in data memory whole: the input, the persistent buffer, outputs of layers."""

    @property
    def kernel_offsets(self) -> tuple[int, ...]:
        """The first column of every layer's kernels; 0 for a layer that has none, or finds no place."""
        return tuple(0 if layer is None else layer.offset for layer in self.kernels.layers)

    def area(self, owner: int) -> Area | None:
        """The area of a tensor by the layer that writes it, `INPUT` or `BUFFER`; None for one that streams."""
        return next((area for area in self.areas if area.owner == owner), None)


@lru_cache(maxsize=1)  # the rules and then the plan ask for those of one placed network
def memory_maps(network: Network, placement: Placement, device: Device) -> MemoryMaps:
    """The memory maps of a placed network.

    Every layer must have as many processors as its passes are wide; `rules.problems` names those that have not.
    """
    layers = hardware(network, device, placement)
    kernels = kernel_map(network, placement, device, layers)
    clashing = tuple(clashes(network, placement, device.kernels, layers, kernels.layers))
    return MemoryMaps(layers, kernels, clashing,
                      bias_map(network, placement, device, layers), streams(network, placement, device, layers),
                      tuple(_areas(network, placement, layers)))


def _areas(network: Network, placement: Placement, layers: Sequence[Hardware]) -> Iterator[Area]:
    if not (placement.layers[0].streaming and placement.fifo is not Fifo.NONE):
        yield input_area(network, placement, layers[0])
    if placement.buffer is not None and (area := buffer_area(network, placement.buffer)) is not None:
        yield area
    for index, place in enumerate(placement.layers):
        if not (place.streaming and index + 1 < len(layers) and placement.layers[index + 1].streaming):
            yield output_area(network, index, layers[index], place)
