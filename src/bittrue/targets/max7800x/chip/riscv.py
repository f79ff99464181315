"""The RISC-V core: RV32IMC with its controller of interrupts and events."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from unicorn.riscv_const import (
    UC_RISCV_REG_A0,
    UC_RISCV_REG_A1,
    UC_RISCV_REG_A2,
    UC_RISCV_REG_A3,
    UC_RISCV_REG_MCAUSE,
    UC_RISCV_REG_MEPC,
    UC_RISCV_REG_MSTATUS,
    UC_RISCV_REG_MTVEC,
    UC_RISCV_REG_PC,
    UC_RISCV_REG_RA,
    UC_RISCV_REG_SP,
)
from unicorn.unicorn_const import UC_ARCH_RISCV, UC_MODE_RISCV32

from ...elf_image import Image
from .core import END, Core, Surroundings
from .emulator import WORD, Emulator

BASE, BYTES = 0xE5070000, 0x1000
"""Where the controller lies."""
LINES: Mapping[str, int] = MappingProxyType({"TMR0": 8, "TMR1": 9, "TMR2": 10, "TMR3": 11, "CNN": 57})
"""Interrupt numbers of the lines."""
ENABLE, PENDING, SET, CLEAR, GROUP = 0x00, 0x04, 0x08, 0x0C, 0x10
"""Registers for 32 interrupts, and bytes to those of the next 32; events follow after two groups."""
EVENTS = 2
MIE, MPIE, MPP = 1 << 3, 1 << 7, 3 << 11
"""Bits of mstatus."""
INTERRUPT = 1 << 31
ARGUMENTS = (UC_RISCV_REG_A0, UC_RISCV_REG_A1, UC_RISCV_REG_A2, UC_RISCV_REG_A3)
WFI = 0x10500073


class Controller:
    """Which interrupts and events are enabled and pending: groups of 32, interrupts first."""

    def __init__(self) -> None:
        self.enabled = [0] * 2 * EVENTS
        self.pending = [0] * 2 * EVENTS

    def latch(self, lines: set[str]) -> None:
        """Lines that are set make their interrupt and their event pending."""
        for name in lines & LINES.keys():
            group, bit = divmod(LINES[name], 32)
            self.pending[group] |= 1 << bit
            self.pending[group + EVENTS] |= 1 << bit

    def wakes(self) -> bool:
        """Whether an interrupt or an event ends sleep."""
        return any(enabled & pending for enabled, pending in zip(self.enabled, self.pending, strict=True))

    def first(self) -> int | None:
        """The lowest interrupt that is enabled and pending."""
        ready = sum((self.enabled[group] & self.pending[group]) << 32 * group for group in range(EVENTS))
        return (ready & -ready).bit_length() - 1 if ready else None

    def read(self, address: int) -> int:
        """The word at an address."""
        group, register = divmod(address - BASE, GROUP)
        if group >= len(self.enabled):
            return 0
        return {ENABLE: self.enabled, PENDING: self.pending}.get(register, [0] * 2 * EVENTS)[group]

    def write(self, address: int, value: int) -> None:
        """Write the word at an address."""
        group, register = divmod(address - BASE, GROUP)
        if group >= len(self.enabled):
            return
        if register == ENABLE:
            self.enabled[group] = value
        elif register == SET:
            self.pending[group] |= value
        elif register == CLEAR:
            self.pending[group] &= ~value


class Riscv(Core):
    """The RISC-V core and its program."""

    name = "RISC-V core"

    def __init__(self, image: Image, around: Surroundings, stop_at_overrun: bool = True) -> None:
        super().__init__(Emulator(UC_ARCH_RISCV, UC_MODE_RISCV32), image, around, stop_at_overrun)
        self.controller = Controller()
        self._emulator.map_words(BASE, BYTES, self.controller)

    @property
    def pc(self) -> int:
        """The next instruction's address."""
        return self._emulator.read(UC_RISCV_REG_PC)

    @property
    def result(self) -> int:
        """Register a0."""
        return self._emulator.read(UC_RISCV_REG_A0)

    def reset(self) -> None:
        """Start at the boot address that the Arm core has set."""
        self._emulator.write(UC_RISCV_REG_PC, self._around.peripherals.riscv_boot)

    def enter(self, address: int, arguments: tuple[int, ...]) -> None:
        """Prepare to call a function with up to four arguments."""
        for register, value in zip(ARGUMENTS, arguments, strict=False):
            self._emulator.write(register, value)
        self._emulator.write(UC_RISCV_REG_RA, self.image.symbols[END])
        self._emulator.write(UC_RISCV_REG_PC, address)

    def wakes(self, lines: set[str]) -> bool:
        """Latch the lines. Whether an enabled interrupt or event is pending."""
        self.controller.latch(lines)
        return self.controller.wakes()

    def interrupt(self, lines: set[str]) -> bool:
        """Latch the lines; enter the handler of the first pending interrupt, unless they are masked."""
        self.controller.latch(lines)
        number = self.controller.first()
        status = self._emulator.read(UC_RISCV_REG_MSTATUS)
        if number is None or not status & MIE:
            return False
        self._emulator.write(UC_RISCV_REG_MEPC, self.pc)
        self._emulator.write(UC_RISCV_REG_MCAUSE, INTERRUPT | number)
        self._emulator.write(UC_RISCV_REG_MSTATUS, status & ~MIE | MPIE | MPP)
        self._emulator.write(UC_RISCV_REG_PC, (self._emulator.read(UC_RISCV_REG_MTVEC) & ~3) + WORD * number)
        return True

    def due(self) -> int | None:
        """No timer belongs to the core."""
        return None

    def _exception(self, _number: int) -> bool:
        return False

    def _start_address(self) -> int:
        return self.pc

    def _waits(self, pc: int) -> bool:
        before = self._around.memory.bytes(pc - WORD, WORD)
        return int.from_bytes(before.tobytes(), "little") == WFI

    def _sp(self) -> int:
        return self._emulator.read(UC_RISCV_REG_SP)
