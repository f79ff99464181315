"""Small C programs for the emulated chip, and an accelerator that is nothing but memory and one button."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from bittrue.targets.max7800x.chip.build import Firmware, Options, build
from bittrue.targets.max7800x.device import MAX78000, Device

GO, DONE = 0x50100000, 0x50100004
"""Writing 1 to the first sets the interrupt line, writing to the second clears it."""


class Memory:
    """Keeps what is written, and in which order."""

    regions: tuple[tuple[int, int], ...] = ((0x50000000, 0x200000), (0x400C0400, 0x100))

    def __init__(self) -> None:
        self.interrupt = False
        self.writes: list[tuple[int, int, int]] = []
        self.words: dict[int, int] = {}
        self.blocks = 0

    def write(self, address: int, value: int, size: int = 4) -> None:
        self.writes.append((address, value, size))
        if size == 4:
            self.words[address] = value
        self.interrupt = (self.interrupt or (address == GO and value == 1)) and address != DONE

    def write_block(self, addresses: npt.NDArray[np.uint32], values: npt.NDArray[np.uint32]) -> None:
        self.blocks += 1
        for address, value in zip(addresses.tolist(), values.tolist(), strict=True):
            self.write(address, value)

    def read(self, address: int, size: int = 4) -> int:
        return self.words.get(address & ~3, 0) >> 8 * (address & 3) & ((1 << 8 * size) - 1)


def project(folder: Path, **files: str) -> Path:
    """A folder with C files: `main="..."` is main.c."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.c").write_text(text)
    return folder


def compiled(folder: Path, main: str, device: Device = MAX78000, options: Options | None = None) -> Firmware:
    """A project with one file, compiled."""
    return build(project(folder / "project", main=main), device, folder / "out", options)


PROGRAM = r"""
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "mxc.h"

#define WORD(address) (*(volatile uint32_t *)(address))
#define BYTE(address) (*(volatile uint8_t *)(address))

uint32_t table[5];
uint32_t behind[3] = { 1, 2, 3 };
static volatile int done;
volatile int ticks;

void ring(void)
{
  WORD(0x50100004) = 1;
  done = 1;
}

void enable(void) { MXC_NVIC_SetVector(CNN_IRQn, ring); }

__attribute__((noinline)) void fill(uint32_t *to, int count)
{
  for (int i = 0; i < count; i++)
    *(volatile uint32_t *)to++ = (uint32_t)i;
}

void fill_table(int count) { fill(table, count); }
void fill_backwards(void) { *(volatile uint32_t *)(table - 1) = 7; }
uint32_t touch(uint32_t address) { return WORD(address); }
void poke(uint32_t address) { WORD(address) = 1; }
int deep(int n)
{
  volatile char room[1000];
  room[n % 1000] = (char)n;
  return n == 0 ? 0 : deep(n - 1) + room[n % 1000];
}
void spin(void) { for (;;) ; }
void busy(void) { while (!done) ; }
void sleep(void) { __WFI(); }
void jump(void) { ((void (*)(void))0x20000001u)(); }
void illegal(void) { __asm volatile("udf #0"); }
void orphan(void)
{
  NVIC_EnableIRQ(CNN_IRQn);
  WORD(0x50100000) = 1;
  __WFI();
}
void no_vectors(void)
{
  WORD(0xe000ed08) = 0x30000000; /* the vector table lies where nothing is */
  NVIC_EnableIRQ(CNN_IRQn);
  WORD(0x50100000) = 1;
  __WFI();
}
int start_and_sleep(void)
{
  done = 0;
  WORD(0x50100000) = 1;
  while (!done)
    __WFI();
  return 42;
}
int start_and_spin(void)
{
  done = 0;
  WORD(0x50100000) = 1;
  while (!done) ;
  return 43;
}
int add(int a, int b, int c, int d) { return a + 10 * b + 100 * c + 1000 * d; }
void store(void)
{
  WORD(0x50000010) = 0x11223344;
  BYTE(0x50000021) = 0x5a;
  WORD(0x50000014) = 0x55667788;
  *(volatile uint16_t *)0x50000030 = 0x1234;
}
uint32_t load(void) { return WORD(0x50000010) + BYTE(0x50000015); }
void copy(void)
{
  static const uint32_t words[4] = { 1, 2, 3, 4 };
  memcpy((void *)0x50000100, words, sizeof words);
}
unsigned int timed(void)
{
  MXC_TMR_SW_Start(MXC_TMR0);
  MXC_Delay(1500);
  return MXC_TMR_SW_Stop(MXC_TMR0);
}
static void tick(void) { ticks++; }
int wait_for_ticks(void)
{
  NVIC_SetVector(SysTick_IRQn, tick);
  SysTick->load = 999;
  SysTick->ctrl = 7;
  while (ticks < 3)
    __WFI();
  SysTick->ctrl = 0;
  return ticks;
}
int take_memory(void)
{
  char *first = malloc(5), *second = calloc(3, 4);
  return second - first == 8 && second[11] == 0 && malloc(1u << 20) == NULL;
}
void refuse(int value)
{
  if (value != 3) {
    printf("*** FAIL ***\n");
    exit(-5);
  }
}
int main(void)
{
  MXC_ICC_Enable(MXC_ICC0);
  MXC_SYS_Clock_Select(MXC_SYS_CLOCK_IPO);
  MXC_Delay(SEC(2));
  LED_On(1);
  printf("hello %u\n", (unsigned)(SystemCoreClock / 1000000));
  return behind[2] == 3 && table[4] == 0 ? -7 : 1;
}
"""
