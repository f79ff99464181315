"""Follows every byte of a program through L1, L2 and L3, as the protocol of `program` has it.

A byte is known by a number: which byte of which tensor, or of the parameters. While a transfer is under way nobody may
change what it reads or touch what it writes; a kernel must find the bytes of its input and its parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from ..kernels import KERNELS, Columns
from ..network import Tensor
from ..program import Area, Program, Region, Staging, Step, Transfer
from .footprints import Job, Strip, job, values
from .parameters import Blob, blob

Numbers = NDArray[np.int64]
UNKNOWN, UNDER_WAY, TABLES = -1, -2, -3
"""Bytes without a number, of a transfer under way, and of the first step's table; others' tables count down from it,
and behind the last one the im2col matrices that steps make.
"""
Problem = tuple[str, str]
MOST = 20
"""Problems after which there are no more."""


@dataclass(frozen=True)
class Flight:
    """A transfer under way: places that it reads and writes, and what it found when it was started."""

    step: int
    label: str
    source: Numbers
    read: Numbers
    target: Numbers
    written: Numbers
    found: Numbers


@dataclass
class Follow:
    """The memories' bytes by number, and what is under way."""

    program: Program
    table: int
    found: list[Problem] = field(default_factory=list)
    loads: list[Flight] = field(default_factory=list)
    stores: list[Flight] = field(default_factory=list)
    staging: list[Flight] = field(default_factory=list)
    staged: int = 0

    def __post_init__(self) -> None:
        network, program = self.program.network, self.program
        roots = [tensor for tensor in network.tensors.values() if tensor.within is None]
        bases = accumulate((tensor.bytes for tensor in roots), initial=0)
        self.bases = {tensor.name: base for tensor, base in zip(roots, bases, strict=False)}
        self.total = sum(tensor.bytes for tensor in roots)
        self.parameters = np.frombuffer(program.constants + program.external, np.uint8)
        self.near = np.full(program.near, UNKNOWN, np.int64)
        self.arena = np.full(program.arena, UNKNOWN, np.int64)
        self.constants = self.total + np.arange(len(program.constants))
        self.external = np.full(len(program.external) + program.spare, UNKNOWN, np.int64)
        self.external[:len(program.external)] = self.total + len(program.constants) + np.arange(len(program.external))
        self.writes = np.zeros(self.total, np.int64)
        self.jobs = [job(network, layer) for layer in network.layers]
        self.blobs: dict[tuple[int, tuple[int, int]], Blob] = {}
        self.matrices: dict[tuple[int, tuple[int, int], tuple[int, int]], int] = {}
        for name in network.inputs:
            self.arena[self._tensor(name)] = self.bases[name] + np.arange(network.tensors[name].bytes)

    def _tensor(self, name: str) -> slice:
        place = self.program.places[name]
        return slice(place, place + self.program.network.tensors[name].bytes)

    def problems(self) -> Iterator[Problem]:
        """Everything that is wrong."""
        for index in range(len(self.program.steps)):
            self._step(index)
            if len(self.found) > MOST:
                break
        else:
            self._end()
        yield from self.found[:MOST]

    def _step(self, index: int) -> None:
        steps = self.program.steps
        step = steps[index]
        if index == 0:
            self._start_staging(0, step.staging)
            self._finish_staging(0, step.staged)
            self._start_loads(0, step.early)
        self._finish(self.loads, index)
        self._finish(self.stores, index - 2)
        if index:
            self._start_stores(index - 1, steps[index - 1])
        self._finish_staging(index, step.staged)
        if step.late:
            self._finish(self.stores, index - 1)
            self._start_loads(index, step.late)
            self._finish(self.loads, index)
        if index:
            self._start_staging(index, step.staging)
        if index + 1 < len(steps):
            self._start_loads(index + 1, steps[index + 1].early)
        self._kernel(index, step)

    def _end(self) -> None:
        self._start_stores(len(self.program.steps) - 1, self.program.steps[-1])
        self._finish(self.stores, len(self.program.steps))
        self._finish_staging(len(self.program.steps), self.staged + len(self.staging))
        network = self.program.network
        for layer, work in zip(network.layers, self.jobs, strict=True):
            count = self.writes[self._numbers(work.strip, work.output, work.size)]
            if (count != 1).any():
                self._problem(layer.name, f"{int((count != 1).sum())} bytes of its output are not stored exactly once")
        for name in network.outputs:
            root, _ = network.root(name)
            if (self.arena[self._tensor(root.name)] != self.bases[root.name] + np.arange(root.bytes)).any():
                self._problem(name, "the output is not in its place at the end")

    def _problem(self, where: str, why: str) -> None:
        self.found.append((where, why))

    def _numbers(self, strip: Strip, tensor: Tensor, region: Region) -> Numbers:
        """The numbers of a part of a tensor's bytes, in the order in which it lies dense in L1."""
        rows, columns = np.arange(*region.rows), np.arange(*region.columns)
        pixels = np.add.outer(rows * tensor.width, columns) * strip.pitch
        channels = np.arange(region.channels[0] * tensor.element_bytes, region.channels[1] * tensor.element_bytes)
        numbers: Numbers = self.bases[strip.root] + strip.begin + np.add.outer(pixels, channels).reshape(-1)
        return numbers

    def _start(self, flights: list[Flight], flight: Flight) -> None:
        if (flight.target[flight.written] == UNDER_WAY).any():
            self._problem(f"step {flight.step}, {flight.label}", "it writes where another transfer is under way")
        flights.append(flight)
        flight.target[flight.written] = UNDER_WAY

    def _finish(self, flights: list[Flight], last: int) -> None:
        for flight in [flight for flight in flights if flight.step <= last]:
            flights.remove(flight)
            self._land(flight)

    def _land(self, flight: Flight) -> None:
        where = f"step {flight.step}, {flight.label}"
        if (flight.source[flight.read] != flight.found).any():
            self._problem(where, "what it reads was changed while it was under way")
        if (flight.target[flight.written] != UNDER_WAY).any():
            self._problem(where, "what it writes was written while it was under way")
        flight.target[flight.written] = flight.found

    def _start_loads(self, index: int, transfers: tuple[Transfer, ...]) -> None:
        for transfer in transfers:
            if transfer.area is Area.STEPS:
                places, table = np.arange(self.table), np.full(self.table, TABLES - transfer.far)
                self._start(self.loads, Flight(index, transfer.label, table, places, self.near,
                                               transfer.near + places, table))
                continue
            far = self.arena if transfer.area is Area.ARENA else self.constants
            places, near = _places(transfer), np.arange(transfer.near, transfer.near + transfer.size)
            if self._outside(index, transfer.label, (far, places), (self.near, near)):
                continue
            self._start(self.loads, Flight(index, transfer.label, far, places, self.near, near, far[places].copy()))

    def _outside(self, index: int, label: str, *parts: tuple[Numbers, Numbers]) -> bool:
        outside = any(places.size == 0 or places[0] < 0 or places.max() >= memory.size for memory, places in parts)
        if outside:
            self._problem(f"step {index}, {label}", "it leaves its memory")
        return outside

    def _start_stores(self, index: int, step: Step) -> None:
        for transfer in step.stores:
            places, near = _places(transfer), np.arange(transfer.near, transfer.near + transfer.size)
            if self._outside(index, transfer.label, (self.arena, places), (self.near, near)):
                continue
            found = self.near[near].copy()
            known = found[(found >= 0) & (found < self.total)]
            if known.size != found.size:
                self._problem(f"step {index}, {transfer.label}", "it stores what no kernel computed")
            np.add.at(self.writes, known, 1)
            self._start(self.stores, Flight(index, transfer.label, self.near, near, self.arena, places, found))

    def _start_staging(self, index: int, transfers: tuple[Staging, ...]) -> None:
        for transfer in transfers:
            arena = np.arange(transfer.far, transfer.far + transfer.size)
            external = np.arange(transfer.external, transfer.external + transfer.size)
            ends = ((self.external, external), (self.arena, arena))
            if transfer.size % 4 or transfer.far % 4 or self._outside(index, transfer.label, *ends):
                self._problem(f"step {index}, {transfer.label}", "it is not made of whole words in L2 and L3")
                continue
            (source, read), (target, written) = ends if transfer.inward else ends[::-1]
            self._start(self.staging, Flight(index, transfer.label, source, read, target, written,
                                             source[read].copy()))

    def _finish_staging(self, index: int, count: int) -> None:
        if count > self.staged + len(self.staging):
            self._problem(f"step {index}", "it waits for a transfer with L3 that is not started")
        while self.staged < count and self.staging:
            self._land(self.staging.pop(0))
            self.staged += 1

    def _kernel(self, index: int, step: Step) -> None:
        work = self.jobs[step.layer]
        where = f"step {index}, {work.layer.name}, {step.region}"
        made = Columns(step.values.get("columns", Columns.OWN))
        if dict(step.values) != values(work, step.region, made):
            self._problem(where, "the kernel's numbers are not those of the region")
        if index and (self.near[step.table:step.table + self.table] != TABLES - index).any():
            self._problem(where, "its table is not there")
        for operand in work.operands:
            wanted = self._numbers(operand.strip, operand.tensor, operand.part(step.region))
            begin = step.pointers[operand.field]
            if (self.near[begin:begin + wanted.size] != wanted).any():
                self._problem(where, f"{operand.field} is not there")
        self._parameters(where, work, step)
        self._scratch(where, index, step, made)
        self._write(where, step.pointers["output"], self._numbers(work.strip, work.output, step.region))

    def _scratch(self, where: str, index: int, step: Step, made: Columns) -> None:
        """What the kernel leaves in its scratch, or finds there: the im2col matrix of its pixels."""
        size = KERNELS[self.jobs[step.layer].layer.kernel].scratch(step.values, 8)
        begin, pixels = step.pointers.get("scratch", 0), (step.layer, step.region.rows, step.region.columns)
        if made is Columns.MAKE:
            self.matrices[pixels] = TABLES - len(self.program.steps) - index
        if made is not Columns.KEPT:
            self._write(where, begin, np.full(size, self.matrices[pixels] if made else UNKNOWN, np.int64))
        elif pixels not in self.matrices or (self.near[begin:begin + size] != self.matrices[pixels]).any():
            self._problem(where, "its im2col matrix is not there")

    def _write(self, where: str, begin: int, what: Numbers) -> None:
        near = self.near[begin:begin + what.size]
        if near.size != what.size:
            self._problem(where, "the kernel leaves the buffers of L1")
        elif (near == UNDER_WAY).any():
            self._problem(where, "the kernel writes where a transfer is under way")
        else:
            near[:] = what

    def _parameters(self, where: str, work: Job, step: Step) -> None:
        key = (step.layer, step.region.channels)
        if key not in self.blobs:
            self.blobs[key] = blob(work.layer, *step.region.channels)
        found, pointers = self.blobs[key], self._pointers(step)
        if set(found.places) - set(pointers):
            self._problem(where, "pointers to parameters are missing")
            return
        ends = [*found.places.values(), len(found.data)][1:]
        for (name, place), end in zip(found.places.items(), ends, strict=True):
            numbers = self.near[pointers[name]:pointers[name] + end - place] - self.total
            known = (numbers >= 0).all() and numbers.size == end - place
            if not known or self.parameters[numbers].tobytes() != found.data[place:end]:
                self._problem(where, f"{name} are not there")

    @staticmethod
    def _pointers(step: Step) -> Mapping[str, int]:
        more = {"scales": step.scales, "splits": step.splits}
        return {**step.pointers, **{name: place for name, place in more.items() if place is not None}}


def _places(transfer: Transfer) -> Numbers:
    """Bytes of L2 that a command reads or writes, in their order."""
    starts = np.arange(-(-transfer.size // max(1, transfer.length))) * transfer.stride + transfer.far
    return np.add.outer(starts, np.arange(transfer.length)).reshape(-1)[:transfer.size]
