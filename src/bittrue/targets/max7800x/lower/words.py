"""The words of data memory that hold a tensor: which word, its value, and which of its bits are the tensor's.

Words count over all instances: instance * words of an instance + word in the instance. They come in the order of
writing: pixel by pixel (in CHW four pixels at a time), pass by pass, and then by operand, instance and 32-bit value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ....ir import IntArray
from ..device import Device
from ..memory import Area
from ..memory.data import WORD
from ..network import DATA_BITS
from ..placement import SHARED
from ..program import Words

BYTE = (1 << DATA_BITS) - 1
WHOLE = 0xFFFF_FFFF


class DataWords(NamedTuple):
    """Words in the order of writing; all three have one entry for every word."""

    words: npt.NDArray[np.int64]
    values: Words
    masks: Words
    """The bits that belong to the tensor; the others are 0 in `values`."""


@dataclass(frozen=True)
class Row:
    """The words that several channels share: one word a pixel (in CHW one for four pixels)."""

    instance: int
    offset: int
    """The word of the first pixel, in the instance."""
    lanes: tuple[tuple[int, int], ...]
    """(channel, byte of the word); a single channel in CHW and in 32 bits."""


def rows(area: Area) -> tuple[Row, ...]:
    """All rows of a tensor, in the order in which the words of one pixel are written."""
    found: dict[tuple[int, int, int, int], list[tuple[int, int]]] = {}
    for channel in range(area.channels):
        number, processor = area.home(channel)
        instance, lane = divmod(processor, SHARED)
        for operand in range(1 if area.wide else area.width):
            inner = lane if area.wide else operand
            key = number, 0 if area.wide else operand, instance, inner
            found.setdefault(key, []).append((channel + operand * area.channels, lane))
    return tuple(Row(instance, area.base + number * area.pass_step + inner, tuple(lanes))
                 for (number, _, instance, inner), lanes in sorted(found.items()))


class Ring(NamedTuple):
    """A circular buffer: its first word in every instance, and how many words it has."""

    begin: int
    words: int


def tensor_words(area: Area, tensor: IntArray, device: Device, ring: Ring | None = None) -> DataWords:
    """The words of a tensor (C, H, W), (C, L) or (C,) of integers; of an input with operands all their channels.

    Pixels that are written before the tensor's first one and behind its last one mean nothing and are left out. Words
    behind the end of a circular buffer are back at its start.
    """
    values, masks = row_values(area, tensor)
    parts, pixels = rows(area), np.arange(values.shape[1], dtype=np.int64) * area.pixel_step
    inner = pixels[:, None] + np.array([row.offset for row in parts], np.int64)
    if ring is not None:
        inner = ring.begin + (inner - ring.begin) % ring.words
    words = inner + np.array([row.instance * device.data.words for row in parts], np.int64)
    return DataWords(words.reshape(-1), values.T.reshape(-1), masks.T.reshape(-1))


def tensor_at(area: Area, data: Words) -> IntArray:
    """The tensor (C, pixels) of 8-bit values that lies in the data memories (instances, words)."""
    pixels = area.base + np.arange(area.dim[0] * area.dim[1], dtype=np.int64) * area.pixel_step
    tensor = np.zeros((area.channels, len(pixels)), np.int64)
    for row in rows(area):
        words = data[row.instance, pixels - area.base + row.offset]
        for channel, lane in row.lanes:
            tensor[channel] = (words >> np.uint32(lane * DATA_BITS)).astype(np.uint8).view(np.int8)
    return tensor


def row_values(area: Area, tensor: IntArray) -> tuple[Words, Words]:
    """(rows, words) of the values and of the masks, rows as `rows` has them."""
    pixels = tensor.reshape(tensor.shape[0], -1).astype(np.uint32)
    if area.chw:
        return _chw_values(area, pixels)
    parts = rows(area)
    if area.wide:
        values = pixels[[row.lanes[0][0] for row in parts]]
        return values, np.full(values.shape, WHOLE, np.uint32)
    values, mask = np.zeros((len(parts), pixels.shape[1]), np.uint32), np.zeros(len(parts), np.uint32)
    for lane in range(SHARED):
        held = [(index, channel) for index, row in enumerate(parts) for channel, own in row.lanes if own == lane]
        if held:
            index, channel = (list(side) for side in zip(*held, strict=True))
            values[index] |= (pixels[channel] & np.uint32(BYTE)) << np.uint32(lane * DATA_BITS)
            mask[index] |= np.uint32(BYTE << lane * DATA_BITS)
    return values, np.broadcast_to(mask[:, None], values.shape)


def _chw_values(area: Area, pixels: Words) -> tuple[Words, Words]:
    """CHW: four neighbouring pixels of a channel make a word."""
    order = [row.lanes[0][0] for row in rows(area)]
    there = np.full((len(order), pixels.shape[1]), BYTE, np.uint32)
    return four_pixels(pixels[order] & np.uint32(BYTE)), four_pixels(there)


def four_pixels(values: Words) -> Words:
    """Bytes (rows, pixels) as (rows, words), the first pixel in the low bits; missing ones are 0."""
    missing = -values.shape[1] % WORD
    parts = np.pad(values, ((0, 0), (0, missing))).reshape(values.shape[0], -1, WORD)
    shifts = np.arange(WORD, dtype=np.uint32) * np.uint32(DATA_BITS)
    joined: Words = np.bitwise_or.reduce(parts << shifts, axis=2)
    return joined
