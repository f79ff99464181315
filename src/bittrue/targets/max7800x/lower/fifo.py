"""Which channels of the input every FIFO delivers."""

from __future__ import annotations

from dataclasses import dataclass

from ....errors import Unsupported, declare, fail
from ..device import ADDRESSES
from ..feeding import fifo_map
from ..placement import GROUP, Fifo, bits
from ..plan import Max7800xPlan

declare({
    "BT5411": "an input that its FIFO cannot deliver",
})

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
    feeds = fifo_map(plan.placement, plan.device).feeds(plan.placement.chw)
    lanes = [tuple((lane, channels[p]) for lane, p in enumerate(feed) if p in channels) for feed in feeds]
    missing = layer.in_channels - sum(map(len, lanes))
    if missing:
        fail(Unsupported, "BT5411", f"layer {layer.name}", f"{missing} of its {layer.in_channels} input channels are "
             "on processors that the FIFO does not feed", "use processors that it feeds")
    return tuple(FifoFeed(_register(plan, number), mine) for number, mine in enumerate(lanes) if mine)


def fed_processors(plan: Max7800xPlan) -> tuple[int, ...]:
    """The processor of every channel; behind the quad FIFO that of the first group, whose word all groups get."""
    processors = plan.placement.layers[0].processors
    return tuple(bits(processors & FIRST_GROUP if plan.placement.fifo is Fifo.QUAD else processors))


def _register(plan: Max7800xPlan, number: int) -> int:
    name = f"FIFO_WR{number}" if plan.placement.fifo is Fifo.STANDARD else "FAST_DR"
    return ADDRESSES[plan.device.name].register(name)
