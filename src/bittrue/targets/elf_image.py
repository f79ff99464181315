"""An ELF file: what is loaded where, what is called how, and where an instruction comes from."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from elftools.elf.elffile import ELFFile

from .debug_info import DebugInfo

THUMB = 1
"""The lowest bit of a function's address in Thumb code; addresses here are without it."""
OBJECT, FUNCTION = 1, 2
"""Types of symbols."""
TYPE = 0xF
"""The bits of a symbol's information that hold its type."""
ENTRY = np.dtype([("name", "<u4"), ("address", "<u4"), ("size", "<u4"), ("info", "u1"), ("other", "u1"),
                  ("section", "<u2")])
"""A symbol in the file."""
HIDDEN = (b".L", b"$")
"""Beginnings of names that the compiler makes up."""


@dataclass(frozen=True)
class Segment:
    """Bytes that are there before the program starts."""

    address: int
    data: bytes


@dataclass(frozen=True)
class Symbol:
    """A function or an object."""

    name: str
    address: int
    size: int
    kind: int


class Image:
    """A linked program."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            elf = ELFFile(file)
            self.segments = tuple(Segment(part["p_paddr"], part.data()) for part in elf.iter_segments("PT_LOAD")
                                  if part["p_filesz"])
            names, entries = (_section(elf, name) for name in (".strtab", ".symtab"))
        symbols = sorted(_symbols(names, entries), key=lambda symbol: symbol.address)
        self.symbols = {symbol.name: symbol.address for symbol in symbols}
        """Address by name."""
        self.functions = tuple(symbol for symbol in symbols if symbol.kind == FUNCTION and symbol.size)
        self.objects = tuple(symbol for symbol in symbols if symbol.kind == OBJECT and symbol.size)

    def function(self, pc: int) -> str | None:
        """The function that holds an instruction."""
        found = bisect_right(self.functions, pc, key=lambda symbol: symbol.address) - 1
        if found < 0 or pc >= self.functions[found].address + self.functions[found].size:
            return None
        return self.functions[found].name

    def within(self, pc: int) -> list[str]:
        """The function that holds an instruction, then those that were inlined there."""
        return [self.function(pc) or f"0x{pc:08x}", *self._debug_info.inlined(pc)]

    def where(self, pc: int) -> str:
        """Function, file and line of an instruction, as far as the file tells."""
        line = self._debug_info.line(pc)
        return " > ".join(self.within(pc)) + (f", {line}" if line else "")

    @cached_property
    def _debug_info(self) -> DebugInfo:
        return DebugInfo(self.path)


def _section(elf: ELFFile, name: str) -> bytes:
    section = elf.get_section_by_name(name)
    data: bytes = b"" if section is None else section.data()
    return data


def _symbols(names: bytes, entries: bytes) -> Iterator[Symbol]:
    """The symbols of a file's tables of names and symbols."""
    for name, address, size, info, _, _ in np.frombuffer(entries, ENTRY).tolist():
        text = names[name:names.index(b"\0", name)]
        if text and not text.startswith(HIDDEN):
            kind = info & TYPE
            yield Symbol(text.decode(), address & ~THUMB if kind == FUNCTION else address, size, kind)
