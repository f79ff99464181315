"""The peripherals between the cores and the accelerator, as far as programs look at them.

Serial port: what is written is kept as text. Timers and the system timer count time. Clocks are ready as soon as they
are enabled. Semaphore block: interrupt requests from one core to the other. All other registers keep what is written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

BASE, BYTES = 0x40000000, 0xC0000
"""Where the peripherals lie."""
GCR_CLKCTRL, GCR_IPLL, GCR_PCLKDIS1 = 0x40000008, 0x40000010, 0x40000048
URVBOOTADDR = 0x40000810
TIMERS = (0x40010000, 0x40011000, 0x40012000, 0x40013000)
TIMER_LINES = ("TMR0", "TMR1", "TMR2", "TMR3")
ICC_CONTROLS = (0x4002A100, 0x4002A900)
SEMA_IRQ0 = 0x4003E040
UARTS = (0x40042000, 0x40043000, 0x40044000)
UART_STATUS, UART_FIFO = 0x04, 0x20
CPU1_DISABLE = 1 << 31
"""Bit of GCR.pclkdis1: no clock for the RISC-V core."""
OSCILLATORS = 0x3F << 16
"""Bits of GCR.clkctrl that enable clocks; each is ready 8 bits further up."""
SYSTEM_READY = 1 << 13
READY_16 = 1 << 16
REQUEST = 1 << 16 | 1
"""Bits of SEMA.irq0: the request, and its enable."""
WORD = 0xFFFFFFFF
WORDS_A_TICK = 2
"""Timers count the peripheral clock, half of the core's."""


@dataclass
class Clock:
    """Time in cycles of the core clock: one for every 16 bits of instructions executed, and what was slept away."""

    skipped: int = 0
    counters: list[Callable[[], int]] = field(default_factory=list)

    def now(self) -> int:
        """Cycles since the start."""
        return self.skipped + sum(counter() for counter in self.counters)


@dataclass
class Timer:
    """One of the timers, counting up to its compare value once or again and again."""

    CNT, CMP, INTFL, CTRL0, CTRL1 = 0x00, 0x04, 0x0C, 0x10, 0x18
    ENABLE, CONTINUOUS, INTERRUPT_ENABLE = 1 << 15, 1, 1 << 3

    clock: Clock
    compare: int = 0
    control: int = 0
    control1: int = 0
    flagged: bool = False
    _start: int = 0
    _count: int = 0
    """The count at time `_start`; while the timer stands still, the count."""

    @property
    def running(self) -> bool:
        """Whether it counts."""
        return bool(self.control & self.ENABLE)

    def count(self) -> int:
        """The count, after what has happened since."""
        self._advance()
        return self._count + (self._passed() if self.running else 0)

    def due(self) -> int | None:
        """Cycles until its interrupt; None when there will be none."""
        self._advance()
        if not self.running or not self.control1 & self.INTERRUPT_ENABLE:
            return None
        return max(1, (self.compare - self._count) * WORDS_A_TICK - (self.clock.now() - self._start))

    def requests(self) -> bool:
        """The interrupt line."""
        self._advance()
        return self.flagged and bool(self.control1 & self.INTERRUPT_ENABLE)

    def read(self, offset: int) -> int:
        """A register."""
        self._advance()
        return {self.CNT: self.count(), self.CMP: self.compare, self.INTFL: int(self.flagged),
                self.CTRL0: self.control, self.CTRL1: self.control1}.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        count = self.count()
        if offset == self.CNT:
            count = value
        elif offset == self.CMP:
            self.compare = value
        elif offset == self.INTFL:
            self.flagged = self.flagged and not value & 1
        elif offset == self.CTRL0:
            self.control = value
        elif offset == self.CTRL1:
            self.control1 = value
        self._start, self._count = self.clock.now(), count

    def _passed(self) -> int:
        return (self.clock.now() - self._start) // WORDS_A_TICK

    def _advance(self) -> None:
        """Set the flag and stop or restart, when the compare value has been passed."""
        missing = self.compare - self._count
        over = self._passed() - missing
        if not self.running or over < 0:
            return
        self.flagged, self._count = True, 0
        if self.control & self.CONTINUOUS and self.compare:
            self._start += (missing + over // self.compare * self.compare) * WORDS_A_TICK
        else:
            self.control &= ~self.ENABLE


class Peripherals:
    """All peripherals: reads and writes of words at bus addresses."""

    def __init__(self, clock: Clock, riscv_boot: int) -> None:
        self.text = bytearray()
        self.requested = False
        """Whether the RISC-V core requests the Arm core's interrupt."""
        self._words: dict[int, int] = {GCR_PCLKDIS1: CPU1_DISABLE, URVBOOTADDR: riscv_boot}
        self._timers = {address: Timer(clock) for address in TIMERS}
        self._reads: dict[int, Callable[[], int]] = {GCR_CLKCTRL: self._clocks, GCR_IPLL: self._pll,
                                                     SEMA_IRQ0: self._request}
        self._reads |= {uart + UART_STATUS: _nothing for uart in UARTS}
        self._reads |= {control: self._cache_control(control) for control in ICC_CONTROLS}
        self._writes: dict[int, Callable[[int], None]] = {uart + UART_FIFO: self._send for uart in UARTS}
        self._writes[SEMA_IRQ0] = self._set_request

    def read(self, address: int) -> int:
        """The word at an address."""
        timer = self._timers.get(address & ~0xFFF)
        if timer is not None:
            return timer.read(address & 0xFFF) & WORD
        special = self._reads.get(address)
        return self._words.get(address, 0) if special is None else special()

    def write(self, address: int, value: int) -> None:
        """Write the word at an address."""
        timer = self._timers.get(address & ~0xFFF)
        if timer is not None:
            timer.write(address & 0xFFF, value)
            return
        special = self._writes.get(address)
        if special is None:
            self._words[address] = value
        else:
            special(value)

    def lines(self) -> set[str]:
        """The interrupt lines that are set, but for the accelerator's."""
        found = {name for name, timer in zip(TIMER_LINES, self._timers.values(), strict=True) if timer.requests()}
        return found | {"RISCV"} if self.requested else found

    def due(self) -> int | None:
        """Cycles until the next timer's interrupt; None when there will be none."""
        return min((due for timer in self._timers.values() if (due := timer.due()) is not None), default=None)

    @property
    def riscv_runs(self) -> bool:
        """Whether the RISC-V core has a clock."""
        return not self._words[GCR_PCLKDIS1] & CPU1_DISABLE

    @property
    def riscv_boot(self) -> int:
        """Where the RISC-V core starts."""
        return self._words[URVBOOTADDR]

    def _clocks(self) -> int:
        value = self._words.get(GCR_CLKCTRL, 0)
        return value | (value & OSCILLATORS) << 8 | SYSTEM_READY

    def _pll(self) -> int:
        value = self._words.get(GCR_IPLL, 0)
        return value | (value & 1) << 1

    def _cache_control(self, address: int) -> Callable[[], int]:
        return lambda: self._words.get(address, 0) | READY_16

    def _request(self) -> int:
        return REQUEST if self.requested else self._words.get(SEMA_IRQ0, 0)

    def _set_request(self, value: int) -> None:
        self.requested = value & REQUEST == REQUEST
        self._words[SEMA_IRQ0] = value

    def _send(self, value: int) -> None:
        self.text.append(value & 0xFF)


def _nothing() -> int:
    """Status of a serial port: its buffer is never full."""
    return 0
