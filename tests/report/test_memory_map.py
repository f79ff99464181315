"""Pictures of memories show every cell at its place."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from bittrue.report.memory_map import BAR, LEFT, ROW, Cell, MemoryMap, colour, svg, text

CELLS = (Cell(0, 0, 16, 0), Cell(0, 48, 64, 1), Cell(2, 8, 24, 1))
MEMORY = MemoryMap("kernels <A&B>", ("p0", "p1", "p10"), 64, "column", CELLS)
NAMES = ["conv1 <3x3>", "conv2"]


def test_the_svg_draws_every_cell_to_scale_and_names_its_owner() -> None:
    root = ElementTree.fromstring(svg([MEMORY], NAMES))
    space = "{http://www.w3.org/2000/svg}"
    boxes = [r for r in root.iter(f"{space}rect") if r.find(f"{space}title") is not None]
    frame = next(r for r in root.iter(f"{space}rect") if r.get("stroke") == "#999")
    top = float(frame.get("y", ""))
    for box, cell in zip(boxes, CELLS, strict=True):
        assert float(box.get("x", "")) == LEFT + BAR * cell.start / 64
        assert float(box.get("width", "")) == BAR * (cell.end - cell.start) / 64
        assert float(box.get("y", "")) == top + ROW * cell.row
        assert box.get("fill") == colour(cell.owner)
    titles = [t.text for t in root.iter(f"{space}title")]
    assert titles == ["conv1 <3x3>: p0, columns 0..15", "conv2: p0, columns 48..63", "conv2: p10, columns 8..23"]


def test_the_text_has_a_letter_for_every_column() -> None:
    lines = text(MEMORY, 16).plain.splitlines()
    assert lines == ["kernels <A&B>: 48 of 192 columns, 25.0 %", " p0 AAAA········BBBB", " p1 ················",
                     "p10 ··BBBB··········"]


def test_a_cell_smaller_than_a_character_is_still_seen() -> None:
    assert text(MemoryMap("m", ("a",), 1000, "byte", (Cell(0, 999, 1000, 1),)), 10).plain.splitlines()[1] == \
        "a ·········B"


def test_rows_that_look_the_same_stand_in_one() -> None:
    cells = tuple(Cell(row, 0, 8, 0) for row in (0, 1, 2))
    lines = text(MemoryMap("m", ("p0", "p1", "p2", "p3"), 16, "byte", cells), 4).plain.splitlines()
    assert lines[1:] == ["p0 to p2 AA··", "      p3 ····"]
