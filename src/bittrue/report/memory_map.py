"""Pictures of memories: rows of cells, each owned by a layer, as SVG and for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby

from rich.text import Text

PALETTE = ("#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#76b7b2", "#edc948", "#b07aa1", "#ff9da7", "#9c755f", "#8cd17d",
           "#86bcb6", "#d37295", "#a0cbe8", "#ffbe7d", "#d4a6c8", "#b6992d")
"""Colours of the owners, in turn. Neighbouring ones differ in lightness too."""

ROW, BAR, LEFT, RIGHT, TOP, GAP = 9, 760, 60, 20, 22, 26
"""Of the SVG, in pixels: height of a row, width of the memory, margins, height of a title, space below a map."""

EMPTY, LETTERS = "·", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True)
class Cell:
    """Addresses `start` .. `end` - 1 of a row belong to an owner."""

    row: int
    start: int
    end: int
    owner: int


@dataclass(frozen=True)
class MemoryMap:
    """A memory: `rows` names its instances, each of `length` addresses, `unit` what an address is (byte, column)."""

    title: str
    rows: tuple[str, ...]
    length: int
    unit: str
    cells: tuple[Cell, ...]

    @property
    def used(self) -> int:
        """Addresses with at least one owner.

        >>> MemoryMap("", ("a",), 8, "byte", (Cell(0, 0, 4, 0), Cell(0, 2, 6, 1))).used
        6
        """
        return sum(_covered(sorted((c.start, c.end) for c in self.cells if c.row == row))
                   for row in range(len(self.rows)))

    @property
    def utilization(self) -> float:
        """Share of the memory that is used, 0 to 1."""
        return self.used / (self.length * len(self.rows))


def _covered(spans: list[tuple[int, int]]) -> int:
    """Addresses in at least one of some spans, sorted by their starts."""
    covered = reach = 0
    for start, end in spans:
        covered += max(0, end - max(start, reach))
        reach = max(reach, end)
    return covered


def colour(owner: int) -> str:
    """The colour of an owner."""
    return PALETTE[owner % len(PALETTE)]


def svg(maps: Sequence[MemoryMap], owners: Sequence[str]) -> str:
    """The maps below one another, with a legend of the owners' names. The same maps give the same text."""
    body: list[str] = []
    y = TOP
    for memory in maps:
        body += _map(memory, owners, y)
        y += TOP + ROW * len(memory.rows) + GAP
    legend = list(_legend(owners, sorted({cell.owner for memory in maps for cell in memory.cells}), y))
    height = y + 16 * -(-len(legend) // 2) + TOP
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + BAR + RIGHT}" height="{height}" '
            'font-family="sans-serif" font-size="10">')
    return "\n".join((head, '<rect width="100%" height="100%" fill="white"/>', *body, *legend, "</svg>", ""))


def _map(memory: MemoryMap, owners: Sequence[str], y: int) -> Iterator[str]:
    share = f"{memory.used} of {memory.length * len(memory.rows)} {memory.unit}s, {100 * memory.utilization:.1f} %"
    yield f'<text x="{LEFT}" y="{y}" font-weight="bold">{escape(memory.title)} ({share})</text>'
    top = y + 6
    yield (f'<rect x="{LEFT}" y="{top}" width="{BAR}" height="{ROW * len(memory.rows)}" fill="#f4f4f4" '
           'stroke="#999"/>')
    for index, row in enumerate(memory.rows):
        yield f'<text x="{LEFT - 4}" y="{top + ROW * index + 8}" text-anchor="end" font-size="8">{escape(row)}</text>'
    for cell in memory.cells:
        x, width = (BAR * value / memory.length for value in (cell.start, cell.end - cell.start))
        name = escape(owners[cell.owner])
        yield (f'<rect x="{LEFT + x:.2f}" y="{top + ROW * cell.row}" width="{width:.2f}" height="{ROW}" '
               f'fill="{colour(cell.owner)}" stroke="white" stroke-width="0.4"><title>{name}: '
               f'{escape(memory.rows[cell.row])}, {memory.unit}s {cell.start}..{cell.end - 1}</title></rect>')
    bottom = top + ROW * len(memory.rows) + 10
    yield f'<text x="{LEFT}" y="{bottom}" font-size="8">0</text>'
    yield f'<text x="{LEFT + BAR}" y="{bottom}" font-size="8" text-anchor="end">{memory.length}</text>'


def _legend(owners: Sequence[str], used: Sequence[int], y: int) -> Iterator[str]:
    for place, owner in enumerate(used):
        x, row = LEFT + 400 * (place % 2), y + 16 * (place // 2)
        yield f'<rect x="{x}" y="{row - 9}" width="10" height="10" fill="{colour(owner)}"/>'
        yield f'<text x="{x + 15}" y="{row}">{escape(owners[owner])}</text>'


def text(memory: MemoryMap, width: int = 64) -> Text:
    """The map in characters: one letter per owner (A: the first), `width` characters a row; equal rows stand in one."""
    lines = Text(f"{memory.title}: {memory.used} of {memory.length * len(memory.rows)} {memory.unit}s, "
                 f"{100 * memory.utilization:.1f} %\n", no_wrap=True)
    rows = list(_alike(memory, width))
    margin = max(len(name) for name, _ in rows)
    for name, columns in rows:
        lines.append(name.rjust(margin) + " ")
        for owner in columns:
            lines.append(EMPTY, "dim") if owner is None else lines.append(letter(owner), f"bold {colour(owner)}")
        lines.append("\n")
    return lines


def _alike(memory: MemoryMap, width: int) -> Iterator[tuple[str, list[int | None]]]:
    """(name, columns) of every run of rows that look the same."""
    for columns, run in groupby(range(len(memory.rows)), lambda row: _columns(memory, row, width)):
        first, *rest = run
        name = memory.rows[first]
        yield (f"{name} to {memory.rows[rest[-1]]}" if rest else name), columns


def letter(owner: int) -> str:
    """The character that stands for an owner in a terminal."""
    return LETTERS[owner % len(LETTERS)]


def _columns(memory: MemoryMap, row: int, width: int) -> list[int | None]:
    """The owner of each character of a row: the last of those that have an address in it."""
    columns: list[int | None] = [None] * width
    for cell in memory.cells:
        if cell.row == row:
            first, last = cell.start * width // memory.length, -(-cell.end * width // memory.length)
            columns[first:last] = [cell.owner] * (last - first)
    return columns
