"""What is executed: bytes at their addresses, where it starts, and what addresses are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from elftools.common.exceptions import ELFError
from elftools.elf.constants import P_FLAGS
from elftools.elf.elffile import ELFFile

from ....errors import BadInput, declare, fail
from ...elf_image import Image

declare({"BT5500": "a program for the cluster cannot be read"})
EXECUTABLE: int = P_FLAGS.PF_X


class Names(Protocol):
    """What tells people where an instruction is."""

    def where(self, pc: int) -> str:
        """Function, file and line."""


@dataclass(frozen=True)
class Segment:
    """Bytes that are there before the program starts."""

    address: int
    data: bytes


@dataclass(frozen=True)
class Program:
    """A program: its instructions, its data, the address where the fabric controller begins."""

    code: Segment
    data: tuple[Segment, ...]
    entry: int
    symbols: Mapping[str, int] = field(default_factory=dict)
    names: Names | None = None

    @classmethod
    def load(cls, path: Path) -> Program:
        """Read an ELF file with one executable segment. Raises `BadInput` (BT5500)."""
        try:
            with path.open("rb") as file:
                elf = ELFFile(file)
                parts = [(part["p_flags"], Segment(part["p_paddr"], part.data())) for part in elf.iter_segments("PT_LOAD")
                         if part["p_filesz"]]
                entry = int(elf.header["e_entry"])
            image = Image(path)
        except (OSError, ELFError) as error:
            fail(BadInput, "BT5500", str(path), str(error), "name a linked RISC-V program")
        code = [segment for flags, segment in parts if flags & EXECUTABLE]
        if len(code) != 1:
            fail(BadInput, "BT5500", str(path), f"it has {len(code)} executable segments, not 1",
                 "link it with the project's own linker script")
        return cls(code[0], tuple(segment for _, segment in parts), entry, image.symbols, image)

    def where(self, pc: int) -> str:
        """Function, file and line of an instruction, as far as they are known."""
        return self.names.where(pc) if self.names else f"0x{pc:08x}"
