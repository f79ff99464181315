"""What a run's timeline and regions tell about layers: their cycles, and how much of the DMA's time is hidden."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .simulate import ClusterResult, Entry

Span = tuple[int, int]

NEAR, FAR = ("L2 to L1", "L1 to L2"), ("L3 to L2", "L2 to L3")
WAIT = "wait for event"
"""What the leader does when data have not arrived."""
LEADER = "core 7"


@dataclass(frozen=True)
class Overlap:
    """Of one layer, in cycles."""

    busy: int
    """The DMA moves bytes between L2 and L1, in one direction or both."""
    external: int
    """Bytes move between L3 and L2."""
    waiting: int
    """The leader, and with it all other cores, waits for either."""

    def is_compute_bound(self, cycles: int) -> bool:
        """Whether a layer of as many cycles could hide all transfers: they take less than half of its time."""
        return cycles > 2 * max(self.busy, self.external)

    @property
    def hidden(self) -> float:
        """Share of the DMA's time in which the cores compute, 0 to 1."""
        return 1 - min(self.waiting, self.busy) / self.busy if self.busy else 1.0


def overlaps(timeline: Sequence[Entry], names: Iterable[str]) -> Mapping[str, Overlap]:
    """For every layer that the leader marked in the timeline."""
    wanted = set(names)
    near, far = (merged((entry.begin, entry.end) for entry in timeline if entry.track in tracks)
                 for tracks in (NEAR, FAR))
    waits = merged((entry.begin, entry.end) for entry in timeline
                   if entry.track == LEADER and entry.name == WAIT)
    layers = {entry.name: (entry.begin, entry.end) for entry in timeline
              if entry.track == LEADER and entry.name in wanted}
    return {name: Overlap(*(within(spans, span) for spans in (near, far, waits))) for name, span in layers.items()}


def merged(spans: Iterable[Span]) -> list[Span]:
    """Their union, in order.

    >>> merged([(4, 6), (0, 2), (5, 9)])
    [(0, 2), (4, 9)]
    """
    found: list[Span] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((begin, end))
    return found


def within(spans: Iterable[Span], frame: Span) -> int:
    """Cycles of a union that lie in a frame.

    >>> within([(0, 2), (4, 9)], (1, 6))
    3
    """
    return sum(max(0, min(end, frame[1]) - max(begin, frame[0])) for begin, end in spans)


def layer_times(result: ClusterResult) -> dict[int, tuple[int, dict[str, int]]]:
    """Cycles of every layer, and the stalls of all cores by cause."""
    found = {}
    for region in result.regions:
        stalls: dict[str, int] = {}
        for core in region.cores:
            for cause, cycles in core.stalls.items():
                stalls[cause] = stalls.get(cause, 0) + cycles
        found[region.number] = region.cycles, stalls
    return found
