"""Programs for both cores: the Arm core starts the RISC-V core, which runs the network and wakes the Arm core."""

from __future__ import annotations

from pathlib import Path

import pytest

from bittrue.targets.max7800x.chip import Chip, Firmware, Outcome, Stopped, TrapKind, build
from bittrue.targets.max7800x.device import MAX78000, MAX78002, Device

from .chip_programs import Memory, project

ARM = r"""
#include "mxc.h"
#include "fcr_regs.h"
#include "sema_regs.h"
extern const char __FlashStart_;
static volatile int woken;
void wake(void)
{
  MXC_SEMA->irq0 = MXC_F_SEMA_IRQ0_EN & ~MXC_F_SEMA_IRQ0_CM4_IRQ;
  woken++;
}
int main(void)
{
  BOOT
  MXC_SYS_ClockEnable(MXC_SYS_PERIPH_CLOCK_SMPHR);
  MXC_NVIC_SetVector(RISCV_IRQn, wake);
  MXC_SYS_ClockEnable(MXC_SYS_PERIPH_CLOCK_CPU1);
  MXC_LP_EnterSleepMode();
  return woken;
}
"""
BOOT = "MXC_FCR->urvbootaddr = (uint32_t)(uintptr_t)&__FlashStart_;"

RISCV = r"""
#include <stdio.h>
#include "mxc.h"
#define WORD(address) (*(volatile uint32_t *)(address))
static volatile uint32_t done;
static uint32_t room[3] = { 7, 8, 9 };
void __attribute__((interrupt("machine"))) CNN_IRQHandler(void)
{
  WORD(0x50100004) = 1;
  done++;
  NVIC_ClearPendingIRQ(CNN_IRQn);
  NVIC_ClearPendingEVENT(CNN_IRQn);
}
void fill(int count)
{
  for (int i = 0; i < count; i++)
    *(volatile uint32_t *)&room[i] = 1;
}
void fail(void) { for (;;) ; }
uint32_t wide(uint32_t a, uint32_t b) { return (uint32_t)(((uint64_t)a << 32) / b); }
int main(void)
{
  MXC_ICC_Enable(MXC_ICC1);
  __enable_irq();
  NVIC_EnableIRQ(CNN_IRQn);
  NVIC_EnableEVENT(CNN_IRQn);
  MXC_Delay(MSEC(20));
  WORD(0x400c0410) = 5;
  WORD(0x50100000) = 1;
  while (done == 0)
    __WFI();
  printf("%u interrupt, %u\n", (unsigned)done, (unsigned)(room[0] + room[2]));
  FAIL
  MXC_SEMA->irq0 = MXC_F_SEMA_IRQ0_EN | MXC_F_SEMA_IRQ0_CM4_IRQ;
  return 0;
}
"""


def both(folder: Path, device: Device = MAX78000, boot: str = BOOT, fail: str = "") -> Firmware:
    files = project(folder / "project", main=ARM.replace("BOOT", boot), main_riscv=RISCV.replace("FAIL", fail))
    return build(files, device, folder / "out")


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> Firmware:
    return both(tmp_path_factory.mktemp("riscv"))


def test_the_cores_wake_each_other(firmware: Firmware) -> None:
    memory = Memory()
    chip = Chip(MAX78000, firmware, memory)
    result = chip.run()
    assert (result.text, result.outcome, result.value, result.traps) == ("1 interrupt, 16\n", Outcome.RETURNED, 1, ())
    assert memory.writes == [(0x400C0410, 5, 4), (0x50100000, 1, 4), (0x50100004, 1, 4)]
    assert 1_200_000 <= chip.cycles < 1_300_000  # 20 ms at 60 MHz: no clock was selected


def test_boot_from_sram_and_the_other_chip(tmp_path: Path) -> None:
    result = Chip(MAX78002, both(tmp_path, MAX78002, boot=""), Memory()).run()
    assert (result.text, result.outcome, result.value) == ("1 interrupt, 16\n", Outcome.RETURNED, 1)


def test_failure_on_the_riscv_core(tmp_path: Path) -> None:
    result = Chip(MAX78000, both(tmp_path, fail="fail();"), Memory()).run()
    assert (result.text, result.outcome) == ("1 interrupt, 16\n", Outcome.FAILED)


def test_functions_of_the_riscv_core_are_called(firmware: Firmware) -> None:
    chip = Chip(MAX78000, firmware, Memory())
    assert chip.call("wide", 3, 7) == (3 << 32) // 7
    with pytest.raises(Stopped) as caught:
        chip.call("fill", 4)
    (trap,) = caught.value.result.traps
    assert (trap.kind, trap.text) == (TrapKind.OVERRUN, "write beyond room[] (3 words) by 4 bytes")
    assert trap.where.startswith("fill, main_riscv.c:")
