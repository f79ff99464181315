"""The Arm core: a Cortex-M4 with its interrupt controller; exceptions do not nest."""

from __future__ import annotations

from unicorn.arm_const import (
    UC_ARM_REG_IPSR,
    UC_ARM_REG_LR,
    UC_ARM_REG_PC,
    UC_ARM_REG_PRIMASK,
    UC_ARM_REG_R0,
    UC_ARM_REG_R1,
    UC_ARM_REG_R2,
    UC_ARM_REG_R3,
    UC_ARM_REG_R12,
    UC_ARM_REG_SP,
    UC_ARM_REG_XPSR,
    UC_CPU_ARM_CORTEX_M4,
)
from unicorn.unicorn_const import UC_ARCH_ARM, UC_MODE_MCLASS, UC_MODE_THUMB

from ...elf_image import THUMB, Image
from . import nvic
from .core import END, UNEXPECTED, Core, Surroundings
from .emulator import WORD, Emulator
from .nvic import Nvic
from .peripherals import Clock
from .ports import Words
from .regions import FLASH
from .traps import TrapKind

ARGUMENTS = (UC_ARM_REG_R0, UC_ARM_REG_R1, UC_ARM_REG_R2, UC_ARM_REG_R3)
FRAME = (*ARGUMENTS, UC_ARM_REG_R12, UC_ARM_REG_LR, UC_ARM_REG_PC, UC_ARM_REG_XPSR)
"""Registers that an exception saves, from the lowest address up."""
EXCEPTION_EXIT = 8
"""The emulator's number for a return from an exception."""
RETURN = 0xFFFFFFF9
"""The link register in a handler: return to a thread that uses the main stack."""
WFI, WFE = 0xBF30, 0xBF20
STATE_THUMB = 1 << 24
EXCEPTION_NUMBER = 0x1FF
ALIGNED = 1 << 9
"""Bit of the saved state: the stack was moved to be aligned to 8 bytes."""


class Cortex(Core):
    """The Arm core and its program."""

    name = "Arm core"

    def __init__(self, image: Image, around: Surroundings, clock: Clock, stop_at_overrun: bool = True) -> None:
        emulator = Emulator(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS, UC_CPU_ARM_CORTEX_M4)
        super().__init__(emulator, image, around, stop_at_overrun)
        self.nvic = Nvic(clock)
        self._returning = False
        self._emulator.map_words(nvic.BASE, nvic.BYTES, self.nvic)

    @property
    def pc(self) -> int:
        """The next instruction's address."""
        return self._emulator.read(UC_ARM_REG_PC) & ~THUMB

    @property
    def result(self) -> int:
        """Register r0."""
        return self._emulator.read(UC_ARM_REG_R0)

    def reset(self) -> None:
        """Take the stack pointer and the first instruction from the vector table in flash."""
        stack, start = self._around.memory.bytes(FLASH, 2 * WORD).view("<u4")
        self._emulator.write(UC_ARM_REG_SP, int(stack))
        self._emulator.write(UC_ARM_REG_PC, int(start) | THUMB)

    def enter(self, address: int, arguments: tuple[int, ...]) -> None:
        """Prepare to call a function with up to four arguments."""
        for register, value in zip(ARGUMENTS, arguments, strict=False):
            self._emulator.write(register, value)
        self._emulator.write(UC_ARM_REG_LR, self.image.symbols[END] | THUMB)
        self._emulator.write(UC_ARM_REG_PC, address | THUMB)

    def wakes(self, lines: set[str]) -> bool:
        """Latch the lines, unless a handler runs. Whether an exception is pending."""
        if not self._handling:
            self.nvic.latch(lines)
        return self.nvic.exception() is not None

    def interrupt(self, lines: set[str]) -> bool:
        """Latch the lines; enter the handler of the first pending exception, unless one runs or they are masked."""
        self._leave()
        masked = self._handling or self._emulator.read(UC_ARM_REG_PRIMASK) & 1
        if not self.wakes(lines) or masked:
            return False
        self._enter_handler()
        return True

    @property
    def _handling(self) -> bool:
        """Whether a handler runs."""
        return bool(self._emulator.read(UC_ARM_REG_IPSR) & EXCEPTION_NUMBER)

    def due(self) -> int | None:
        """Cycles until the system timer's next interrupt."""
        return self.nvic.timer.due()

    def _enter_handler(self) -> None:
        exception = self.nvic.take()
        vector = int(self._words(self.nvic.vectors + WORD * exception, 1)[0])
        if vector & ~THUMB == self.image.symbols[UNEXPECTED]:
            self.trap(TrapKind.NO_HANDLER, f"interrupt {exception - nvic.EXTERNAL} has no handler")
        stack = self._emulator.read(UC_ARM_REG_SP)
        frame = (stack - WORD * len(FRAME)) // 8 * 8
        values = [self._emulator.read(register) for register in FRAME]
        values[-1] |= ALIGNED if frame + WORD * len(FRAME) != stack else 0
        self._words(frame, len(FRAME))[:] = values
        self._emulator.write(UC_ARM_REG_SP, frame)
        self._emulator.write(UC_ARM_REG_LR, RETURN)
        self._emulator.write(UC_ARM_REG_XPSR, STATE_THUMB | exception)
        self._emulator.write(UC_ARM_REG_PC, vector)

    def _leave(self) -> None:
        """Return from a handler, if the core has just left one."""
        if not self._returning:
            return
        self._returning = False
        frame = self._emulator.read(UC_ARM_REG_SP)
        values = [int(value) for value in self._words(frame, len(FRAME))]
        moved = WORD if values[-1] & ALIGNED else 0
        self._emulator.write(UC_ARM_REG_SP, frame + WORD * len(FRAME) + moved)
        self._emulator.write(UC_ARM_REG_XPSR, values[-1] & ~ALIGNED)
        for register, value in zip(FRAME[:-2], values, strict=False):
            self._emulator.write(register, value)
        self._emulator.write(UC_ARM_REG_PC, values[-2] | THUMB)

    def _exception(self, number: int) -> bool:
        self._returning = number == EXCEPTION_EXIT
        return self._returning

    def _start_address(self) -> int:
        return self._emulator.read(UC_ARM_REG_PC) | THUMB

    def _waits(self, pc: int) -> bool:
        return not self._returning and int(self._around.memory.bytes(pc - 2, 2).view("<u2")[0]) in (WFI, WFE)

    def _words(self, address: int, count: int) -> Words:
        return self._around.memory.bytes(address, WORD * count).view("<u4")

    def _sp(self) -> int:
        return self._emulator.read(UC_ARM_REG_SP)
