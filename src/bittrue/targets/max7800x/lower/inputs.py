"""The words of an input, as software writes them: into data memory before the start, or into FIFOs while it runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from ....ir import IntArray
from ..device import ADDRESSES, Device
from ..memory import Area
from ..memory.data import buffer_area, input_area
from ..network import DATA_BITS
from ..placement import Fifo
from ..plan import Max7800xPlan
from ..program import InputBlock, Words
from .fifo import FifoFeed, fifo_feeds
from .words import BYTE, four_pixels, row_values, rows


def input_blocks(plan: Max7800xPlan, sample: IntArray) -> list[InputBlock]:
    """The words of a sample (C, H, W) or (C, L) of integers of 8 bits.

    For data memory one block for every instance, from its first word to its last; in CHW one for every channel. For
    FIFOs one block for each that is in use. Bytes without a channel are 0. Raises `Unsupported` (BT5411).
    """
    if plan.placement.fifo is Fifo.NONE:
        area = input_area(plan.network, plan.placement, plan.maps.layers[0])
        return list(_channel_blocks(area, sample, plan.device) if area.chw else
                    _instance_blocks(area, sample, plan.device))
    return list(_fifo_blocks(plan, sample))


def buffer_blocks(plan: Max7800xPlan, content: IntArray) -> list[InputBlock]:
    """The words of the buffer that persists between inferences, (C, rows): what it holds before the first one."""
    area = None if plan.placement.buffer is None else buffer_area(plan.network, plan.placement.buffer)
    if area is None or plan.network.buffer is None:
        return []
    blocks = _instance_blocks(area, content, plan.device)
    return [replace(block, label=f"data buffer {plan.network.buffer.name}, {block.label}") for block in blocks]


def _channel_blocks(area: Area, sample: IntArray, device: Device) -> Iterator[InputBlock]:
    values, _ = row_values(area, sample)
    for row, words in zip(rows(area), values, strict=True):
        channels = [channel for channel, _ in row.lanes]
        yield InputBlock(_label(channels), _address(device, row.instance, area.base), words)


def _instance_blocks(area: Area, sample: IntArray, device: Device) -> Iterator[InputBlock]:
    """All pixels, passes and operands of an instance, which are neighbours."""
    values, _ = row_values(area, sample)
    parts, pixels = rows(area), area.dim[0] * area.dim[1]
    for instance in area.instances:
        words = np.zeros((pixels, area.pixel_step), np.uint32)
        mine = [(index, row) for index, row in enumerate(parts) if row.instance == instance]
        for index, row in mine:
            words[:, row.offset - area.base] = values[index]
        channels = sorted(channel for _, row in mine for channel, _ in row.lanes)
        yield InputBlock(_label(channels), _address(device, instance, area.base), words.reshape(-1))


def _address(device: Device, instance: int, word: int) -> int:
    return ADDRESSES[device.name].data(instance * device.shared, word * 4)


def _label(channels: Iterable[int]) -> str:
    """Which channels, in words.

    >>> _label([4]), _label([0, 1, 2, 3]), _label([0, 1, 64, 65, 66])
    ('channel 4', 'channels 0 to 3', 'channels 0 to 1, 64 to 66')
    """
    runs: list[list[int]] = []
    for channel in channels:
        if runs and channel == runs[-1][-1] + 1:
            runs[-1].append(channel)
        else:
            runs.append([channel])
    text = ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
    return f"channel{'s' if sum(map(len, runs)) > 1 else ''} {text}"


def _fifo_blocks(plan: Max7800xPlan, sample: IntArray) -> Iterator[InputBlock]:
    """One block for every FIFO that feeds a processor of the first layer."""
    pixels = sample.reshape(sample.shape[0], -1).astype(np.uint32) & np.uint32(BYTE)
    for feed in fifo_feeds(plan):
        channels = [channel for _, channel in feed.lanes]
        words = four_pixels(pixels[channels])[0] if plan.placement.chw else _word_of_channels(pixels, feed)
        yield InputBlock(_label(channels), feed.register, words, 0)


def _word_of_channels(pixels: Words, feed: FifoFeed) -> Words:
    """One word for a pixel: a channel in every byte."""
    words = np.zeros(pixels.shape[1], np.uint32)
    for lane, channel in feed.lanes:
        words |= pixels[channel] << np.uint32(lane * DATA_BITS)
    return words
