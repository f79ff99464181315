"""What both processor cores have in common: an emulator with memories, peripherals and traps around it."""

from __future__ import annotations

import ctypes
from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum
from typing import Any

import unicorn.unicorn_py3.unicorn as unicorn_library
from unicorn import Uc, UcError
from unicorn.unicorn_const import (
    UC_HOOK_BLOCK,
    UC_HOOK_INTR,
    UC_HOOK_MEM_INVALID,
    UC_HOOK_MEM_WRITE,
    UC_MEM_WRITE_PROT,
    UC_PROT_ALL,
    UC_PROT_EXEC,
    UC_PROT_READ,
)

from . import peripherals
from .guards import describe, guards
from .hooks import Record, Slot, count_block, pointer
from .image import Image
from .memory import Memory
from .peripherals import Peripherals
from .ports import AcceleratorPort
from .regions import FLASH, SRAM, STACK
from .traps import Trap, TrapKind
from .window import Window

WORD = 4
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

    def __init__(self, engine: Uc, image: Image, around: Surroundings, stop_at_overrun: bool) -> None:
        self.image, self.traps = image, list[Trap]()
        self.returned = False
        self._engine, self._around, self._stop_at_overrun = engine, around, stop_at_overrun
        self._fatal = False
        self._end = image.symbols[END]
        self._record = Record(engine._uch.value, _address(unicorn_library.uclib.uc_emu_stop))
        self._map()
        self._hook()
        self.window = Window(engine, self._record, around.accelerator)

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
            self._engine.hook_add(UC_HOOK_MEM_WRITE, self._overrun, None, first, end - 1)

    def trap(self, kind: TrapKind, text: str, address: int | None = None) -> None:
        """Note what went wrong at the current instruction."""
        self.traps.append(Trap(kind, text, self.image.where(self.pc), self.pc, address))

    def _run(self, until: int, words: int) -> Stop:
        self._record[Slot.LIMIT] = self.executed + words
        self._record[Slot.SPINNING] = self._record[Slot.BLOCK] = 0
        self._fatal = False
        try:
            self._engine.emu_start(self._start_address(), until)
        except UcError as error:
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
        self._engine.emu_stop()

    def _map(self) -> None:
        memory = self._around.memory
        self._engine.mem_map_ptr(FLASH, memory.flash.size, UC_PROT_READ | UC_PROT_EXEC, memory.flash.ctypes.data)
        self._engine.mem_map_ptr(SRAM, memory.sram.size, UC_PROT_ALL, memory.sram.ctypes.data)
        bus = self._around.peripherals
        self._map_words(peripherals.BASE, peripherals.BYTES, bus)

    def _map_words(self, base: int, size: int, words: Any) -> None:
        """Map something that reads and writes whole words."""
        def read(_engine: Uc, offset: int, _width: int, _user: Any) -> int:
            value: int = words.read(base + offset // WORD * WORD)
            return value >> offset % WORD * 8

        def write(_engine: Uc, offset: int, _width: int, value: int, _user: Any) -> None:
            words.write(base + offset // WORD * WORD, value << offset % WORD * 8 & 0xFFFFFFFF)
        self._engine.mmio_map(base, size, read, None, write, None)

    def _hook(self) -> None:
        handle = ctypes.c_size_t()
        unicorn_library.uclib.uc_hook_add(
            self._engine._uch, ctypes.byref(handle), ctypes.c_int(UC_HOOK_BLOCK), pointer(count_block.address),
            pointer(self._record.address), ctypes.c_uint64(1), ctypes.c_uint64(0))
        self._engine.hook_add(UC_HOOK_MEM_INVALID, self._invalid)
        self._engine.hook_add(UC_HOOK_INTR, self._interrupted)

    def _interrupted(self, _engine: Uc, number: int, _user: Any) -> None:
        if not self._exception(number):
            self._fault(f"exception {number}")
        self._engine.emu_stop()

    def _invalid(self, _engine: Uc, access: int, address: int, size: int, _value: int, _user: Any) -> bool:
        self._fatal = True
        stack = self.image.symbols["mxc_stack"]
        if stack - STACK_REACH <= address < stack and stack == SRAM or self._sp() < stack:
            self.trap(TrapKind.STACK, f"the stack overflows its {STACK} bytes", address)
        elif access == UC_MEM_WRITE_PROT:
            self.trap(TrapKind.READ_ONLY, f"write of {size} bytes to flash at 0x{address:08x}", address)
        else:
            self.trap(TrapKind.UNMAPPED, f"access of {size} bytes at 0x{address:08x}, where nothing is", address)
        return False

    def _overrun(self, _engine: Uc, _access: int, address: int, size: int, _value: int, _user: Any) -> None:
        self.trap(TrapKind.OVERRUN, describe(self.image, address, size), address)
        if self._stop_at_overrun:
            self._fatal = True
            self._engine.emu_stop()

    @abstractmethod
    def _sp(self) -> int:
        """The stack pointer."""


def _address(function: Any) -> int:
    address = ctypes.cast(function, ctypes.c_void_p).value
    if address is None:
        raise RuntimeError("the emulator's library has no such function")
    return address
