"""What both processor cores have in common: an emulator with memories, peripherals and traps around it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum

from ...elf_image import Image
from . import peripherals
from .emulator import Emulator, EmulatorError
from .guards import describe, guards
from .hooks import Slot
from .memory import Memory
from .peripherals import Peripherals
from .ports import AcceleratorPort
from .regions import FLASH, SRAM, STACK
from .traps import Trap, TrapKind
from .window import Window

END, UNEXPECTED = "mxc_end", "mxc_unexpected"
"""Where programs end, and where interrupts without a handler go."""
STACK_REACH = 64 * 1024
"""A missing address this far below the stack is called a stack overflow."""


class Stop(Enum):
    """Why a core stopped."""

    END = "the program ended"
    SLEEP = "it waits for an interrupt"
    ENDLESS = "it jumps to where it is"
    PAUSE = "it goes on when asked to"
    TRAP = "it did what cannot be done"


@dataclass(frozen=True)
class Surroundings:
    """What a core is connected to."""

    memory: Memory
    peripherals: Peripherals
    accelerator: AcceleratorPort


class Core(ABC):
    """A processor core and its program."""

    name: str

    def __init__(self, emulator: Emulator, image: Image, around: Surroundings, stop_at_overrun: bool) -> None:
        self.image, self.traps = image, list[Trap]()
        self.returned = False
        """Whether the program has ended, or the function that was called."""
        self._emulator, self._record = emulator, emulator.record
        self._around, self._stop_at_overrun = around, stop_at_overrun
        self._fatal = False
        self._overran: set[str] = set()
        """Lines that have written beyond an array: each is noted once."""
        self._end = image.symbols[END]
        emulator.map_memory(FLASH, around.memory.flash, writable=False)
        emulator.map_memory(SRAM, around.memory.sram, writable=True)
        emulator.map_words(peripherals.BASE, peripherals.BYTES, around.peripherals)
        emulator.on_missing(self._missing)
        emulator.on_exception(self._interrupted)
        self.window = Window(emulator, around.accelerator)

    @property
    def executed(self) -> int:
        """Instruction words (16 bits) executed."""
        return self._record[Slot.COUNT]

    @property
    @abstractmethod
    def pc(self) -> int:
        """The next instruction's address."""

    @property
    @abstractmethod
    def result(self) -> int:
        """The register that holds a function's result."""

    @abstractmethod
    def reset(self) -> None:
        """Start the program from its reset vector."""

    @abstractmethod
    def enter(self, address: int, arguments: tuple[int, ...]) -> None:
        """Prepare to call a function; when it returns the program ends."""

    @abstractmethod
    def wakes(self, lines: set[str]) -> bool:
        """Make the interrupts of these lines pending. Whether one ends sleep, even if it is masked."""

    @abstractmethod
    def interrupt(self, lines: set[str]) -> bool:
        """Make the interrupts of these lines pending, and enter the handler of one unless they are masked. Whether."""

    @abstractmethod
    def due(self) -> int | None:
        """Cycles until the next interrupt of a timer that belongs to the core."""

    @abstractmethod
    def _start_address(self) -> int:
        """The next instruction's address as the emulator takes it."""

    @abstractmethod
    def _waits(self, pc: int) -> bool:
        """Whether the instruction before `pc` waits for an interrupt."""

    @abstractmethod
    def _exception(self, number: int) -> bool:
        """The emulator met an exception. False for one that is a fault."""

    def run_to(self, symbol: str, words: int) -> Stop:
        """Run until a function is entered."""
        return self._run(self.image.symbols[symbol], words)

    def step(self, words: int) -> Stop:
        """Run for that many instruction words, or until something stops the core."""
        return self._run(self._end, words)

    def guard(self) -> None:
        """From now on, watch the bytes between the program's variables."""
        for first, end in guards(self.image):
            self._emulator.on_write(first, end, self._overrun)

    def trap(self, kind: TrapKind, text: str, address: int | None = None) -> None:
        """Note what went wrong at the current instruction."""
        self.traps.append(Trap(kind, text, self.image.where(self.pc), self.pc, address))

    def _run(self, until: int, words: int) -> Stop:
        self._record[Slot.LIMIT] = self.executed + words
        self._record[Slot.SPINNING] = self._record[Slot.BLOCK] = 0
        self._fatal = False
        try:
            self._emulator.start(self._start_address(), until)
        except EmulatorError as error:
            if not self._fatal:
                self._fault(str(error))
        if self.window.error is not None:
            raise self.window.error
        self.window.flush()
        return self._why(until)

    def _why(self, until: int) -> Stop:
        pc = self.pc
        if self._fatal:
            return Stop.TRAP
        if pc == until:
            self.returned = until == self._end
            return Stop.END
        if self._record[Slot.SPINNING]:
            return Stop.ENDLESS
        paused = self.executed >= self._record[Slot.LIMIT]
        return Stop.SLEEP if not paused and self._waits(pc) else Stop.PAUSE

    def _fault(self, text: str) -> None:
        self._fatal = True
        self.trap(TrapKind.FAULT, text)
        self._emulator.stop()

    def _interrupted(self, number: int) -> None:
        if not self._exception(number):
            self._fault(f"exception {number}")
        self._emulator.stop()

    def _missing(self, address: int, size: int, flash: bool) -> None:
        self._fatal = True
        stack = self.image.symbols["mxc_stack"]
        if self._sp() < stack or (stack == SRAM and stack - STACK_REACH <= address < stack):
            self.trap(TrapKind.STACK, f"the stack overflows its {STACK} bytes", address)
        elif flash:
            self.trap(TrapKind.READ_ONLY, f"write of {size} bytes to flash at 0x{address:08x}", address)
        else:
            self.trap(TrapKind.UNMAPPED, f"access to {size} bytes at 0x{address:08x}, where nothing is", address)

    def _overrun(self, address: int, size: int) -> None:
        where = self.image.where(self.pc)
        if where not in self._overran:
            self._overran.add(where)
            self.trap(TrapKind.OVERRUN, describe(self.image, address, size), address)
        if self._stop_at_overrun:
            self._fatal = True
            self._emulator.stop()

    @abstractmethod
    def _sp(self) -> int:
        """The stack pointer."""
