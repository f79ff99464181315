"""What a run tells: cycles, instructions and stalls of every core, marked regions, what was printed, why it stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ....errors import Diagnostic, Difference
from . import columns as c
from .state import Int64s, State
from .program import Program
from .timeline import Entry, entries
from .traps import problem

STALLS: Mapping[str, int] = {
    "load use": c.LOAD_USE, "branch": c.BRANCHES, "jump address": c.LATE_RESULT, "division": c.DIVISION,
    "misaligned": c.MISALIGNED, "L1 conflict": c.TCDM_CONFLICT, "L2": c.L2, "peripheral": c.PERIPHERAL,
    "L0 cache miss": c.L0_MISS, "L1 cache miss": c.L1_MISS, "barrier": c.BARRIER_WAIT, "event": c.EVENT_WAIT}
"""Causes of cycles without an instruction, by name."""


@dataclass(frozen=True)
class CoreCounters:
    """What one core did: its instructions, loads, stores, and the cycles that it lost by cause."""

    core: int
    cycles: int
    """When it was last active; of a region: how long it was inside."""
    instructions: int
    loads: int
    stores: int
    stalls: Mapping[str, int]


@dataclass(frozen=True)
class Region:
    """A marked region: its number and name, the cores that were in it, its longest stay in cycles, its entries."""

    number: int
    name: str
    cores: tuple[CoreCounters, ...]
    entries: int

    @property
    def cycles(self) -> int:
        """Cycles of the core that was inside longest."""
        return max(core.cycles for core in self.cores)


@dataclass(frozen=True)
class ClusterResult:
    """The end of a run."""

    cycles: int
    cores: tuple[CoreCounters, ...]
    regions: tuple[Region, ...]
    stdout: str
    exit_code: int | None
    """What the program gave to its exit; None when it did not end by itself."""
    traps: tuple[Diagnostic, ...]
    """Why it stopped, if not by itself."""
    timeline: tuple[Entry, ...] = field(repr=False, default=())

    @property
    def instructions(self) -> int:
        """Of all cores together."""
        return sum(core.instructions for core in self.cores)

    def region(self, number: int) -> Region:
        """A marked region by its number. Raises KeyError if no core was in it."""
        found = {region.number: region for region in self.regions}
        return found[number]

    def raise_traps(self) -> None:
        """Raise `Difference` if the program did not end by itself."""
        if self.traps:
            raise Difference(*self.traps)


def result(state: State, program: Program, budget: int, names: Mapping[int, str]) -> ClusterResult:
    """The result of a run that has stopped."""
    found = problem(state, program, budget)
    cores = tuple(_counters(core, int(state.cores[core, c.CLOCK]), state.counts[core]) for core in range(c.CORES)
                  if state.cores[core, c.STATE] != c.OFF)
    exited = int(state.status[c.RESULT]) == c.EXITED
    cycles = int(state.status[c.TRAP_TIME]) if exited else int(state.status[c.NOW])
    return ClusterResult(cycles, cores, _regions(state, names), printed(state),
                         int(state.status[c.EXIT_CODE]) if exited else None, () if found is None else (found,),
                         entries(state, names))


def _counters(core: int, cycles: int, counts: Int64s) -> CoreCounters:
    stalls = {name: int(counts[place]) for name, place in STALLS.items() if counts[place]}
    return CoreCounters(core, cycles, int(counts[c.INSTRUCTIONS]), int(counts[c.LOADS]), int(counts[c.STORES]), stalls)


def _regions(state: State, names: Mapping[int, str]) -> tuple[Region, ...]:
    entered = state.regions[:, :, c.COUNTERS + 1]
    return tuple(Region(number, names.get(number, f"region {number}"), tuple(
        _counters(core, int(state.regions[core, number, c.COUNTERS]), state.regions[core, number])
        for core in range(c.CORES) if entered[core, number]), int(entered[:, number].max()))
        for number in range(c.REGIONS) if entered[:, number].any())


def printed(state: State) -> str:
    """What the program printed: the characters of one core stay together until its line ends."""
    lines: dict[int, bytearray] = {}
    text = bytearray()
    for word in state.out[:int(state.status[c.OUT_COUNT])].tolist():
        line = lines.setdefault(word >> 8, bytearray())
        line.append(word & 0xFF)
        if word & 0xFF == ord("\n"):
            text += line
            line.clear()
    return (text + b"".join(bytes(line) for line in lines.values())).decode(errors="replace")
