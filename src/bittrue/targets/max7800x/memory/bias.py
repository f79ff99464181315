"""Where the biases lie: every group has one bias memory, and the existing network loader's choice of it is kept.

A depthwise layer needs the biases of its processors in their own groups; such layers go first, in order. All others
need one memory: flattening layers first (MAX78000), then layers that are bound to one group, then the largest ones,
each in the group with the fewest bytes in use. Biases that are all zero take no place, equal ones share it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ..device import Device
from ..hardware import Hardware
from ..network import Layer, Network
from ..placement import SHARED, Fifo, Placement, first, groups_used
from ..units import whole
from .depthwise_bias import depthwise_bytes
from .order import in_sequence
from .sharing import shared_biases

Byte = int | None
"""A bias value, or None where the memory is passed over."""


@dataclass(frozen=True)
class LayerBias:
    """The bias of one layer: the groups whose memory holds it, and the first byte in each of them."""

    groups: tuple[int, ...]
    offsets: tuple[int, ...]
    length: int
    """Bytes in use, in the fullest of the groups."""
    spread: bool = False
    """Whether every group holds the values of its own processors."""
    shares: int | None = None
    """The layer whose bias this is, when they are the same."""


@dataclass(frozen=True)
class BiasOverflow:
    """A layer's bias finds no place."""

    layer: int
    group: int
    """The group with the most room."""
    needed: int
    free: int


@dataclass(frozen=True)
class BiasMap:
    """The bias memories of a placed network. Layers without a bias, and those that find no place, have None."""

    layers: tuple[LayerBias | None, ...]
    images: tuple[tuple[Byte, ...], ...]
    """The bytes of every group."""
    overflows: tuple[BiasOverflow, ...] = ()

    def used(self, group: int) -> int:
        """Bytes in use in a group."""
        return len(self.images[group])


def bias_map(network: Network, placement: Placement, device: Device, layers: Sequence[Hardware]) -> BiasMap:
    """Place the biases of all layers. `layers` are the network's, as they are programmed."""
    shared, allocator = shared_biases(network), _Allocator(network, placement, device, layers)
    wanted = [i for i in in_sequence(network) if i not in shared and has_bias(network.layers[i])]
    for index in (i for i in wanted if allocator.spreads(i)):
        allocator.place_spread(index)
    for index in sorted((i for i in wanted if not allocator.spreads(i)), key=allocator.priority):
        allocator.place(index)
    for index, owner in shared.items():
        if owner in allocator.found:
            allocator.found[index] = replace(allocator.found[owner], shares=owner)
    found = (allocator.found.get(index) for index in range(len(network.layers)))
    return BiasMap(tuple(found), tuple(map(tuple, allocator.images)), tuple(allocator.overflows))


def has_bias(layer: Layer) -> bool:
    """Whether a layer has a bias that is not zero."""
    return layer.weights is not None and layer.weights.bias is not None and bool(layer.weights.bias.any())


@dataclass
class _Allocator:
    network: Network
    placement: Placement
    device: Device
    layers: Sequence[Hardware]
    images: list[list[Byte]] = field(init=False)
    found: dict[int, LayerBias] = field(default_factory=dict)
    overflows: list[BiasOverflow] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.images = [[] for _ in range(self.device.groups)]

    def spreads(self, index: int) -> bool:
        """Whether every group holds the values of its own processors."""
        return self.network.layers[index].groups > 1 or self._quad(index)

    def _quad(self, index: int) -> bool:
        return index == 0 and self.placement.fifo is Fifo.QUAD

    def priority(self, index: int) -> int:
        """The smallest goes first."""
        if self.device.flatten_bias_first and self.network.layers[index].flatten:
            return -1
        return 0 if len(self._allowed(index)) == 1 else self.device.bias.bytes - len(self._bytes(index))

    def _allowed(self, index: int) -> tuple[int, ...]:
        allowed = self.placement.layers[index].bias_groups
        return groups_used(self.network, self.placement) if allowed is None else allowed

    def _bytes(self, index: int) -> list[Byte]:
        """The bytes of a layer whose bias lies in one group."""
        place = self.placement.layers[index]
        skipped = first(place.output_processors) % SHARED * self.layers[index].out_passes.count
        skipped += index == 0 and place.streaming and not self.device.streaming_bias  # its first byte is not used
        return [None] * skipped + self._values(index)

    def _values(self, index: int) -> list[Byte]:
        weights = self.network.layers[index].weights
        return [] if weights is None or weights.bias is None else [int(value) for value in weights.bias]

    def place(self, index: int) -> None:
        """Put a bias into the group with the fewest bytes in use."""
        values, x4 = self._bytes(index), self.placement.layers[index].calc_x4
        sizes = {group: whole(len(self.images[group]), SHARED if x4 else 1) for group in self._allowed(index)}
        group = min(sizes, key=lambda g: sizes[g])
        if sizes[group] + len(values) > self.device.bias.bytes:
            self._overflow(index, group, len(values))
            return
        self._extend(group, sizes[group], values)
        self.found[index] = LayerBias((group,), (sizes[group],), len(values))

    def place_spread(self, index: int) -> None:
        """Put the values of every processor into the bias memory of its group."""
        hardware, place = self.layers[index], self.placement.layers[index]
        unit = SHARED if hardware.broadcast else 1
        parts = _quad_parts(self._values(index), self.device) if self._quad(index) else \
            depthwise_bytes(self._values(index), hardware, place)
        starts = {group: whole(len(self.images[group]), unit) for group in parts}
        for group, part in parts.items():
            if starts[group] + len(part) > self.device.bias.bytes:
                self._overflow(index, group, len(part))
                return
        for group, part in parts.items():
            self._extend(group, starts[group], part)
        self.found[index] = LayerBias(tuple(parts), tuple(starts.values()), max(map(len, parts.values())), True)

    def _extend(self, group: int, start: int, values: list[Byte]) -> None:
        image = self.images[group]
        image += [None] * (start - len(image)) + values

    def _overflow(self, index: int, group: int, needed: int) -> None:
        free = self.device.bias.bytes - len(self.images[group])
        self.overflows.append(BiasOverflow(index, group, needed, free))


def _quad_parts(values: list[Byte], device: Device) -> dict[int, list[Byte]]:
    """Behind the quad FIFO every group computes every fourth output channel."""
    return {group: values[group::device.groups] for group in range(device.groups)}
