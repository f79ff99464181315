"""A run's events in time, and as a file in the Trace Event format that Perfetto opens (a cycle is a microsecond)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from . import columns as c
from .state import State
from .traps import core_name

WAITS = {c.WAITS_EVENT: "wait for event", c.WAITS_BARRIER: "barrier", c.WAITS_MUTEX: "wait for mutex",
         c.WAITS_DISPATCH: "wait for work", c.WAITS_INTERRUPT: "wait for interrupt"}
TRACKS = {"L2 to L1": 100, "L1 to L2": 101, "L3 to L2": 102, "L2 to L3": 103}


@dataclass(frozen=True)
class Entry:
    """Something that lasted from cycle `begin` to `end`: on which track, and what."""

    track: str
    name: str
    begin: int
    end: int

    @property
    def cycles(self) -> int:
        """How long."""
        return self.end - self.begin


def entries(state: State, names: Mapping[int, str]) -> tuple[Entry, ...]:
    """What the run's log holds, in the order in which it ended."""
    return tuple(_entry(kind, core, begin, end, number, names)
                 for kind, core, begin, end, number in state.log[:int(state.status[c.LOG_COUNT])].tolist())


def _entry(kind: int, core: int, begin: int, end: int, number: int, names: Mapping[int, str]) -> Entry:
    if kind == c.LOG_REGION:
        return Entry(core_name(core), names.get(number, f"region {number}"), begin, end)
    if kind == c.LOG_WAIT:
        return Entry(core_name(core), WAITS[number], begin, end)
    inwards, outwards = ("L2 to L1", "L1 to L2") if kind == c.LOG_DMA else ("L3 to L2", "L2 to L3")
    return Entry(outwards if number & 1 else inwards, f"{number >> 1} bytes", begin, end)


def write_trace(found: Iterable[Entry], path: Path) -> None:
    """Write entries as a Trace Event file."""
    tracks: dict[str, int] = {}
    events = []
    for entry in found:
        thread = tracks.setdefault(entry.track, TRACKS.get(entry.track, len(tracks)))
        events.append({"name": entry.name, "ph": "X", "pid": 1, "tid": thread, "ts": entry.begin, "dur": entry.cycles})
    named = [{"name": "thread_name", "ph": "M", "pid": 1, "tid": thread, "args": {"name": track}}
             for track, thread in tracks.items()]
    path.write_text(json.dumps({"traceEvents": named + events}))
