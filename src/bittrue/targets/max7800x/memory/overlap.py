"""The proof that no layer overwrites data that are still needed, word by word.

Layers run one after the other; a tensor is needed until its last reader has run, an output of the network to the end.
Streaming layers run together: what lies between them is in circular buffers, which are compared as ranges of words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..hardware import Hardware
from ..network import BUFFER, Network
from ..placement import Placement, instances
from .data import WORD, Area, Place
from .reading import last_readers
from .streaming import Stream


@dataclass(frozen=True)
class Overlap:
    """A layer writes over data that are needed; the first place where it does, in the order of writing."""

    layer: int
    written: Place
    owner: int
    """Whose data these are: a layer, `INPUT` or `BUFFER`."""
    lost: Place
    instance: int
    word: int
    reader: int | None
    """The layer that still needs them; None for an output of the network, or the persistent buffer."""

    @property
    def offset(self) -> int:
        """The byte offset in the data memory instance."""
        return self.word * WORD


@dataclass(frozen=True)
class BufferOverlap:
    """Two circular buffers of streaming layers, or one and the output of the last of them, share words."""

    layer: int
    output: bool
    """Whether it is the layer's output that overlaps, not its buffer."""
    other: int
    """The layer whose buffer it overlaps."""
    words: tuple[int, int]
    """First and last word of the layer's range."""
    others: tuple[int, int]


def first_common(writer: Area, needed: Area) -> tuple[int, int] | None:
    """(instance, word) of the first word that `writer` writes of those of `needed`; None if they have none in common.

    First is the one that is written first: by pixel, then by channel.
    """
    if writer.begin >= needed.end or needed.begin >= writer.end:
        return None
    found = [(int(common[0]), instance) for instance in writer.instances if instance in needed.instances
             and (common := np.intersect1d(writer.words(instance), needed.words(instance), assume_unique=True)).size]
    if not found:
        return None
    word, instance = min(found, key=lambda item: _written(writer, *item))
    return instance, word


def _written(writer: Area, word: int, instance: int) -> tuple[int, int]:
    """When a word is written: its pixel, its channel."""
    place = writer.element(instance, word)
    return (word - writer.base) // writer.pixel_step, place.channel


def overlaps(network: Network, placement: Placement, layers: Sequence[Hardware],
             areas: Sequence[Area]) -> Iterator[Overlap]:
    """Every pair of a layer and a tensor that it damages. `areas` are those of all tensors that lie in memory whole.

    A layer may write over its own input where the placement says so (`overlap_data`).
    """
    readers, streaming = last_readers(network, placement, layers, areas), _streaming(placement)
    for written in (area for area in areas if area.owner >= 0):
        for needed in areas:
            if not _needed(network, placement, readers, needed.owner, written.owner, streaming):
                continue
            common = first_common(written, needed)
            if common is not None:
                instance, word = common
                yield Overlap(written.owner, written.element(instance, word), needed.owner,
                              needed.element(instance, word), instance, word, readers.get(needed.owner))


def _streaming(placement: Placement) -> int:
    """How many layers run together at the start."""
    flags = [place.streaming for place in placement.layers]
    return flags.index(False) if False in flags else len(flags)


def _needed(network: Network, placement: Placement, readers: Mapping[int, int | None], tensor: int, layer: int,
            streaming: int) -> bool:
    """Whether a tensor is needed while, or after, a layer writes."""
    if tensor == BUFFER:
        return not (network.layers[layer].buffer_shift or network.layers[layer].buffer_insert)
    if tensor >= layer or tensor not in readers:
        return False
    reader = readers[tensor]
    if reader is None or reader > layer:
        return True
    together = layer < streaming and reader < streaming  # layers that run at the same time
    return not placement.overlap_data and (reader == layer or together)


def buffer_overlaps(network: Network, placement: Placement, streams: Sequence[Stream | None],
                    areas: Sequence[Area]) -> Iterator[BufferOverlap]:
    """Every pair of circular buffers that overlap, and the last streaming layer's output with buffers.

    Ranges that touch count as overlapping, as the existing loader has it.
    """
    buffers = _buffers(placement, streams)
    for layer, (_, words) in buffers.items():
        for other in (other for other in buffers if other < layer):
            if _meet(buffers[layer], buffers[other]):
                yield BufferOverlap(layer, False, other, words, buffers[other][1])
    if not buffers:
        return
    last = max(buffers)
    area = next((area for area in areas if area.owner == last), None)
    if area is None:
        return
    output = set(area.instances), (area.begin, area.end)
    for other, buffer in buffers.items():
        if _meet(output, buffer):
            yield BufferOverlap(last, True, other, output[1], buffer[1])


_Range = tuple[set[int], tuple[int, int]]
"""Instances, first and last word."""


def _buffers(placement: Placement, streams: Sequence[Stream | None]) -> dict[int, _Range]:
    """The circular buffer of every streaming layer."""
    found: dict[int, _Range] = {}
    for index, (place, stream) in enumerate(zip(placement.layers, streams, strict=True)):
        if stream is not None and stream.buffer is not None:
            begin = place.in_offset // WORD
            found[index] = set(instances(place.processors)), (begin, begin + stream.buffer)
    return found


def _meet(one: _Range, other: _Range) -> bool:
    return bool(one[0] & other[0]) and one[1][0] <= other[1][1] and other[1][0] <= one[1][1]
