"""The schedules of the array: what a layer costs, cycle by cycle, and what it moves.

A pass is one output tile, input tile and kernel position. The RTL's own counters must give exactly these numbers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, fields
from math import ceil
from typing import ClassVar

OUT_DELAY = 3
"""Cycles from an accumulator to its output."""
START = 2
"""Cycles in which a layer's entry of the program is fetched and its schedule set up."""


@dataclass(frozen=True)
class Work:
    """What a layer asks of the array for one sample."""

    rows: int
    cols: int
    loads: int
    """Cycles that the weights of a pass take."""
    passes: int
    out_tiles: int
    n_kij: int
    n_nij: int
    n_out: int
    stores: bool
    """Whether its outputs go into the activation memory."""

    @property
    def latency(self) -> int:
        """Cycles from the address of a position to its partial sums."""
        return self.rows + self.cols

    @property
    def pass_cycles(self) -> int:
        """Cycles from one pass to the next in the overlapped schedule: positions, or what the weights take."""
        return max(self.n_out, self.loads, 2)


@dataclass(frozen=True)
class Cycles:
    """Where the cycles of a layer go. `stream` is the useful part, the others are stalls by cause."""

    stream: int
    """Positions that stream through the array."""
    start: int
    """Fetching the layer's entry, setting up."""
    weights: int
    """Waiting for weights."""
    gather: int
    """Collecting partial sums from the psum memory (plain schedule)."""
    array: int
    """Waiting for the array to empty between passes (plain schedule)."""
    drain: int
    """Waiting at the end of the layer for outputs that the next layer needs."""

    @property
    def total(self) -> int:
        """All cycles."""
        return sum(asdict(self).values())

    def stalls(self) -> dict[str, int]:
        """Everything but the streaming, by cause."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "stream"}


@dataclass(frozen=True)
class Traffic:
    """Words that a layer moves: activations in (ROWS values each), weights (LOAD_LANES columns), partial sums and
    accumulators (COLS values), outputs that leave the output stages, and those that are stored."""

    activations: int
    weights: int
    psums: int
    sums: int
    accumulators: int
    outputs: int


class Schedule(ABC):
    """How passes follow each other."""

    name: ClassVar[str]
    overlapped: ClassVar[bool]
    """The RTL's parameter."""

    @abstractmethod
    def cycles(self, work: Work, drain: int) -> Cycles:
        """Cycles of a layer for one sample; `drain` is what it waits behind its last position where layers overlap."""

    @abstractmethod
    def streamed(self, work: Work) -> int:
        """Positions that stream in one pass."""

    @abstractmethod
    def load_lanes(self, cols: int) -> int:
        """Columns whose weights arrive in one cycle, unless chosen otherwise."""

    def traffic(self, work: Work) -> Traffic:
        """Words that a layer moves for one sample."""
        outputs = work.out_tiles * work.n_out
        return Traffic(activations=work.passes * self.streamed(work), weights=work.passes * work.loads,
                       psums=work.passes * self.streamed(work), sums=work.passes * work.n_out, accumulators=outputs,
                       outputs=outputs if work.stores else 0)


class Plain(Schedule):
    """Load, stream all padded positions, drain; gather when all kernel positions of an input tile are done."""

    name = "plain"
    overlapped = False

    def cycles(self, work: Work, drain: int) -> Cycles:
        return Cycles(stream=work.passes * work.n_nij, start=START, weights=work.passes * work.loads,
                      gather=work.passes * work.n_out, array=work.passes * work.latency, drain=1 + OUT_DELAY)

    def streamed(self, work: Work) -> int:
        return work.n_nij

    def load_lanes(self, cols: int) -> int:
        return 1


class Overlapped(Schedule):
    """Weights of the next pass arrive while a pass streams; nothing drains in between; only positions that an output
    needs are streamed. The weights of a pass arrive in four cycles, so that a pass of four positions hides them."""

    name = "overlapped"
    overlapped = True

    def cycles(self, work: Work, drain: int) -> Cycles:
        waits = work.pass_cycles - work.n_out
        return Cycles(stream=work.passes * work.n_out, start=START, weights=work.loads + (work.passes - 1) * waits,
                      gather=0, array=0, drain=drain)

    def streamed(self, work: Work) -> int:
        return work.n_out

    def load_lanes(self, cols: int) -> int:
        return ceil(cols / 4)


SCHEDULES: dict[str, Schedule] = {schedule.name: schedule for schedule in (Overlapped(), Plain())}
"""By name; the first one is the default."""

DATAFLOWS = ("weight_stationary",)
"""What stays in the processing elements. A further dataflow brings schedules of its own."""


def scalesim_cycles(rows: int, cols: int, reduction: int, outputs: int, positions: int) -> int:
    """Compute cycles of SCALE-Sim 3.0's weight-stationary dataflow: folds * (2R + C + T - 2) - 1.

    `reduction` is kernel positions times input channels (K), `outputs` the output channels (N), `positions` the output
    positions (T); folds = ceil(K / R) * ceil(N / C).

    >>> scalesim_cycles(8, 8, 72, 8, 16)
    341
    """
    return ceil(reduction / rows) * ceil(outputs / cols) * (2 * rows + cols + positions - 2) - 1
