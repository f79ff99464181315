"""Timers, interrupt controllers and the accelerator's window by themselves."""

from __future__ import annotations

import pytest

from bittrue.targets.max7800x.chip.nvic import ICER, ICPR, ISER, ISPR, Nvic
from bittrue.targets.max7800x.chip.peripherals import (
    GCR_CLKCTRL,
    GCR_IPLL,
    GCR_PCLKDIS1,
    SEMA_IRQ0,
    Clock,
    Peripherals,
    Timer,
)
from bittrue.targets.max7800x.chip.riscv import BASE, Controller
from bittrue.targets.max7800x.chip.window import pages

ENABLE, CONTINUOUS = Timer.ENABLE, Timer.CONTINUOUS


def timer(clock: Clock, compare: int, mode: int) -> Timer:
    found = Timer(clock)
    found.write(Timer.CMP, compare)
    found.write(Timer.CTRL1, Timer.INTERRUPT_ENABLE)
    found.write(Timer.CTRL0, ENABLE | mode)
    return found


def test_a_timer_counts_half_the_clock_and_stops_once() -> None:
    clock = Clock()
    once = timer(clock, 100, 0)
    assert (once.due(), once.requests()) == (200, False)
    clock.skipped = 150
    assert (once.read(Timer.CNT), once.due()) == (75, 50)
    clock.skipped = 205
    assert (once.requests(), once.read(Timer.INTFL), once.running, once.due()) == (True, 1, False, None)
    once.write(Timer.INTFL, 1)
    assert not once.requests()


def test_a_continuous_timer_keeps_its_phase() -> None:
    clock = Clock()
    again = timer(clock, 100, CONTINUOUS)
    clock.skipped = 3 * 200 + 60
    assert (again.read(Timer.CNT), again.requests(), again.due()) == (30, True, 140)


def test_a_timer_starts_where_its_count_was_set() -> None:
    clock = Clock()
    found = timer(clock, 100, 0)
    found.write(Timer.CNT, 90)
    clock.skipped = 19
    assert not found.requests()
    clock.skipped = 20
    assert found.requests()


def test_clocks_are_ready_when_enabled_and_semaphores_request() -> None:
    found = Peripherals(Clock(), 0x2001C000)
    assert (found.riscv_runs, found.riscv_boot, found.read(GCR_IPLL)) == (False, 0x2001C000, 0)
    found.write(GCR_CLKCTRL, 1 << 19)
    found.write(GCR_IPLL, 1)
    found.write(GCR_PCLKDIS1, 0)
    assert found.read(GCR_CLKCTRL) == 1 << 19 | 1 << 27 | 1 << 13
    assert (found.read(GCR_IPLL), found.riscv_runs) == (3, True)
    found.write(SEMA_IRQ0, 1 << 16)
    assert found.lines() == set()
    found.write(SEMA_IRQ0, 1 << 16 | 1)
    assert found.lines() == {"RISCV"}


def test_interrupt_controller_of_the_arm_core() -> None:
    found = Nvic(Clock())
    found.write(ISER + 12, 1 << 5)
    found.latch({"CNN", "TMR0"})
    assert (found.read(ISER + 12), found.read(ISPR), found.read(ISPR + 12)) == (1 << 5, 1 << 5, 1 << 5)
    assert (found.exception(), found.take(), found.exception()) == (117, 117, None)
    found.write(ISER, 1 << 5)
    assert found.exception() == 21
    found.write(ICPR, 1 << 5)
    found.write(ISPR, 1 << 5)
    assert found.exception() == 21
    found.write(ICER, 1 << 5)
    assert found.exception() is None
    with pytest.raises(ValueError, match="no exception"):
        found.take()


def test_controller_of_the_riscv_core() -> None:
    found = Controller()
    found.latch({"CNN", "RISCV"})  # the second is no line of this core
    assert (found.pending, found.wakes(), found.first()) == ([0, 1 << 25, 0, 1 << 25], False, None)
    found.write(BASE + 0x30, 1 << 25)  # events alone wake, without an interrupt
    assert (found.wakes(), found.first()) == (True, None)
    found.write(BASE + 0x10, 1 << 25)
    assert found.first() == 57
    found.write(BASE + 0x1C, 1 << 25)
    assert (found.first(), found.read(BASE + 0x14), found.read(BASE + 0x34)) == (None, 0, 1 << 25)
    found.write(BASE + 0x08, 1 << 9)
    assert found.read(BASE + 0x04) == 1 << 9


def test_windows_are_whole_pages() -> None:
    regions = ((0x50001000, 0x10), (0x400C0400, 0x20), (0x50001FF0, 0x20), (0x50004000, 0x1000))
    assert pages(regions) == [(0x400C0000, 0x1000), (0x50001000, 0x2000), (0x50004000, 0x1000)]
