"""What the compiler noted about instructions: their line of source, and the functions that were inlined there.

Read only when a trap needs it: it takes most of a second.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from elftools.dwarf.die import DIE
from elftools.dwarf.dwarfinfo import DWARFInfo
from elftools.dwarf.lineprogram import LineProgram
from elftools.dwarf.ranges import BaseAddressEntry
from elftools.elf.elffile import ELFFile

ADDRESS_FORM = "DW_FORM_addr"
LAST = "\uffff"


@dataclass(frozen=True)
class Inlined:
    """A function whose instructions are inside of another one: from `first` to before `end`."""

    name: str
    first: int
    end: int


class DebugInfo:
    """The debug information of an ELF file; empty when it has none."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def line(self, pc: int) -> str | None:
        """`file:line` of an instruction."""
        index = bisect_right(self._tables[0], (pc, LAST)) - 1
        return (self._tables[0][index][1] or None) if index >= 0 else None

    def inlined(self, pc: int) -> list[str]:
        """The functions that were inlined where the instruction is, the outermost first."""
        return [function.name for function in self._tables[1] if function.first <= pc < function.end]

    @cached_property
    def _tables(self) -> tuple[list[tuple[int, str]], list[Inlined]]:
        """(Address, file:line), sorted (an end of a sequence has no line), and the inlined functions."""
        with self._path.open("rb") as file:
            elf = ELFFile(file)
            if not elf.has_dwarf_info():
                return [], []
            dwarf = elf.get_dwarf_info()
            units = list(dwarf.iter_CUs())
            programs = [program for unit in units if (program := dwarf.line_program_for_CU(unit)) is not None]
            lines = sorted(row for program in programs for row in _rows(program))
            found = [part for unit in units for entry in unit.iter_DIEs()
                     if entry.tag == "DW_TAG_inlined_subroutine" for part in _parts(dwarf, unit, entry)]
        return lines, sorted(found, key=lambda part: part.first - part.end)


def _rows(program: LineProgram) -> list[tuple[int, str]]:
    header = program.header
    first = 0 if header["version"] >= 5 else 1
    names = [entry.name.decode() for entry in header["file_entry"]]
    return [(state.address, "" if state.end_sequence else f"{_name(names, state.file - first)}:{state.line}")
            for entry in program.get_entries() if (state := entry.state) is not None]


def _name(names: list[str], index: int) -> str:
    return Path(names[index]).name if 0 <= index < len(names) else "?"


def _parts(dwarf: DWARFInfo, unit: Any, entry: DIE) -> Iterator[Inlined]:
    """The stretches of instructions of one inlined function."""
    origin = entry.get_DIE_from_attribute("DW_AT_abstract_origin").attributes.get("DW_AT_name")
    name = origin.value.decode() if origin is not None else "?"
    values = entry.attributes
    if "DW_AT_low_pc" in values:
        low, high = values["DW_AT_low_pc"].value, values["DW_AT_high_pc"]
        yield Inlined(name, low, high.value if high.form == ADDRESS_FORM else low + high.value)
    elif "DW_AT_ranges" in values:
        base = unit.get_top_DIE().attributes["DW_AT_low_pc"].value
        ranges = dwarf.range_lists()
        listed = ranges.get_range_list_at_offset(values["DW_AT_ranges"].value, unit) if ranges is not None else []
        for part in listed:
            if isinstance(part, BaseAddressEntry):
                base = part.base_address
                continue
            start = 0 if getattr(part, "is_absolute", False) else base
            yield Inlined(name, start + part.begin_offset, start + part.end_offset)
