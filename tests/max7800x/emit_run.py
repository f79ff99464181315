"""Runs an emitted project on an emulated Cortex-M4 whose accelerator is plain memory: what the software does, in order.

Sleeping calls back: the test then writes what the accelerator would, and the interrupt handler runs. MLAT packs bytes
as the device table says, memory tests are done at once, a FIFO is full twice of three times it is asked.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from unicorn import (
    UC_ARCH_ARM,
    UC_HOOK_CODE,
    UC_MODE_MCLASS,
    UC_MODE_THUMB,
    Uc,
)
from unicorn.arm_const import (
    UC_ARM_REG_LR,
    UC_ARM_REG_R0,
    UC_ARM_REG_R1,
    UC_ARM_REG_R2,
    UC_ARM_REG_R3,
    UC_ARM_REG_SP,
    UC_CPU_ARM_CORTEX_M4,
)

from bittrue.targets.max7800x.device import ADDRESSES, Device

from .emit_stubs import ARM, compile_c, link

PROGRAM_SIZE, STACK, STACK_SIZE, END = 0x100_0000, 0x2000_0000, 0x80000, 0x3000_0000
ACCELERATOR, SIZE = 0x5000_0000, 0x0500_0000
FAST, FAST_SIZE = 0x400C_0000, 0x1000
ARGUMENTS = (UC_ARM_REG_R0, UC_ARM_REG_R1, UC_ARM_REG_R2, UC_ARM_REG_R3)
GARBAGE, UNPRIMED = 0xDEADBEEF, -1

SUPPORT = """
#include "mxc.h"
#include "gcfr_regs.h"
#include "cnn.h"
static gcr_t gcr = {0, MXC_F_GCR_IPLL_CTRL_RDY};
static gcfr_t gcfr;
static mxc_gpio_regs_t gpio;
gcr_t *const MXC_GCR = &gcr;
gcfr_t *const MXC_GCFR = &gcfr;
mxc_gpio_regs_t *const MXC_GPIO1 = &gpio, *const MXC_GPIO2 = &gpio;
tmr_t *const MXC_TMR0, *const MXC_TMR1;
static void (*isr)(void);
int printf(const char *format, ...) { __asm volatile("" :: "r"(format)); return 0; }
void finish(void);
__attribute__((noinline)) void finish(void) { __asm volatile(""); }
int MXC_GPIO_Config(const mxc_gpio_cfg_t *cfg) { return cfg->mask == 0; }
void MXC_GPIO_OutSet(mxc_gpio_regs_t *port, uint32_t mask) { port->value |= mask; }
void MXC_GPIO_OutClr(mxc_gpio_regs_t *port, uint32_t mask) { port->value &= ~mask; }
int MXC_Delay(uint32_t us) { return us == 0; }
void MXC_TMR_SW_Start(tmr_t *tmr) { (void)tmr; }
int MXC_TMR_SW_Stop(tmr_t *tmr) { (void)tmr; return 0; }
void MXC_ICC_Enable(int icc) { (void)icc; }
int MXC_SYS_Clock_Select(int clock) { return clock; }
int MXC_SYS_ClockSourceEnable(int clock) { return clock; }
void MXC_SYS_ClockEnable(int clock) { (void)clock; }
void MXC_SYS_ClockDisable(int clock) { (void)clock; }
void SystemCoreClockUpdate(void) { }
void MXC_NVIC_SetVector(int irq, void (*handler)(void)) { (void)irq; isr = handler; }
void MXC_LP_EnterSleepMode(void) { finish(); isr(); }
void LED_On(unsigned int led) { (void)led; }
void LED_Off(unsigned int led) { (void)led; }
"""


class Board:
    """A project in memory, ready to run."""

    def __init__(self, device: Device, uc: Uc, symbols: dict[str, int], finish: Callable[[Board], None]) -> None:
        self.device, self.uc, self.symbols, self.finish = device, uc, symbols, finish
        self.text = ""
        self.writes: list[tuple[int, int, int]] = []
        """Address, value, bytes of every write to the accelerator."""
        self.addresses = ADDRESSES[device.name]
        self._memory = {ACCELERATOR: bytearray(SIZE), FAST: bytearray(FAST_SIZE)}
        self._asked = 0
        self._mlat: dict[int, tuple[int, int]] = {}
        groups = range(device.groups)
        register = self.addresses.register
        self._special: dict[int, Callable[[int], int]] = {
            register("FIFO_STAT"): self._status, register("FAST_SR"): self._status,
            **{register("SRAM_TEST", group): self._tested for group in groups},
            **{register("MLAT", group): self._packed for group in groups}}
        self._controls = {register("CTL", group): group for group in groups}

    def run(self) -> None:
        """From the start of `main` until it returns, or fails."""
        self.uc.reg_write(UC_ARM_REG_SP, STACK + STACK_SIZE)
        self.uc.reg_write(UC_ARM_REG_LR, END | 1)
        self.uc.emu_start(self.symbols["main"] | 1, END)

    def array(self, name: str, count: int, kind: str = "<u4") -> Any:
        """A variable of the program."""
        size = np.dtype(kind).itemsize
        return np.frombuffer(bytes(self.uc.mem_read(self.symbols[name], count * size)), kind)

    # ---- the accelerator

    def word(self, address: int) -> int:
        """A word of the accelerator's memory."""
        base = self._base(address)
        return int.from_bytes(self._memory[base][address - base:address - base + 4], "little")

    def poke(self, address: int, value: int, mask: int = 0xFFFFFFFF) -> None:
        """Change bits of a word, as the accelerator does."""
        base = self._base(address)
        word = self.word(address) & ~mask | value & mask
        self._memory[base][address - base:address - base + 4] = word.to_bytes(4, "little")

    def _base(self, address: int) -> int:
        return ACCELERATOR if address >= ACCELERATOR else FAST

    def read(self, address: int) -> int:
        """What a read gives."""
        special = self._special.get(address)
        return special(address) if special else self.word(address)

    def write(self, address: int, size: int, value: int) -> None:
        """What a write does."""
        self.writes.append((address, value, size))
        if size == 4:
            self.poke(address, value)
        if address in self._controls:
            self._control(self._controls[address], value)

    def _status(self, _address: int) -> int:
        self._asked += 1
        return 0xF if self._asked % 3 else 0

    def _tested(self, _address: int) -> int:
        return sum(f.mask for f in self.addresses.registers["SRAM_TEST"].fields if f.name.endswith("done"))

    def _control(self, group: int, value: int) -> None:
        """The load bit of the mlator: 0 to 1 takes the pointer and the byte."""
        fields = self.addresses.registers["CTL"].unpack(value)
        at = self.addresses.register("MLAT", group)
        if not fields["mlat_ld"]:
            self._mlat.pop(at, None)
        elif at not in self._mlat:
            self._mlat[at] = UNPRIMED, fields["mlatch_sel"]

    def _packed(self, address: int) -> int:
        """Four bytes of a channel; the first read gives nothing."""
        pointer, byte = self._mlat[address]
        if pointer == UNPRIMED:
            group = next(g for g in range(self.device.groups) if self.addresses.register("MLAT", g) == address)
            self._mlat[address] = self.word(self.addresses.register("WPTR_BASE", group)), byte
            return GARBAGE
        self._mlat[address] = pointer + 4, byte
        instance, word = divmod(pointer, 1 << self.device.pointer_word_bits)
        first = self.addresses.data(instance * self.device.shared, word * 4)
        return sum((self.word(first + 4 * i) >> 8 * byte & 0xFF) << 8 * i for i in range(4))


def build(files: dict[str, str], folder: Path, device: Device, finish: Callable[[Board], None]) -> Board:
    """Compile, link and load a project that was written to `folder`."""
    (folder / "support.c").write_text(SUPPORT)
    for name in (*sorted(name for name in files if name.endswith(".c")), "support.c"):
        said = compile_c(folder, name, ARM)
        assert not said, said
    link(folder, ARM)
    image = (folder / "project.elf").read_bytes()
    uc = Uc(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS)
    uc.ctl_set_cpu_model(UC_CPU_ARM_CORTEX_M4)
    for start, size in ((0, PROGRAM_SIZE), (STACK, STACK_SIZE), (END, 0x1000)):
        uc.mem_map(start, size)
    for address, data in _segments(image):
        uc.mem_write(address, data)
    board = Board(device, uc, dict(_symbols(image)), finish)
    _hook(board)
    return board


def _hook(board: Board) -> None:
    for start, size in ((ACCELERATOR, SIZE), (FAST, FAST_SIZE)):
        board.uc.mmio_map(start, size, lambda _uc, offset, _size, base: board.read(base + offset), start,
                          lambda _uc, offset, size, value, base: board.write(base + offset, size, value), start)
    for name, call in (("printf", _printf), ("finish", board.finish)):
        at = board.symbols[name] & ~1
        board.uc.hook_add(UC_HOOK_CODE, lambda _uc, _at, _size, call: call(board), call, at, at)


def _printf(board: Board) -> None:
    """Formats as the C library does; all arguments are 32-bit integers."""
    registers = [board.uc.reg_read(number) for number in ARGUMENTS]
    text = bytes(board.uc.mem_read(registers[0], 512)).split(b"\0")[0].decode()
    stack = board.uc.reg_read(UC_ARM_REG_SP)
    values = [*registers[1:], *struct.unpack("<4I", board.uc.mem_read(stack, 16))]
    kinds = [part[-1:] for part in _specifiers(text)]
    signed = [value - (1 << 32) if kind == "d" and value >> 31 else value
              for kind, value in zip(kinds, values, strict=False)]
    board.text += text.replace("%u", "%d") % tuple(signed)
    if "FAIL" in board.text:
        board.uc.emu_stop()


def _specifiers(text: str) -> Iterator[str]:
    rest = text.replace("%%", "")
    while "%" in rest:
        rest = rest[rest.index("%") + 1:]
        yield rest[:next(i for i, letter in enumerate(rest) if letter.isalpha()) + 1]


# ---- the ELF file

def _segments(image: bytes) -> Iterator[tuple[int, bytes]]:
    start, = struct.unpack_from("<I", image, 28)
    count, = struct.unpack_from("<H", image, 44)
    for i in range(count):
        kind, offset, address, _, size, _, _, _ = struct.unpack_from("<8I", image, start + 32 * i)
        if kind == 1:
            yield address, image[offset:offset + size]


def _symbols(image: bytes) -> Iterator[tuple[str, int]]:
    start, = struct.unpack_from("<I", image, 32)
    count, = struct.unpack_from("<H", image, 48)
    sections = [struct.unpack_from("<10I", image, start + 40 * i) for i in range(count)]
    for _, kind, _, _, offset, size, strings, *_ in sections:
        if kind != 2:
            continue
        names = sections[strings][4]
        for at in range(offset, offset + size, 16):
            name, value = struct.unpack_from("<II", image, at)
            yield image[names + name:image.index(b"\0", names + name)].decode(), value

