"""What the compiler noted about instructions: their line of source, and the functions that were inlined there."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

from elftools.dwarf.die import DIE
from elftools.dwarf.dwarfinfo import DWARFInfo
from elftools.dwarf.ranges import BaseAddressEntry
from elftools.elf.elffile import ELFFile

ADDRESS_FORM = "DW_FORM_addr"
LAST = "\uffff"
Span = tuple[int, int]
"""Addresses: the first, and the one after the last."""


@dataclass(frozen=True)
class Unit:
    """A compiled file: what it covers, its lines (address, file:line; an end has no line) and inlined functions."""

    dwarf: DWARFInfo
    header: Any
    spans: tuple[Span, ...]

    @cached_property
    def lines(self) -> list[tuple[int, str]]:
        """Sorted by address."""
        program = self.dwarf.line_program_for_CU(self.header)
        if program is None:
            return []
        first = 0 if program.header["version"] >= 5 else 1
        names = [Path(entry.name.decode()).name for entry in program.header["file_entry"]]
        states = [entry.state for entry in program.get_entries() if entry.state is not None]
        return sorted((state.address, "" if state.end_sequence else f"{names[state.file - first]}:{state.line}")
                      for state in states)

    @cached_property
    def inlined(self) -> list[tuple[Span, str]]:
        """The outermost first."""
        found = [(span, _origin(entry)) for entry in self.header.iter_DIEs()
                 if entry.tag == "DW_TAG_inlined_subroutine" for span in _spans(self.dwarf, self.header, entry)]
        return sorted(found, key=lambda part: part[0][0] - part[0][1])


class DebugInfo:
    """The debug information of an ELF file; empty when it has none. Units are read only when a trap needs them."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def line(self, pc: int) -> str | None:
        """`file:line` of an instruction."""
        unit = self._unit(pc)
        index = bisect_right(unit.lines, (pc, LAST)) - 1 if unit is not None else -1
        return unit.lines[index][1] or None if unit is not None and index >= 0 else None

    def inlined(self, pc: int) -> list[str]:
        """The functions that were inlined where the instruction is, the outermost first."""
        unit = self._unit(pc)
        return [] if unit is None else [name for (first, end), name in unit.inlined if first <= pc < end]

    def _unit(self, pc: int) -> Unit | None:
        return next((unit for unit in self._units if any(first <= pc < end for first, end in unit.spans)), None)

    @cached_property
    def _units(self) -> list[Unit]:
        elf = ELFFile(BytesIO(self._path.read_bytes()))
        if not elf.has_dwarf_info():
            return []
        dwarf = elf.get_dwarf_info()
        return [Unit(dwarf, header, tuple(_spans(dwarf, header, header.get_top_DIE()))) for header in dwarf.iter_CUs()]


def _origin(entry: DIE) -> str:
    """The name of an inlined function."""
    name = entry.get_DIE_from_attribute("DW_AT_abstract_origin").attributes.get("DW_AT_name")
    return "?" if name is None else str(name.value.decode())


def _spans(dwarf: DWARFInfo, unit: Any, entry: DIE) -> Iterator[Span]:
    """The addresses that an entry covers."""
    values = entry.attributes
    if "DW_AT_ranges" in values:
        yield from _ranges(dwarf, unit, values["DW_AT_ranges"].value)
    elif "DW_AT_high_pc" in values:
        low, high = values["DW_AT_low_pc"].value, values["DW_AT_high_pc"]
        yield low, high.value if high.form == ADDRESS_FORM else low + high.value


def _ranges(dwarf: DWARFInfo, unit: Any, offset: int) -> Iterator[Span]:
    lists = dwarf.range_lists()
    base = unit.get_top_DIE().attributes["DW_AT_low_pc"].value
    for part in lists.get_range_list_at_offset(offset, unit) if lists is not None else []:
        if isinstance(part, BaseAddressEntry):
            base = part.base_address
        else:
            start = 0 if getattr(part, "is_absolute", False) else base
            yield start + part.begin_offset, start + part.end_offset
