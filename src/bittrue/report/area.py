"""The table of what arrays take in silicon."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table

from ..targets.systolic.area import Area, PartArea
from ..targets.systolic.plan import Geometry
from ..targets.systolic.schedule import SCHEDULES
from .tables import plain_table, right_aligned

HEAD = ("array", "act", "weight", "schedule", "subword")


def area_table(areas: Sequence[Area]) -> Table:
    """A row per configuration; with parts, rows of one instance of each below."""
    columns = tuple(areas[0].parts[0].numbers)
    has_parts = len(areas[0].parts) > 1
    table = plain_table(*HEAD, *(("part",) if has_parts else ()), *columns, "memory bits",
                        title=f"cells for {areas[0].technology}, counted by Yosys")
    for area in areas:
        for part in area.parts:
            table.add_row(*_row(area.geometry, part, has_parts), end_section=part is area.parts[-1] and has_parts)
    right_aligned(table, len(HEAD) + has_parts)
    return table


def _row(geometry: Geometry, part: PartArea, has_parts: bool) -> Iterator[str]:
    schedule = next(name for name, schedule in SCHEDULES.items() if schedule.overlapped == geometry.overlapped)
    head = f"{geometry.rows} x {geometry.cols}", str(geometry.act_bits), str(geometry.weight_bits), schedule, \
        "yes" if geometry.subword else "no"
    yield from head if part.part == "core" else [""] * len(HEAD)
    if has_parts:
        yield part.part if part.count == 1 else f"{part.part}, 1 of {part.count}"
    yield from (f"{number:,}" for number in (*part.numbers.values(), part.memory_bits))
