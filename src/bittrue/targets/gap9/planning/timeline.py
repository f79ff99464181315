"""When things happen, by the model: steps in the order of the protocol, both directions of the DMA, the L3.

A step's stores are counted as started at its end, which is a barrier earlier than the protocol has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from ..program import Area, Staging, Step, Transfer
from .commands import BEAT, Rows
from .cost import STEP

ISSUE = 13
"""Cycles in which core 0 writes one command."""
ENGINE = 7
"""Cycles from a command's last word until its bytes move (`dma_start` of the simulator)."""
L3_START = 13
"""Cycles before the bytes of a transfer with L3, of which one moves in a cycle (`l3_start`, `l3_cycles`)."""
TABLE_CYCLES = 45
"""Of the DMA, for a step's table."""


def transfer_cycles(transfer: Transfer) -> int:
    """Cycles of the DMA engine for a command."""
    if transfer.area is Area.STEPS:
        return TABLE_CYCLES
    return _rows_cycles(transfer.far % BEAT, transfer.size, transfer.length, transfer.stride)


@lru_cache(4096)
def _rows_cycles(offset: int, size: int, length: int, stride: int) -> int:
    return Rows(offset, size, length, stride).cycles


@dataclass
class Clock:
    """The time of core 0, and when the engines are done with what they were given."""

    now: int = 0
    inward: int = 0
    outward: int = 0
    external: int = 0
    stored: list[int] = field(default_factory=list)
    staged: list[int] = field(default_factory=list)

    def wait(self, moment: int) -> None:
        """Go on no earlier than at a moment."""
        self.now = max(self.now, moment)

    def load(self, transfers: Sequence[Transfer]) -> None:
        """Start loads."""
        for transfer in transfers:
            self.now += ISSUE
            self.inward = max(self.now + ENGINE, self.inward) + transfer_cycles(transfer)

    def store(self, transfers: Sequence[Transfer]) -> None:
        """Start a step's stores."""
        for transfer in transfers:
            self.now += ISSUE
            self.outward = max(self.now + ENGINE, self.outward) + transfer_cycles(transfer)
        self.stored.append(self.outward)

    def stage(self, transfers: Sequence[Staging]) -> None:
        """Start transfers with L3."""
        for transfer in transfers:
            self.now += ISSUE
            self.external = max(self.now, self.external) + L3_START + transfer.size
            self.staged.append(self.external)


def exposed_cycles(steps: Sequence[Step], cycles: Sequence[int]) -> list[int]:
    """Of every layer's cycles those in which no kernel runs, because data are on their way."""
    exposed = list(cycles)
    for step in steps:
        exposed[step.layer] -= step.compute + STEP
    return [max(0, waiting) for waiting in exposed]


def moving_cycles(steps: Sequence[Step], layers: int) -> list[int]:
    """By layer: cycles in which transfers move bytes while it runs, of the DMA or with L3, whichever is more."""
    near, far = [0] * layers, [0] * layers
    for index, step in enumerate(steps):
        before, behind = steps[max(0, index - 1)], steps[min(index + 1, len(steps) - 1)]
        for layer, transfers in ((before.layer, step.early), (step.layer, step.late), (behind.layer, step.stores)):
            near[layer] += sum(map(transfer_cycles, transfers))
        far[step.layer] += sum(L3_START + transfer.size for transfer in step.staging)
    return [max(both) for both in zip(near, far, strict=True)]


def layer_cycles(steps: Sequence[Step], layers: int) -> tuple[int, ...]:
    """Cycles of every layer, from the end of the one before to its own."""
    clock, spent = Clock(), [0] * layers
    for index, step in enumerate(steps):
        begin = clock.now
        _step(clock, steps, index)
        if index + 1 == len(steps):
            clock.wait(clock.outward)
        spent[step.layer] += clock.now - begin
    return tuple(spent)


def _step(clock: Clock, steps: Sequence[Step], index: int) -> None:
    step = steps[index]
    if index == 0:
        clock.stage(step.staging)
        clock.wait(clock.staged[step.staged - 1] if step.staged else 0)
        clock.load(step.early)
    clock.wait(clock.inward)
    clock.wait(clock.stored[index - 2] if index > 1 else 0)
    clock.wait(clock.staged[step.staged - 1] if step.staged else 0)
    if step.late:
        clock.wait(clock.stored[-1] if clock.stored else 0)
        clock.load(step.late)
        clock.wait(clock.inward)
    if index:
        clock.stage(step.staging)
    if index + 1 < len(steps):
        clock.load(steps[index + 1].early)
    clock.now += step.compute + STEP
    clock.store(step.stores)
