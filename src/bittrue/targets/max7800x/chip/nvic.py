"""The Arm core's private registers: interrupt controller, system timer, vector table, sleep control."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from .peripherals import Clock

BASE, BYTES = 0xE0000000, 0x100000
ISER, ICER, ISPR, ICPR, WINDOW = 0xE000E100, 0xE000E180, 0xE000E200, 0xE000E280, 0x20
SYST_CTRL, SYST_LOAD, SYST_VALUE = 0xE000E010, 0xE000E014, 0xE000E018
VTOR = 0xE000ED08
LINES: Mapping[str, int] = MappingProxyType({"TMR0": 5, "TMR1": 6, "TMR2": 7, "TMR3": 8, "RISCV": 63, "CNN": 101})
"""Interrupt numbers of the lines."""
EXTERNAL = 16
"""Exception number of interrupt 0."""
SYSTICK = 15
TICK_ENABLE, TICK_INTERRUPT, TICK_FLAG = 1, 2, 1 << 16


class SystemTimer:
    """The core's own timer, counting down from its load value again and again."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.control = self.load = self.start = self.taken = 0

    def periods(self) -> int:
        """How often it has reached 0."""
        return (self.clock.now() - self.start) // (self.load + 1) if self.control & TICK_ENABLE else self.taken

    def pending(self) -> bool:
        """Whether it requests its interrupt."""
        return bool(self.control & TICK_INTERRUPT) and self.periods() > self.taken

    def due(self) -> int | None:
        """Cycles until its next interrupt."""
        if self.control & (TICK_ENABLE | TICK_INTERRUPT) != TICK_ENABLE | TICK_INTERRUPT:
            return None
        return (self.load + 1) - (self.clock.now() - self.start) % (self.load + 1)

    def read(self, address: int) -> int:
        """A register."""
        if address == SYST_LOAD:
            return self.load
        if address == SYST_VALUE:
            return self.load - (self.clock.now() - self.start) % (self.load + 1)
        flag = TICK_FLAG if self.periods() > self.taken else 0
        self.taken = self.periods()
        return self.control | flag

    def write(self, address: int, value: int) -> None:
        """Write a register."""
        if address == SYST_CTRL:
            self.control = value & 7
        elif address == SYST_LOAD:
            self.load = value & 0xFFFFFF
        self.start, self.taken = self.clock.now(), 0


class Nvic:
    """Which interrupts are enabled and pending, by number."""

    def __init__(self, clock: Clock) -> None:
        self.timer = SystemTimer(clock)
        self.enabled: set[int] = set()
        self.pending: set[int] = set()
        self._words: dict[int, int] = {VTOR: 0}
        self._sets: tuple[tuple[int, Callable[[Iterable[int]], None], set[int]], ...] = (
            (ISER, self.enabled.update, self.enabled), (ICER, self.enabled.difference_update, self.enabled),
            (ISPR, self.pending.update, self.pending), (ICPR, self.pending.difference_update, self.pending))

    @property
    def vectors(self) -> int:
        """Address of the vector table."""
        return self._words[VTOR]

    def latch(self, lines: set[str]) -> None:
        """Interrupt lines that are set make their interrupt pending."""
        self.pending.update(LINES[name] for name in lines)

    def exception(self) -> int | None:
        """The exception to take: the lowest pending number that is enabled."""
        if self.timer.pending():
            return SYSTICK
        ready = self.enabled & self.pending
        return min(ready) + EXTERNAL if ready else None

    def take(self) -> int:
        """The exception to take, which is no longer pending."""
        exception = self.exception()
        if exception is None:
            raise ValueError("no exception is pending")
        if exception == SYSTICK:
            self.timer.taken = self.timer.periods()
        self.pending.discard(exception - EXTERNAL)
        return exception

    def read(self, address: int) -> int:
        """The word at an address."""
        if SYST_CTRL <= address <= SYST_VALUE:
            return self.timer.read(address)
        for base, _, held in self._sets:
            if base <= address < base + WINDOW:
                first = (address - base) * 8
                return sum(1 << number - first for number in held if first <= number < first + 32)
        return self._words.get(address, 0)

    def write(self, address: int, value: int) -> None:
        """Write the word at an address."""
        if SYST_CTRL <= address <= SYST_VALUE:
            self.timer.write(address, value)
            return
        for base, change, _ in self._sets:
            if base <= address < base + WINDOW:
                first = (address - base) * 8
                change([first + bit for bit in range(32) if value >> bit & 1])
                return
        self._words[address] = value
