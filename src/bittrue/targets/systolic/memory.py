"""Where the activations are: every tensor that waits between two layers, and what is loaded from outside.

The memory has `lanes` lanes side by side. Channel n of a buffer begins in lane n * width; a buffer of C channels of
`plane` positions takes ceil(C * width / lanes) planes, one after the other. A tensor of narrow values takes one lane
per channel in subword mode, else all lanes of a row's multiplier. Concatenated channels lie in one buffer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

import numpy as np

from ...ir import Graph
from .layers import lane_bits
from .lowering import IMAGE, Lowered, Source, channel_parts


@dataclass(frozen=True)
class Lanes:
    """The lanes of the hardware: `parts` per multiplier (2 in an array with subword mode)."""

    count: int
    parts: int
    bits: int
    """Bits of a lane."""

    @classmethod
    def of(cls, rows: int, cols: int, act_bits: int, subword: int) -> Lanes:
        """The lanes of an array: as many as the wider of its sides has multipliers, twice as many with subword mode."""
        parts = 1 + subword
        return cls(parts * max(rows, cols), parts, act_bits // parts)


@dataclass(frozen=True)
class Place:
    """Where a source is: a word address, the lane of its first channel, the distance of two channels in one lane, the
    lanes of a channel."""

    addr: int
    lane: int
    plane: int
    width: int

    def of_channel(self, channel: int, lanes: int) -> tuple[int, int]:
        """Address and lane of a channel at position 0."""
        words, lane = divmod(self.lane + channel * self.width, lanes)
        return self.addr + words * self.plane, lane


@dataclass(frozen=True)
class Load:
    """A source that the host puts into the memory before a layer runs."""

    source: Source
    place: Place


@dataclass(frozen=True)
class ActivationMap:
    """Where every source is, what is loaded before which layer, and how many words that takes."""

    places: Mapping[Source, Place]
    loads: tuple[tuple[Load, ...], ...]
    """Per layer."""
    depth: int


@dataclass
class _Buffer:
    """Sources that share a piece of memory, by their first channel in it; it lives for the layers `first`..`last`."""

    members: dict[Source, int]
    channels: int
    plane: int
    first: int
    last: int
    is_half: bool = True
    addr: int = 0

    def words(self, lanes: Lanes) -> int:
        return ceil(self.channels * self.width(lanes) / lanes.count) * self.plane

    def width(self, lanes: Lanes) -> int:
        return 1 if self.is_half else lanes.parts

    def overlaps(self, other: _Buffer) -> bool:
        """Whether both live at the same time."""
        return self.first <= other.last and other.first <= self.last


def map_activations(graph: Graph, layers: Sequence[Lowered], lanes: Lanes) -> ActivationMap:
    """Place every source of these layers: first fit, the same words for tensors that never live together."""
    plan = _Plan(graph, layers)
    buffers = plan.buffers()
    _choose_widths(graph, layers, buffers, lanes)
    depth = _allocate(buffers, lanes)
    places = {source: Place(b.addr + (n * b.width(lanes)) // lanes.count * b.plane, n * b.width(lanes) % lanes.count,
                            b.plane, b.width(lanes)) for b in buffers for source, n in b.members.items()}
    loads = tuple(tuple(Load(s, places[s]) for s in sources) for sources in plan.loaded)
    return ActivationMap(places, loads, depth)


@dataclass
class _Plan:
    """Finds out which sources are stored by a layer, which are parts of a concatenation, which must be loaded."""

    graph: Graph
    layers: Sequence[Lowered]
    loaded: list[list[Source]] = field(init=False)
    made: dict[Source, int] = field(init=False)
    """The layer that stores a source."""
    groups: dict[Source, Sequence[Source]] = field(init=False)
    """Parts of concatenations, by the whole and by every part."""

    def __post_init__(self) -> None:
        self.loaded = [[] for _ in self.layers]
        self.made = {layer.result: i for i, layer in enumerate(self.layers) if layer.result is not None}
        found = concatenations(self.graph, self.layers)
        self.groups = {member: (whole, *parts) for whole, parts in found.items() for member in (whole, *parts)}

    def buffers(self) -> list[_Buffer]:
        found: dict[Source, _Buffer] = {}
        for index, layer in enumerate(self.layers):
            for source in layer.sources:
                if source not in found:
                    found |= dict.fromkeys((buffer := self._buffer(source, index)).members, buffer)
                found[source].last = max(found[source].last, index)
        return list({id(buffer): buffer for buffer in found.values()}.values())

    def _buffer(self, source: Source, index: int) -> _Buffer:
        if source in self.groups:
            return self._group(*self.groups[source], index=index)
        channels, height, width = source_shape(self.graph, source)
        return _Buffer({source: 0}, channels, height * width, self._begins(source, index), index)

    def _group(self, whole: Source, *parts: Source, index: int) -> _Buffer:
        members, channels = {whole: 0}, 0
        for part in parts:
            members[part] = channels
            channels += source_shape(self.graph, part)[0]
        height, width = source_shape(self.graph, whole)[1:]
        return _Buffer(members, channels, height * width, min(self._begins(part, index) for part in parts), index)

    def _begins(self, source: Source, index: int) -> int:
        """The layer from which on a source is there; it is loaded before layer `index` when none makes it."""
        if source not in self.made:
            self.loaded[index].append(source)
        return self.made.get(source, index)


def source_shape(graph: Graph, source: Source) -> tuple[int, int, int]:
    """(C, H, W) of a source."""
    shape = source.values(np.zeros((1, *graph.types[source.tensor].shape), np.int64)).shape
    return shape[1], shape[2], shape[3]


def concatenations(graph: Graph, layers: Sequence[Lowered]) -> dict[Source, tuple[Source, ...]]:
    """Concatenations that layers read and whose parts can lie in one buffer: no part belongs to two of them."""
    groups: dict[Source, tuple[Source, ...]] = {}
    taken: set[Source] = set()
    for source in dict.fromkeys(source for layer in layers for source in layer.sources):
        parts = channel_parts(graph, source.tensor) if source.view == IMAGE else None
        members = {Source(part) for part in parts or ()}
        if members and not members & taken and not members & set(groups):
            groups[source] = tuple(Source(part) for part in parts or ())
            taken |= members | {source}
    return groups


def _choose_widths(graph: Graph, layers: Sequence[Lowered], buffers: Sequence[_Buffer], lanes: Lanes) -> None:
    """A buffer has half lanes when all who read it can: a layer reads all of its sources in the same way."""
    of = {source: buffer for buffer in buffers for source in buffer.members}
    for layer in layers:
        if lanes.parts == 1 or lane_bits(graph, tuple(s.tensor for s in layer.sources)) > lanes.bits:
            for source in layer.sources:
                of[source].is_half = False
    changed = True
    while changed:
        mixed = [layer for layer in layers if len({of[s].is_half for s in layer.sources}) > 1]
        changed = bool(mixed)
        for source in (s for layer in mixed for s in layer.sources):
            of[source].is_half = False


def _allocate(buffers: Sequence[_Buffer], lanes: Lanes) -> int:
    """Give every buffer the lowest words that no other one has at the same time; returns the words in use."""
    placed: list[_Buffer] = []
    for buffer in sorted(buffers, key=lambda b: (b.first, -b.words(lanes))):
        taken = sorted((b.addr, b.addr + b.words(lanes)) for b in placed if b.overlaps(buffer))
        buffer.addr = next(_gaps(taken, buffer.words(lanes)))
        placed.append(buffer)
    return max(b.addr + b.words(lanes) for b in placed)


def _gaps(taken: Sequence[tuple[int, int]], words: int) -> Iterator[int]:
    """Addresses of gaps of at least `words` words between intervals that are sorted by their begins."""
    end = 0
    for begin, behind in taken:
        if begin - end >= words:
            yield end
        end = max(end, behind)
    yield end
