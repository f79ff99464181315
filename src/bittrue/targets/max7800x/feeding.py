"""Which FIFO map serves a placement."""

from __future__ import annotations

from .device import Device, FifoMap
from .placement import Fifo, Placement

BEYOND_FIRST = 0b1110
"""Processors 1 to 3: with one of them in use the fast FIFO feeds the first four."""


def spreads(processors: int) -> bool:
    """Whether the fast FIFO gives one byte to every group (`CTL.fifogrp` is not set), by the first layer's map.

    >>> spreads(0b111), spreads(0x1_0001_0001), spreads(1)
    (False, True, False)
    """
    return processors != 1 and not processors & BEYOND_FIRST


def fifo_map(placement: Placement, device: Device) -> FifoMap:
    """What the FIFOs feed. The fast FIFO's bytes go to the first four processors, or to one of each group; those of the
    quad FIFO to the first four of every group, see `fed`."""
    if placement.fifo is Fifo.STANDARD:
        return device.fifo
    spread = placement.fifo is Fifo.FAST and spreads(placement.layers[0].processors)
    return device.fast_fifo_spread if spread else device.fast_fifo


def fed(placement: Placement, device: Device) -> int:
    """Map of the processors that a placement's FIFOs feed."""
    first = fifo_map(placement, device).processors(placement.chw)
    if placement.fifo is not Fifo.QUAD:
        return first
    return sum(first << group * device.group_processors for group in range(device.groups))
