"""The words of an input, as software writes them: into data memory before the start, or into FIFOs while it runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from ....errors import Diagnostics, Unsupported, declare
from ....ir import IntArray
from ..device import ADDRESSES, Device
from ..device.fifos import Feeds
from ..memory import Area
from ..memory.data import input_area
from ..network import DATA_BITS
from ..placement import GROUP, Fifo, bits
from ..plan import Max7800xPlan
from ..program import InputBlock, Words
from .words import BYTE, four_pixels, row_values, rows

declare({
    "BT5411": "an input that its FIFO cannot deliver",
})

BEYOND_FIRST = 0b1110
"""Processors 1 to 3: with one of them in use the fast FIFO feeds the first four."""


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
    feeds, homes = _feeds(plan), _homes(plan)
    channels = {processor: channel for channel, processor in enumerate(homes)}
    problems, fed = Diagnostics(), [[(lane, channels[p]) for lane, p in enumerate(f) if p in channels] for f in feeds]
    missing = sample.shape[0] - sum(map(len, fed))
    if missing:
        problems.add("BT5411", f"layer {plan.network.layers[0].name}", f"{missing} of its {sample.shape[0]} input "
                     "channels are on processors that the FIFO does not feed", "use processors that it feeds")
    problems.raise_as(Unsupported)
    pixels = sample.reshape(sample.shape[0], -1).astype(np.uint32) & np.uint32(BYTE)
    for number, lanes in enumerate(fed):
        if lanes:
            words = _word_of_pixels(pixels, lanes) if plan.placement.chw else _word_of_channels(pixels, lanes)
            yield InputBlock(_label([channel for _, channel in lanes]), _data_register(plan, number), words, 0)


def _homes(plan: Max7800xPlan) -> list[int]:
    """The processor of every channel; behind the quad FIFO the one of the first group, whose word all groups get."""
    processors = plan.placement.layers[0].processors
    if plan.placement.fifo is Fifo.QUAD:
        processors &= (1 << GROUP) - 1
    return list(bits(processors))


def _feeds(plan: Max7800xPlan) -> Feeds:
    """The processors of every FIFO. The fast FIFO's bytes go to the first four processors, or to one of each group."""
    device, chw = plan.device, plan.placement.chw
    if plan.placement.fifo is Fifo.STANDARD:
        return device.fifo.feeds(chw)
    spread = plan.placement.fifo is Fifo.FAST and spreads(plan.placement.layers[0].processors)
    return (device.fast_fifo_spread if spread else device.fast_fifo).feeds(chw)


def spreads(processors: int) -> bool:
    """Whether the fast FIFO gives one byte to every group (`CTL.fifogrp` is not set), by the first layer's map.

    >>> spreads(0b111), spreads(0x1_0001_0001), spreads(1)
    (False, True, False)
    """
    return processors != 1 and not processors & BEYOND_FIRST


def _data_register(plan: Max7800xPlan, number: int) -> int:
    name = f"FIFO_WR{number}" if plan.placement.fifo is Fifo.STANDARD else "FAST_DR"
    return ADDRESSES[plan.device.name].register(name)


def _word_of_channels(pixels: Words, lanes: list[tuple[int, int]]) -> Words:
    """One word for a pixel: a channel in every byte."""
    words = np.zeros(pixels.shape[1], np.uint32)
    for lane, channel in lanes:
        words |= pixels[channel] << np.uint32(lane * DATA_BITS)
    return words


def _word_of_pixels(pixels: Words, lanes: list[tuple[int, int]]) -> Words:
    """One word for four pixels of a FIFO's only channel."""
    words: Words = four_pixels(pixels[[channel for _, channel in lanes]])[0]
    return words
