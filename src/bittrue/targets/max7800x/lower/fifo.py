"""Which channels of the input every FIFO delivers."""

from __future__ import annotations

from dataclasses import dataclass

from ....errors import Unsupported, declare, fail
from ..device import ADDRESSES
from ..device.fifos import Feeds
from ..placement import GROUP, Fifo, bits
from ..plan import Max7800xPlan

declare({
    "BT5411": "an input that its FIFO cannot deliver",
})

BEYOND_FIRST = 0b1110
"""Processors 1 to 3: with one of them in use the fast FIFO feeds the first four."""

FIRST_GROUP = (1 << GROUP) - 1


@dataclass(frozen=True)
class FifoFeed:
    """One FIFO in use."""

    register: int
    """Address of its data register."""
    lanes: tuple[tuple[int, int], ...]
    """(byte of a word, channel); in CHW the only channel, which has all bytes."""


def fifo_feeds(plan: Max7800xPlan) -> tuple[FifoFeed, ...]:
    """The FIFOs that feed the first layer. Raises `Unsupported` (BT5411) when they do not feed all of its channels."""
    layer = plan.network.layers[0]
    channels = {processor: channel for channel, processor in enumerate(fed_processors(plan))}
    lanes = [tuple((lane, channels[p]) for lane, p in enumerate(feed) if p in channels) for feed in _feeds(plan)]
    missing = layer.in_channels - sum(map(len, lanes))
    if missing:
        fail(Unsupported, "BT5411", f"layer {layer.name}", f"{missing} of its {layer.in_channels} input channels are "
             "on processors that the FIFO does not feed", "use processors that it feeds")
    return tuple(FifoFeed(_register(plan, number), mine) for number, mine in enumerate(lanes) if mine)


def fed_processors(plan: Max7800xPlan) -> tuple[int, ...]:
    """The processor of every channel; behind the quad FIFO that of the first group, whose word all groups get."""
    processors = plan.placement.layers[0].processors
    return tuple(bits(processors & FIRST_GROUP if plan.placement.fifo is Fifo.QUAD else processors))


def spreads(processors: int) -> bool:
    """Whether the fast FIFO gives one byte to every group (`CTL.fifogrp` is not set), by the first layer's map.

    >>> spreads(0b111), spreads(0x1_0001_0001), spreads(1)
    (False, True, False)
    """
    return processors != 1 and not processors & BEYOND_FIRST


def _feeds(plan: Max7800xPlan) -> Feeds:
    """The processors of every FIFO. The fast FIFO's bytes go to the first four processors, or to one of each group."""
    device, chw = plan.device, plan.placement.chw
    if plan.placement.fifo is Fifo.STANDARD:
        return device.fifo.feeds(chw)
    spread = plan.placement.fifo is Fifo.FAST and spreads(plan.placement.layers[0].processors)
    return (device.fast_fifo_spread if spread else device.fast_fifo).feeds(chw)


def _register(plan: Max7800xPlan, number: int) -> int:
    name = f"FIFO_WR{number}" if plan.placement.fifo is Fifo.STANDARD else "FAST_DR"
    return ADDRESSES[plan.device.name].register(name)
