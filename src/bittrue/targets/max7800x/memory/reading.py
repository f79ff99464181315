"""Where layers read every channel of their sources, and whether it is there.

A layer may also read what a plain copy of its source was made of: a description that reads past a copy that re-forms
data with gaps is right, as long as the original is still there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..hardware import Hardware
from ..network import BUFFER, INPUT, Layer, Network
from ..placement import LayerPlacement, Placement, bits
from .data import WORD, Area


@dataclass(frozen=True)
class Spot:
    """Where a channel lies: its processor, the word of its first pixel, the words from one pixel to the next."""

    processor: int
    word: int
    step: int

    def __str__(self) -> str:
        return f"processor {self.processor} at {self.word * WORD:#06x}, every {self.step * WORD} bytes"


@dataclass(frozen=True)
class Misread:
    """A channel that is not read where it lies; `here` is None where no layer can read it (an input in CHW)."""

    layer: int
    source: int
    channel: int
    there: Spot
    here: Spot | None


@dataclass(frozen=True)
class Reading:
    """What a layer reads of one of its sources."""

    layer: int
    source: int
    """As the network says: a layer, or `INPUT`."""
    owner: int
    """Whose area is read: the source, or what it is a plain copy of."""
    misread: Misread | None = None


def written(area: Area, channel: int) -> Spot:
    """Where a source writes a channel; of an input with several operands, where it lies."""
    part, channel = divmod(channel, area.channels)
    number, processor = area.home(channel)
    return Spot(processor, area.base + number * area.pass_step + part, area.pixel_step)


def read(layer: Layer, hardware: Hardware, place: LayerPlacement, channel: int) -> Spot:
    """Where a layer reads a channel of its joined sources."""
    operand, channel = divmod(channel, layer.in_channels)
    number, index = divmod(channel, hardware.in_passes.width)
    gap = layer.operands * (place.read_gap + 1)
    return Spot(bits(place.processors)[index], place.in_offset // WORD + number * gap + operand,
                hardware.in_passes.count * gap)


@dataclass(frozen=True)
class _Part:
    """One source among those that a layer joins."""

    source: int
    channel: int
    """Its first channel among the joined ones that are read."""
    channels: int
    pixel: int
    """Its first pixel in the layer's image; negative where rows are cropped."""


def readings(network: Network, placement: Placement, layers: Sequence[Hardware],
             areas: Sequence[Area]) -> Iterator[Reading]:
    """What every layer reads of every source that lies in memory whole."""
    by_owner = {area.owner: area for area in areas}
    for index, place in enumerate(placement.layers):
        if place.streaming and index > 0:
            continue
        for part in _parts(network, index):
            found = [_reading(network, placement, layers, index, part, by_owner[owner])
                     for owner in _originals(network, part.source) if owner in by_owner]
            if found:
                yield next((reading for reading in found if reading.misread is None), found[0])


def _parts(network: Network, index: int) -> Iterator[_Part]:
    layer = network.layers[index]
    channel, pixel = -layer.channel_skip, -layer.crop[0] * layer.in_dim[1]
    for source in layer.sources:
        if source == BUFFER:
            continue
        channels, (rows, cols) = (network.in_channels, network.in_dim) if source == INPUT else \
            (network.layers[source].out_channels, network.layers[source].out_dim)
        yield _Part(source, channel, channels, pixel)
        if layer.spatial_join:
            pixel += rows * cols
        else:
            channel += channels


def _originals(network: Network, source: int) -> Iterator[int]:
    """A source, and what it is a plain copy of."""
    yield source
    while source >= 0 and _copies(network, network.layers[source]):
        source = network.layers[source].sources[0]
        yield source


def _copies(network: Network, layer: Layer) -> bool:
    """Whether a layer writes what its only source is, unchanged."""
    changes = (layer.convolves, layer.operands > 1, len(layer.sources) > 1, layer.pool.active, layer.channel_skip,
               layer.pool.stride != (1, 1), any(layer.crop), layer.buffer_shift, layer.buffer_insert)
    if any(changes):
        return False
    source = layer.sources[0]
    channels = network.in_channels if source < 0 else network.layers[source].out_channels
    return source != BUFFER and channels == layer.in_channels


def _reading(network: Network, placement: Placement, layers: Sequence[Hardware], index: int, part: _Part,
             area: Area) -> Reading:
    layer, hardware, place = network.layers[index], layers[index], placement.layers[index]
    reading = Reading(index, part.source, area.owner)
    if area.chw:
        wrong = Misread(index, part.source, 0, written(area, 0), None)
        return reading if index == 0 else Reading(index, part.source, area.owner, wrong)
    single = area.dim == (1, 1)
    for channel in range(part.channels):
        joined = part.channel + channel
        if not 0 <= joined < layer.operands * layer.in_channels:
            continue
        spot, here = written(area, channel), read(layer, hardware, place, joined)
        there = Spot(spot.processor, spot.word - part.pixel * spot.step, spot.step)
        if (there.processor, there.word) != (here.processor, here.word) or (there.step != here.step and not single):
            return Reading(index, part.source, area.owner, Misread(index, part.source, channel, there, here))
    return reading


def last_readers(network: Network, placement: Placement, layers: Sequence[Hardware],
                 areas: Sequence[Area]) -> Mapping[int, int | None]:
    """For every tensor (`INPUT`, layers) its last reader; None for outputs. Tensors that nobody reads are left out."""
    readers: dict[int, int | None] = {}
    for index, layer in enumerate(network.layers):
        readers.update(dict.fromkeys((s for s in layer.sources if s != BUFFER), index))
    for reading in readings(network, placement, layers, areas):
        readers[reading.owner] = max(readers.get(reading.owner) or 0, reading.layer)
    readers.update(dict.fromkeys(network.outputs))
    return readers
