"""An ELF file: what is loaded where, what is called how, and which line of source an instruction comes from."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from elftools.dwarf.lineprogram import LineProgram
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import Symbol as Entry
from elftools.elf.sections import SymbolTableSection

THUMB = 1
"""The lowest bit of a function's address on the Arm core; addresses here are without it."""
FUNCTION = "STT_FUNC"


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


class Image:
    """A linked program."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            elf = ELFFile(file)
            self.segments = tuple(Segment(part["p_paddr"], part.data()) for part in elf.iter_segments("PT_LOAD")
                                  if part["p_filesz"])
            symbols = [entry for section in elf.iter_sections() if isinstance(section, SymbolTableSection)
                       for entry in section.iter_symbols()]
        self.symbols = {entry.name: _value(entry) for entry in symbols if entry.name}
        """Address by name."""
        self.functions = _kind(symbols, FUNCTION)
        self.objects = _kind(symbols, "STT_OBJECT")

    def function(self, pc: int) -> str | None:
        """The function that holds an instruction."""
        found = _covering(self.functions, pc)
        return None if found is None else found.name

    def where(self, pc: int) -> str:
        """Function, file and line of an instruction, as far as the file tells."""
        name = self.function(pc) or f"0x{pc:08x}"
        line = self.line(pc)
        return name if line is None else f"{name}, {line}"

    def line(self, pc: int) -> str | None:
        """`file:line` of an instruction."""
        index = bisect_right(self._lines, (pc, "\uffff")) - 1
        return (self._lines[index][1] or None) if index >= 0 else None

    @cached_property
    def _lines(self) -> list[tuple[int, str]]:
        """Address -> file:line, sorted; read only when a trap needs it. An end of a sequence has no line."""
        with self.path.open("rb") as file:
            elf = ELFFile(file)
            if not elf.has_dwarf_info():
                return []
            dwarf = elf.get_dwarf_info()
            programs = [program for unit in dwarf.iter_CUs()
                        if (program := dwarf.line_program_for_CU(unit)) is not None]
            return sorted(row for program in programs for row in _rows(program))


def _rows(program: LineProgram) -> list[tuple[int, str]]:
    header = program.header
    first = 0 if header["version"] >= 5 else 1
    names = [entry.name.decode() for entry in header["file_entry"]]
    return [(state.address, "" if state.end_sequence else f"{_name(names, state.file - first)}:{state.line}")
            for entry in program.get_entries() if (state := entry.state) is not None]


def _name(names: list[str], index: int) -> str:
    return Path(names[index]).name if 0 <= index < len(names) else "?"


def _value(entry: Entry) -> int:
    value: int = entry["st_value"]
    return value & ~THUMB if entry["st_info"]["type"] == FUNCTION else value


def _kind(symbols: list[Entry], kind: str) -> tuple[Symbol, ...]:
    found = (Symbol(entry.name, _value(entry), entry["st_size"])
             for entry in symbols if entry["st_info"]["type"] == kind and entry["st_size"])
    return tuple(sorted(found, key=lambda symbol: symbol.address))


def _covering(symbols: tuple[Symbol, ...], address: int) -> Symbol | None:
    index = bisect_right(symbols, address, key=lambda symbol: symbol.address) - 1
    if index < 0 or address >= symbols[index].address + symbols[index].size:
        return None
    return symbols[index]
