"""Whether a project fits into the chip's flash memory and SRAM, known before anything is compiled."""

from __future__ import annotations

from ....errors import Diagnostics, Unsupported, declare
from ..device import Device
from ..program import Program
from .options import EmitOptions
from .samples import answer, answer_words
from .unload import words
from .weights import packed_words

declare({
    "BT5484": "a project that does not fit into the chip's flash memory",
    "BT5485": "results that do not fit into the chip's SRAM",
})

CODE = 20 * 1024
"""Bytes of flash that instructions, texts and the board's software take."""
STACK = 20 * 1024
"""Bytes of SRAM for the stack and the variables of the board's software."""
WORD = 4
HEADER = 5
"""Words around a block of the known answer."""


def require_room(program: Program, device: Device, options: EmitOptions) -> None:
    """Raises `Unsupported` when tables and program are larger than the flash memory (BT5484), or what is unloaded is
    larger than the SRAM (BT5485)."""
    found = Diagnostics()
    _flash(program, device, options, found)
    _sram(program, device, options, found)
    found.raise_as(Unsupported)


def _flash(program: Program, device: Device, options: EmitOptions, found: Diagnostics) -> None:
    tables = WORD * sum(2 + len(packed_words(block.data)) for block in program.kernels)
    tables += sum(len(block.data) for block in program.biases) + WORD * sum(len(b.words) for b in program.inputs)
    known = WORD * len(answer_words(answer(program.expected, options.max_checklines))) if options.kat else 0
    room = device.flash_bytes - CODE - tables
    if known <= room:
        return
    lines = room // WORD - HEADER * len(program.expected)
    fix = f"compare a part of the known answer: option max-checklines={lines}" if known and lines > 0 else \
        "use a smaller network or input, or read weights and input from elsewhere"
    found.add("BT5484", "flash memory", f"weights and sample input take {tables:,} bytes, the known answer {known:,}, "
              f"the program about {CODE:,}; the {device.part} has {device.flash_bytes:,}", fix)


def _sram(program: Program, device: Device, options: EmitOptions, found: Diagnostics) -> None:
    copies = 2 if options.mlator and not options.mlator_noverify else 1
    needed = WORD * words(program.outputs) * copies if options.unload else 0
    if needed + STACK > device.sram_bytes:
        found.add("BT5485", "SRAM", f"the unloaded results take {needed:,} bytes, the stack {STACK:,}; the "
                  f"{device.part} has {device.sram_bytes:,}",
                  "leave the results in the accelerator's data memory (option no-unload), or shrink the output")
