"""The FIFOs: what software pushed, and where it goes in the data memories."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from ..device import Device
from .memories import Words

FAST = 4
"""Number of the fast FIFO; 0 to 3 are the standard ones."""

BYTE = np.uint32(0xFF)


@dataclass(frozen=True)
class Routing:
    """How the words of FIFOs are spread: settings of the control registers."""

    fifos: tuple[int, ...]
    """FIFOs in use."""
    words: int
    """Words of one input, in each."""
    chw: bool
    grouped: bool
    """Fast FIFO: all bytes of a word go to the first four processors."""
    quad: bool
    """Every group gets the same input."""


@dataclass
class Fifos:
    """Words that were pushed and not taken yet."""

    queues: tuple[deque[int], ...] = field(default_factory=lambda: tuple(deque() for _ in range(FAST + 1)))

    def push(self, number: int, value: int) -> None:
        """Push one word."""
        self.queues[number].append(value)

    def ready(self, routing: Routing) -> bool:
        """Whether a whole input is there."""
        if not routing.fifos or not routing.words:
            return False
        return all(len(self.queues[n]) >= routing.words for n in routing.fifos)

    def take(self, device: Device, routing: Routing) -> Iterator[tuple[int, Words, np.uint32]]:
        """The words of one input: data memory instance, words, and a mask of the bytes that belong to it."""
        for number in routing.fifos:
            queue = self.queues[number]
            words = np.array([queue.popleft() for _ in range(routing.words)], np.uint32)
            yield from _spread(device, routing, number, words)


def _spread(device: Device, routing: Routing, number: int, words: Words) -> Iterator[tuple[int, Words, np.uint32]]:
    per_group = device.group_processors // device.shared
    every = np.uint32(0xFFFFFFFF)
    if number != FAST:
        yield number * per_group, words, every
    elif routing.quad:
        for group in range(device.groups):
            yield group * per_group, words, every
    elif routing.grouped or routing.chw:
        yield 0, words, every
    else:
        for group in range(device.groups):
            yield group * per_group, words >> np.uint32(8 * group) & BYTE, BYTE
