"""When the array does what, from the plan: spans of cycles on one track per resource.

A layer's cycles are cut into chunks: one per output tile, or one per pass. Within a chunk the phases of its passes are
added up, so that the lengths of the spans on every track are the plan's numbers however it is cut. Only cut into passes
every span is where it happens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import prod

from ...errors import Unsupported, declare, fail
from ...ir import Graph
from .memory import source_shape
from .plan import LayerPlan, SystolicPlan
from .schedule import START, Overlapped, Plain, Work
from .tiles import Tile

declare({"BT5151": "a timeline would be too long"})

LAYERS, TILES, STREAM, LOADS, STALLS, DRAIN, HOST = TRACKS = (
    "layers", "output tiles", "array: positions stream", "weights arrive", "stalls", "gather and drain",
    "host loads (their time is not counted)")
"""One per resource, from top to bottom."""
MOST_CHUNKS = 400_000

Args = Mapping[str, int | str]


@dataclass(frozen=True)
class Span:
    """What a resource does in cycles `start`..`start + cycles`-1."""

    track: str
    name: str
    start: int
    cycles: int
    args: Args = field(default_factory=dict)


@dataclass(frozen=True)
class Chunk:
    """Passes of a layer that follow each other; `gathers` counts the input tiles that end in it."""

    name: str
    passes: int
    gathers: int
    is_last: bool
    """Whether the layer ends with it."""


@dataclass(frozen=True)
class Phase:
    """Cycles behind those of the phase before; a phase `beside` begins together with the next one."""

    track: str
    name: str
    cycles: int
    beside: bool = False


def _overlapped(work: Work, chunk: Chunk) -> Iterator[Phase]:
    """The weights of a pass arrive during the pass before."""
    prepared = chunk.passes - chunk.is_last
    yield Phase(LOADS, "weights", prepared * work.loads, beside=True)
    yield Phase(STREAM, chunk.name, chunk.passes * work.n_out)
    yield Phase(STALLS, "weights", prepared * (work.pass_cycles - work.n_out))


def _plain(work: Work, chunk: Chunk) -> Iterator[Phase]:
    """One thing after the other."""
    yield Phase(LOADS, "weights", chunk.passes * work.loads, beside=True)
    yield Phase(STALLS, "weights", chunk.passes * work.loads)
    yield Phase(STREAM, chunk.name, chunk.passes * work.n_nij)
    yield Phase(STALLS, "array", chunk.passes * work.latency)
    yield Phase(DRAIN, "gather", chunk.gathers * work.n_kij * work.n_out)


PHASES = {Overlapped.name: _overlapped, Plain.name: _plain}
"""By schedule."""


def timeline(graph: Graph, plan: SystolicPlan, *, by_pass: bool = False) -> Iterator[Span]:
    """All spans of one sample, layer by layer. Raises `Unsupported` (BT5151) when there are too many."""
    chunks = sum(layer.work.passes if by_pass else layer.work.out_tiles for layer in plan.layers)
    if chunks > MOST_CHUNKS:
        unit = "passes" if by_pass else "output tiles"
        fail(Unsupported, "BT5151", f"graph {graph.name}", f"it has {chunks:,} {unit}, {MOST_CHUNKS:,} can be shown",
             "leave --passes out, or use a larger array")
    return _spans(graph, plan, by_pass)


def _spans(graph: Graph, plan: SystolicPlan, by_pass: bool) -> Iterator[Span]:
    begin = 0
    for layer in plan.layers:
        yield Span(LAYERS, layer.name, begin, layer.cycles.total, _args(layer))
        for load in layer.loads:  # between the two cycles of the start
            yield Span(HOST, load.source.tensor, begin + 1, 0, {"values": prod(source_shape(graph, load.source))})
        yield from _LayerSpans(layer, PHASES[plan.options.schedule], plan.options.how.overlapped, begin).all(by_pass)
        begin += layer.cycles.total


def _args(layer: LayerPlan) -> Args:
    return {"op": layer.lowered.layer.kind, "macs": layer.lowered.layer.macs, "passes": layer.work.passes,
            "utilization": f"{layer.utilization:.4f}", **layer.cycles.stalls()}


@dataclass
class _LayerSpans:
    """Puts the phases of a layer one after the other."""

    layer: LayerPlan
    phases: Callable[[Work, Chunk], Iterator[Phase]]
    overlapped: bool
    now: int

    def all(self, by_pass: bool) -> Iterator[Span]:
        work = self.layer.work
        yield from self._placed([Phase(STALLS, "start", START)])
        if self.overlapped:  # no pass before the first one hides its weights
            yield from self._placed([Phase(LOADS, "weights", work.loads, beside=True),
                                     Phase(STALLS, "weights", work.loads)])
        for number, tile in enumerate(self.layer.tiles):
            begin, is_last = self.now, number == len(self.layer.tiles) - 1
            for chunk in _chunks(tile, number, work, is_last, by_pass):
                yield from self._placed(self.phases(work, chunk))
            channels = f"{tile.outputs.start}..{tile.outputs.stop - 1}"
            yield Span(TILES, f"output tile {number}", begin, self.now - begin,
                       {"channels": channels, "input tiles": tile.steps, "passes": tile.steps * work.n_kij})
        yield from self._placed([Phase(DRAIN, "drain", self.layer.cycles.drain)])

    def _placed(self, phases: Iterable[Phase]) -> Iterator[Span]:
        for phase in phases:
            if phase.cycles:
                yield Span(phase.track, phase.name, self.now, phase.cycles)
            self.now += 0 if phase.beside else phase.cycles


def _chunks(tile: Tile, number: int, work: Work, is_last: bool, by_pass: bool) -> Iterator[Chunk]:
    """The passes of an output tile, together or one by one."""
    if not by_pass:
        yield Chunk(f"output tile {number}", tile.steps * work.n_kij, tile.steps, is_last)
        return
    for step in range(tile.steps):
        for kij in range(work.n_kij):
            ends = kij == work.n_kij - 1
            yield Chunk(f"input tile {step}, kernel position {kij}", 1, int(ends),
                        is_last and ends and step == tile.steps - 1)
