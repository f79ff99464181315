"""Timelines in the Trace Event format, which Perfetto (ui.perfetto.dev) and chrome://tracing open."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..targets.systolic.timeline import Span

PROCESS = 1
UNIT = "1 cycle is shown as 1 us"
"""The format knows only microseconds."""


def trace_bytes(name: str, tracks: Sequence[str], spans: Iterable[Span]) -> bytes:
    """The file: one track per name in `tracks`, in this order; one line per event; equal bytes for equal spans."""
    events = (*_names(name, tracks), *_events(tracks, spans))
    lines = ",\n".join(json.dumps(event, separators=(",", ":")) for event in events)
    head = json.dumps({"network": name, "unit": UNIT})
    return f'{{"otherData": {head}, "traceEvents": [\n{lines}\n]}}\n'.encode()


def _names(name: str, tracks: Sequence[str]) -> Iterator[dict[str, Any]]:
    yield _metadata("process_name", 0, name=f"{name} ({UNIT})")
    for number, track in enumerate(tracks, 1):
        yield _metadata("thread_name", number, name=track)
        yield _metadata("thread_sort_index", number, sort_index=number)


def _metadata(kind: str, thread: int, **args: str | int) -> dict[str, Any]:
    return {"name": kind, "ph": "M", "pid": PROCESS, "tid": thread, "args": args}


def _events(tracks: Sequence[str], spans: Iterable[Span]) -> Iterator[dict[str, Any]]:
    """Complete events (X); what takes no time is an instant (i)."""
    threads = {track: number for number, track in enumerate(tracks, 1)}
    for span in spans:
        length = {"ph": "X", "dur": span.cycles} if span.cycles else {"ph": "i", "s": "t"}
        yield {"name": span.name, "ts": span.start, **length, "pid": PROCESS, "tid": threads[span.track],
               **({"args": span.args} if span.args else {})}
