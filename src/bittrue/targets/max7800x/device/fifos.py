"""Which processors a FIFO feeds, by data format. The same on both chips."""

from __future__ import annotations

from dataclasses import dataclass

Feeds = tuple[tuple[int, ...], ...]
"""Per FIFO the processors that its words go to: the one of byte 0, of byte 1, ..."""


@dataclass(frozen=True)
class FifoMap:
    """FIFOs for the input of the first layer. In CHW all four bytes of a word go to one processor, in order."""

    hwc: Feeds
    chw: Feeds

    def feeds(self, chw: bool) -> Feeds:
        """The processors of every FIFO."""
        return self.chw if chw else self.hwc

    def processors(self, chw: bool) -> int:
        """Map (bit p: processor p) of all processors that can get their input from a FIFO.

        >>> f"{STANDARD_FIFO.processors(chw=False):016x} {STANDARD_FIFO.processors(chw=True):016x}"
        '000f000f000f000f 0001000100010001'
        """
        return sum(1 << processor for fifo in self.feeds(chw) for processor in fifo)

    def channels(self, chw: bool) -> int:
        """Input channels at most.

        >>> FAST_FIFO.channels(chw=False), FAST_FIFO.channels(chw=True)
        (4, 1)
        """
        return sum(map(len, self.feeds(chw)))


_FIRST = (0, 16, 32, 48)
STANDARD_FIFO = FifoMap(hwc=tuple(tuple(range(first, first + 4)) for first in _FIRST),
                        chw=tuple((first,) for first in _FIRST))
"""Four FIFOs, one per group, written by either core."""

FAST_FIFO = FifoMap(hwc=((0, 1, 2, 3),), chw=((0,),))
"""One FIFO, written by the RISC-V core, with `CTL.fifogrp`."""

FAST_FIFO_SPREAD = FifoMap(hwc=(_FIRST,), chw=((0,),))
"""The fast FIFO without `CTL.fifogrp`: byte n goes to the first processor of group n."""
