"""Linker scripts that put a guard behind every variable of a project.

Arrays lie with unused bytes between them, so that a write beyond one is seen where it happens and does not hit another
variable. The stack is at the start of SRAM: when it overflows, it leaves the SRAM.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

from .regions import STACK, Room

GUARD_SIZES = (16, 32 * 1024)
"""The smallest and the largest guard, bytes."""
ALIGNMENT = 16
FLASH_PAGE = 8192
"""What the RISC-V core's program is aligned to."""
GUARD = "mxc_guard_"
"""Guard n lies between the symbols `mxc_guard_n` and `mxc_guard_n_end`."""


@dataclass(frozen=True)
class Variables:
    """A section of an object file with variables."""

    file: str
    name: str
    size: int
    zeroed: bool


def variables(objects: Sequence[Path]) -> list[Variables]:
    """The sections with variables of these files, compiled with one section for each."""
    found = []
    for path in objects:
        with path.open("rb") as file:
            found += [Variables(path.name, section.name, section["sh_size"], section["sh_type"] == "SHT_NOBITS")
                      for section in ELFFile(file).iter_sections()
                      if section["sh_flags"] & SH_FLAGS.SHF_WRITE and section["sh_size"]]
    return found


def guard_size(own: Sequence[Variables], others: int, room: Room) -> int:
    """Bytes of each guard: half of the SRAM that is free, in equal parts."""
    smallest, largest = GUARD_SIZES
    free = room.sram[1] - STACK - others - sum(part.size + ALIGNMENT for part in own)
    return max(smallest, min(largest, free // 2 // (len(own) + 1) // ALIGNMENT * ALIGNMENT))


def script(files: Sequence[Path], own: Sequence[Variables], others: int, room: Room) -> str:
    """The linker script: `files` are the project's object files, `own` their variables, `others` the bytes of all
    others. The project's functions are kept even if nothing calls them: a test may.
    """
    guard = guard_size(own, others, room)
    ready = [part for part in own if not part.zeroed]
    zeroed = [part for part in own if part.zeroed]
    return _SCRIPT.format(
        flash=room.flash[0], flash_bytes=room.flash[1], sram=room.sram[0], sram_bytes=room.sram[1], stack=STACK,
        functions=" ".join(f"KEEP(*{path.name}(.text .text.*))" for path in files), alignment=ALIGNMENT,
        first=_guard(len(own), guard), data=_guarded(ready, 0, guard), bss=_guarded(zeroed, len(ready), guard),
        page=FLASH_PAGE, boot=_NO_BOOT if room.boot is None else _BOOT,
        boot_region="" if room.boot is None else _BOOT_REGION.format(address=room.boot))


def _guarded(parts: Sequence[Variables], first: int, guard: int) -> str:
    return "\n    ".join(f"*{part.file}({part.name}) {_guard(index, guard)}" for index, part in enumerate(parts, first))


def _guard(index: int, guard: int) -> str:
    return f"{GUARD}{index} = .; . += {guard}; . = ALIGN({ALIGNMENT}); {GUARD}{index}_end = .;"


_BOOT = ".boot : { KEEP(*(.boot)) } > BOOT"
_BOOT_REGION = "BOOT (rx) : ORIGIN = {address:#x}, LENGTH = 0x100"
_NO_BOOT = "/DISCARD/ : { *(.boot) }"

_SCRIPT = """\
MEMORY
{{
  FLASH (rx) : ORIGIN = {flash:#x}, LENGTH = {flash_bytes:#x}
  SRAM (rwx) : ORIGIN = {sram:#x}, LENGTH = {sram_bytes:#x}
  {boot_region}
}}
ENTRY(mxc_reset)
SECTIONS
{{
  .text :
  {{
    KEEP(*(.vectors)) {functions} *(.text .text.*)
    *(.rvflash_section) *(.rodata .rodata.* .srodata .srodata.*)
  }} > FLASH
  .ARM.extab : {{ *(.ARM.extab .ARM.extab.*) }} > FLASH
  .ARM.exidx : {{ *(.ARM.exidx .ARM.exidx.*) }} > FLASH
  .stack (NOLOAD) : {{ mxc_stack = .; . += {stack}; mxc_stack_end = .; }} > SRAM
  .guard (NOLOAD) : ALIGN({alignment}) {{ {first} }} > SRAM
  .data : ALIGN({alignment})
  {{
    mxc_data = .;
    {data}
    *(.data .data.* .sdata .sdata.*)
    . = ALIGN(4);
    mxc_data_end = .;
  }} > SRAM AT > FLASH
  mxc_data_load = LOADADDR(.data);
  .bss (NOLOAD) : ALIGN({alignment})
  {{
    mxc_bss = .;
    {bss}
    *(.bss .bss.* .sbss .sbss.* COMMON)
    . = ALIGN(4);
    mxc_bss_end = .;
  }} > SRAM
  mxc_heap = ALIGN(ADDR(.bss) + SIZEOF(.bss), 8);
  mxc_heap_end = ORIGIN(SRAM) + LENGTH(SRAM);
  __FlashStart_ = ALIGN(LOADADDR(.data) + SIZEOF(.data), {page});
  PROVIDE(__global_pointer$ = mxc_data + 0x800);
  {boot}
}}
"""
