"""A program on the emulated chip, run again and again with one bit of it wrong: what shows the fault, if anything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from bittrue.ir import IntArray
from bittrue.targets.max7800x.accelerator import Accelerator
from bittrue.targets.max7800x.chip.machine import Chip, Outcome
from bittrue.targets.max7800x.chip.regions import SRAM
from bittrue.targets.max7800x.device import AddressMap, BiasByte, Device, RegisterAt, Scope
from bittrue.targets.max7800x.emit import About, emit
from bittrue.targets.max7800x.lower.numbering import numbering
from bittrue.targets.max7800x.plan import Max7800xPlan
from bittrue.targets.max7800x.program import Program
from bittrue.targets.max7800x.project import layer_values, lowered
from bittrue.targets.max7800x.simulate.box import Box, SampleRun, compiled
from bittrue.targets.max7800x.simulate.compare import Expected, Tally, expected_layers
from bittrue.targets.max7800x.simulate.run import box_of

from .fault_nets import CASES

Bytes = npt.NDArray[np.uint8]
Key = tuple[str, int, int]
"""A register: name, group, layer."""

SLACK = 60_000
"""Instruction words that a faulty program may execute beyond twice those of the right one."""


class Finding(Enum):
    """What shows a fault."""

    TRAP = "trap"
    ANSWER = "known-answer test"
    LAYERS = "comparison of layers"
    COMPLAINT = "complaint of the accelerator"
    OUTPUT = "unloaded output or softmax"
    TEXT = "text on the console"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Fault:
    """One wrong bit: of a byte in flash or, with `write`, of a value that is written on the bus."""

    kind: str
    bit: int
    address: int = 0
    write: int | None = None
    """Number of the write among those to registers and bias memories."""
    where: str = ""

    def put(self, chip: Chip) -> None:
        """Put the fault into flash."""
        if self.write is None:
            old = chip.read_memory(self.address, 1)[0]
            chip.write_memory(self.address, bytes([old ^ 1 << self.bit]))


@dataclass(frozen=True, eq=False)
class State:
    """What the accelerator holds when the network starts, and what the FIFOs get."""

    registers: dict[Key, int]
    kernels: Bytes
    """(processors, columns x 9), in the order of counting."""
    biases: Bytes
    data: npt.NDArray[np.uint32]
    known: tuple[npt.NDArray[Any], ...]
    """What of kernels (columns), biases, data (bits) was written."""
    pushed: list[tuple[int, int]]


class Tapped(Accelerator):
    """Records writes to registers and bias memories, spoils one of them, keeps the state at the start."""

    def __init__(self, device: Device, spoil: tuple[int, int] | None = None, keeps: bool = False) -> None:
        super().__init__(device)
        self.trace: list[tuple[int, int]] = []
        self.all: list[tuple[int, int]] = []
        self.state: State | None = None
        self.pushed: list[tuple[int, int]] = []
        self._spoil, self._keeps, self._inside = spoil, keeps, False
        self._kinds: dict[int, bool] = {}
        if keeps:
            self._start, self._push = self.engine.start, self.fifos.push
            self.engine.start, self.fifos.push = self._started, self._pushed  # type: ignore[method-assign]

    def _started(self, group: int) -> None:
        self._keep()
        self._start(group)

    def _pushed(self, number: int, value: int) -> None:
        self.pushed.append((number, value))
        self._push(number, value)

    @property
    def final(self) -> dict[Key, int]:
        """All registers, as the run leaves them."""
        return self.registers.values

    def _keep(self) -> None:
        memories = self.memories
        self.kernels.flush()
        self.state = State(dict(self.registers.values), memories.kernels.content.copy(), memories.bias.content.copy(),
                           memories.data.words.copy(), (memories.kernels.known.copy(), memories.bias.known.copy(),
                                                        memories.data.known.copy()), self.pushed)

    def _counts(self, address: int) -> bool:
        found = self._kinds.get(address)
        if found is None:
            place = self.addresses.decode(address)
            found = isinstance(place, BiasByte) or (isinstance(place, RegisterAt) and not place.name.startswith(FIFOS))
            self._kinds[address] = found
        return found

    def _passed(self, address: int, value: int) -> int:
        """The value that arrives."""
        if not self._counts(address):
            return value
        number = len(self.trace)
        if self._spoil is not None and number == self._spoil[0]:
            value ^= 1 << self._spoil[1]
        self.trace.append((address, value))
        return value

    def write(self, address: int, value: int, size: int = 4) -> None:
        if not self._inside:
            value = self._passed(address, value)
            self._note(address, value)
        super().write(address, value, size)

    def write_block(self, addresses: npt.NDArray[np.uint32], values: npt.NDArray[np.uint32]) -> None:
        changed = values.copy()
        for index, address in enumerate(addresses.tolist()):
            changed[index] = self._passed(address, int(values[index]))
            self._note(address, int(changed[index]))
        self._inside = True  # where words do not lie side by side, this calls `write`
        super().write_block(addresses, changed)
        self._inside = False

    def _note(self, address: int, value: int) -> None:
        if self._keeps:
            self.all.append((address, value))


FIFOS = ("FIFO_WR", "FAST_DR")


@dataclass(frozen=True, eq=False)
class Scene:
    """A compiled project, its sample, and how it runs without a fault."""

    name: str
    plan: Max7800xPlan
    sample: IntArray
    values: tuple[IntArray, ...]
    """What the layers give by the oracle."""
    program: Program
    box: Box
    expected: tuple[Expected, ...]
    run: SampleRun
    tap: Tapped

    @property
    def addresses(self) -> AddressMap:
        """The chip's addresses."""
        return self.tap.addresses

    def strike(self, fault: Fault, keeps: bool = False) -> tuple[SampleRun, Tapped]:
        """Run with a fault."""
        tap = Tapped(self.plan.device, None if fault.write is None else (fault.write, fault.bit), keeps)
        return self.box.run(fault, tap, 2 * self.run.result.instructions + SLACK), tap

    def findings(self, run: SampleRun) -> Iterator[Finding]:
        """Everything that shows that a run is not as it should be."""
        if run.result.traps:
            yield Finding.TRAP
        if run.result.outcome is Outcome.FAILED:
            yield Finding.ANSWER
        if self._layers_differ(run):
            yield Finding.LAYERS
        if run.complaints:
            yield Finding.COMPLAINT
        if self._outputs_differ(run):
            yield Finding.OUTPUT
        if run.result.text != self.run.result.text:
            yield Finding.TEXT

    def _layers_differ(self, run: SampleRun) -> bool:
        tallies = [Tally(self.plan, layer.name) for layer in self.plan.network.layers]
        for tally, expected, number in zip(tallies, self.expected, numbering(self.plan).numbers, strict=True):
            tally.compare(expected, run.records.get(number), 0)
        return any(tally.differences for tally in tallies)

    def _outputs_differ(self, run: SampleRun) -> bool:
        if run.result.outcome is not Outcome.RETURNED or run.outputs is None:
            return True
        right = [self.values[index].reshape(-1).tolist() for index in self.plan.network.outputs]
        if [values.reshape(-1).tolist() for values in run.outputs] != right:
            return True
        return self.run.softmax is not None and not np.array_equal(run.softmax, self.run.softmax)  # type: ignore[arg-type]


@contextmanager
def scene(name: str) -> Iterator[Scene]:
    """Build a case and run it without a fault."""
    plan = CASES[name].plan()
    network = plan.network
    sample = np.random.default_rng(3).integers(-128, 128, (network.in_channels, *network.in_dim))
    values = tuple(found[0] for found in layer_values(plan, [sample[None]]).layers)
    program = lowered(plan, [sample], values)
    files = emit(program, plan.device, About.of(network, plan.placement), plan.options.emission)
    with TemporaryDirectory() as work:
        for file, data in files.items():
            (Path(work) / file).write_bytes(data)
        with compiled(Path(work), plan.device, replaceable=True) as firmware:
            box = box_of(plan, firmware)
            tap = Tapped(plan.device, keeps=True)
            run = box.run(None, tap)
            yield Scene(name, plan, sample, values, program, box, tuple(expected_layers(plan, values)), run, tap)


# ---- where a fault can be

PER_LAYER = (Scope.LAYER, Scope.STREAM)
TABLES = {"kernels": "kernels", "layer_registers": "layer registers", "sample_output": "known answer"}
OWN_CODE = ("cnn_", "load_", "main", "memcpy32", "check_", "softmax", "fail", "push", "select_clock", "print_classes")


def kind_of(name: str) -> str | None:
    """The kind of fault in an object of the program."""
    if name.startswith(("bias_", "input_")):
        return "biases" if name.startswith("bias_") else "input"
    return TABLES.get(name, "other data")


def faults(found: Scene) -> dict[str, list[tuple[str, int, int | None, int]]]:
    """By kind everything that can be struck: where, address in flash, number of the write, bits."""
    places: dict[str, list[tuple[str, int, int | None, int]]] = {}
    for symbol in found.box.image.objects:
        if symbol.address < SRAM:
            kind = kind_of(symbol.name)
            assert kind is not None
            places.setdefault(kind, []).extend(
                (f"{symbol.name}+{i}", symbol.address + i, None, 8) for i in range(symbol.size))
    for symbol in found.box.image.functions:
        if symbol.address < SRAM and symbol.name.startswith(OWN_CODE):
            places.setdefault("instructions", []).extend(
                (f"{symbol.name}+{i}", symbol.address + i, None, 8) for i in range(symbol.size))
    for number, (address, _) in enumerate(found.tap.trace):
        place = found.addresses.decode(address)
        if isinstance(place, BiasByte):
            if "biases" not in places or places["biases"][0][2] is not None:
                places.setdefault("biases", []).append((f"bias {place.group}/{place.index}", address, number, 8))
        elif isinstance(place, RegisterAt):
            layered = place.register.scope in PER_LAYER
            kind = "layer registers" if layered else "other registers"
            if not layered or "layer registers" not in places or places["layer registers"][0][2] is not None:
                places.setdefault(kind, []).append((f"{place.name} {place.group}/{place.layer}", address, number, 32))
    return places
