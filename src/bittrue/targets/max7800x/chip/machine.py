"""The emulated chip: one or two cores with their programs, memories, peripherals, and the accelerator behind the bus.

Time is counted in cycles of the core clock. A core takes one for every 16 bits of instructions; what it sleeps is
skipped; the accelerator takes as many as `network_cycles` says. Cores that run at the same time share them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

from ..device import Device
from .build import Firmware
from .core import Core, Stop, Surroundings
from .cortex import Cortex
from .memory import Memory, Unmapped
from .peripherals import Clock, Peripherals
from .ports import AcceleratorPort
from .riscv import Riscv
from .traps import Trap, TrapKind

SLICE = 50_000
"""Instruction words that a core executes before interrupts are looked at again."""
TURN = 1000
"""Instruction words that waking a core counts for at least, so that a program that only wakes and sleeps ends too."""
BUDGET = 1_000_000_000
"""Instruction words that a program may execute unless told otherwise."""
NETWORK = "CNN"
"""The accelerator's interrupt line."""
NETWORK_CYCLES = 10_000
"""How long a network takes unless told otherwise: 0.1 ms at 100 MHz."""
MAIN, FAIL = "main", "fail"
"""Where programs begin, and where they stay when the known-answer test fails."""


class Outcome(Enum):
    """How a program ended."""

    RETURNED = "returned"
    FAILED = "failed"
    TRAP = "trap"


@dataclass(frozen=True)
class RunResult:
    """What came of a program: the text of the serial port, how it ended, what `main` returned (0 unless it did),
    instruction words executed, and everything that it must not do."""

    text: str
    outcome: Outcome
    value: int
    instructions: int
    traps: tuple[Trap, ...]


class Stopped(RuntimeError):
    """A function that was called did not return; `result` tells why."""

    def __init__(self, result: RunResult) -> None:
        self.result = result
        super().__init__("; ".join(map(str, result.traps)) or result.outcome.value)


class Chip:
    """An emulated MAX78000 or MAX78002 with a compiled project in its flash.

    `stop_at_overrun`: whether a write beyond an array ends the program; if not, it is only noted, and does no harm.
    `network_cycles`: cycles of the core clock from when the network has its input to its interrupt. With almost none
    a program may miss the interrupt as it would on silicon: it comes between looking for it and falling asleep.
    """

    def __init__(self, device: Device, firmware: Firmware, accelerator: AcceleratorPort, *,
                 stop_at_overrun: bool = True, network_cycles: int = NETWORK_CYCLES) -> None:
        self.network_cycles = network_cycles
        self.interrupts = 0
        """How often the accelerator's interrupt line was set."""
        self._line, self._ready, self._asked = False, 0, 0
        self._accelerator, self._memory, self._clock = accelerator, Memory(firmware.memories), Clock()
        self._peripherals = Peripherals(self._clock, device.riscv_sram)
        around = Surroundings(self._memory, self._peripherals, accelerator)
        arm, riscv = firmware.images
        self.arm = Cortex(arm, around, self._clock, stop_at_overrun)
        self.riscv = None if riscv is None else Riscv(riscv, around, stop_at_overrun)
        self._cores: tuple[Core, ...] = (self.arm,) if self.riscv is None else (self.arm, self.riscv)
        self._clock.counters += [_counter(core) for core in self._cores]
        self._asleep: set[Core] = set()
        self._started: set[Core] = set()
        for core in self._cores:
            self._memory.load(core.image.segments)

    @property
    def text(self) -> str:
        """What the serial port has sent."""
        return self._peripherals.text.decode("latin-1")

    @property
    def traps(self) -> tuple[Trap, ...]:
        """Everything the programs did that they must not."""
        return tuple(trap for core in self._cores for trap in core.traps)

    @property
    def instructions(self) -> int:
        """Instruction words executed by all cores."""
        return sum(core.executed for core in self._cores)

    @property
    def cycles(self) -> int:
        """Time in cycles of the core clock."""
        return self._clock.now()

    def boot(self) -> None:
        """Start the core that runs the network and stop where its `main` begins. Raises `Stopped`."""
        core = self._main
        if core not in self._started and self._boot(core) is not None:
            raise Stopped(self._result(Outcome.TRAP))

    def run(self, budget: int = BUDGET) -> RunResult:
        """Run the project until the Arm core's `main` returns, or something else ends it."""
        outcome = None if self.arm in self._started else self._boot(self.arm)
        return self._result(outcome or self._drive(self.arm, budget))

    def call(self, name: str, *arguments: int, budget: int = BUDGET) -> int:
        """Call a function of the core that runs the network; its result. Boots the chip if that was not done.

        The interrupts that it causes are taken before it returns. Raises KeyError for an unknown function, `Stopped`
        when it does not return.
        """
        self.boot()
        core = self._main
        core.enter(core.image.symbols[name], arguments)
        outcome = self._drive(core, budget)
        if outcome is not Outcome.RETURNED:
            raise Stopped(self._result(outcome))
        value = core.result
        self._settle()
        return value

    def wait_interrupt(self) -> bool:
        """Whether the network has signalled its end since it was last asked; takes interrupts that are pending."""
        self._settle()
        before, self._asked = self._asked, self.interrupts
        return self.interrupts > before

    def symbol(self, name: str) -> int:
        """Address of a function or variable of the core that runs the network. Raises KeyError."""
        return self._main.image.symbols[name]

    def read_memory(self, address: int, size: int) -> bytes:
        """Bytes of flash or SRAM. Raises ValueError when they lie elsewhere."""
        return self._memory.bytes(address, size).tobytes()

    def write_memory(self, address: int, data: bytes | npt.NDArray[Any]) -> None:
        """Write bytes (of an array: as they are in memory) to flash or SRAM, as a debugger would."""
        raw = data if isinstance(data, bytes) else np.ascontiguousarray(data).tobytes()
        self._memory.bytes(address, len(raw))[:] = np.frombuffer(raw, np.uint8)

    @property
    def _main(self) -> Core:
        """The core that runs the network."""
        return self.riscv or self.arm

    def _boot(self, core: Core) -> Outcome | None:
        """Start a core and stop it where `main` begins; what went wrong on the way."""
        self._started.add(core)
        core.reset()
        stop = core.run_to(MAIN, BUDGET)
        core.guard()
        return None if stop is Stop.END else self._outcome(core, stop) or Outcome.TRAP

    def _drive(self, main: Core, budget: int) -> Outcome:
        """Run the cores in turn until `main` ends, or a core cannot even take an interrupt."""
        try:
            return self._take_turns(main, budget)
        except Unmapped as error:
            main.trap(TrapKind.FAULT, f"an exception cannot be taken: {error}")
            return Outcome.TRAP

    def _take_turns(self, main: Core, budget: int) -> Outcome:
        main.returned = False
        limit, turns = self.instructions + budget, budget // TURN
        while self.instructions < limit and turns:
            busy, turns = False, turns - 1
            for core in self._running(main):
                if core in self._asleep and not core.wakes(self._lines()):
                    continue
                busy = True
                outcome = self._turn(core)
                if outcome is not None:
                    return outcome
                if main.returned:
                    return Outcome.RETURNED
            if not busy and not self._skip():
                main.trap(TrapKind.ASLEEP, "it sleeps, and no interrupt will come")
                return Outcome.TRAP
        main.trap(TrapKind.BUDGET, f"it did not end within {budget} instruction words")
        return Outcome.TRAP

    def _running(self, main: Core) -> list[Core]:
        """The core whose program matters, and the RISC-V core from when the Arm core lets it run."""
        if self.riscv is None or self.riscv is main or self.riscv.returned or not self._peripherals.riscv_runs:
            return [main]
        return [main, self.riscv]

    def _turn(self, core: Core) -> Outcome | None:
        """Let a core run for a while; what ended the program, if anything."""
        if core not in self._started:
            return self._boot(core)
        self._asleep.discard(core)
        core.interrupt(self._lines())
        return self._outcome(core, core.step(SLICE))

    def _outcome(self, core: Core, stop: Stop) -> Outcome | None:
        if stop is Stop.SLEEP:
            self._asleep.add(core)
        if stop is Stop.TRAP:
            return Outcome.TRAP
        if stop is not Stop.ENDLESS or core.interrupt(self._lines()):
            return None
        if FAIL in core.image.within(core.pc):
            return Outcome.FAILED
        core.trap(TrapKind.ENDLESS, "it jumps to where it is")
        return Outcome.TRAP

    def _settle(self) -> None:
        """Take the interrupts that are pending after a function has returned."""
        core = self._main
        self._lines()
        self._clock.skipped += self._missing()
        while core.interrupt(self._lines()):
            outcome = self._drive(core, BUDGET)
            if outcome is not Outcome.RETURNED:
                raise Stopped(self._result(outcome))

    def _lines(self) -> set[str]:
        """The interrupt lines that are set. The accelerator's is seen when the network's time has passed."""
        line = self._accelerator.interrupt
        if line and not self._line:
            self.interrupts += 1
            self._ready = self._clock.now() + self.network_cycles
        self._line = line
        return self._peripherals.lines() | ({NETWORK} if line and not self._missing() else set())

    def _missing(self) -> int:
        """Cycles until the network signals its end."""
        return max(0, self._ready - self._clock.now()) if self._line else 0

    def _skip(self) -> bool:
        """Skip the time until an interrupt comes. False when none will."""
        sources = (self._peripherals.due(), self._missing(), *(core.due() for core in self._cores))
        due = [cycles for cycles in sources if cycles]
        if due:
            self._clock.skipped += min(due)
        return bool(due)

    def _result(self, outcome: Outcome) -> RunResult:
        value = self.arm.result if outcome is Outcome.RETURNED else 0
        signed = value - (1 << 32) if value >> 31 else value
        return RunResult(self.text, outcome, signed, self.instructions, self.traps)


def _counter(core: Core) -> Callable[[], int]:
    return lambda: core.executed
