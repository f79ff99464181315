"""Compares a folder of vectors with what the model gives: every value of every file, with zero tolerance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ....errors import BadInput, Diagnostic, declare, fail
from ....ir import Graph, IntArray
from .causes import likely_cause
from .kinds import NAMES, PLACES, Place
from .layout import VectorFile, VectorPlan
from .read import try_lines
from .write import expected_lines, valued_files

declare({"BT5139": "a vector file holds something else than the model gives"})

HINTS = {"activation": "check that --input or --data gives the samples that the files were made from"}
"""What to do about a kind of file when no cause is known."""

MOST_CAUSES = 16
"""So many wrong files of one kind and layer are looked into for a cause; the others will have the same."""


@dataclass(frozen=True)
class FirstValue:
    """The first value of a file that differs: its line in the file (from 1), its field, its place, both integers."""

    line: int
    field: str
    place: Mapping[str, int]
    expected: int
    found: int

    def __str__(self) -> str:
        place = ", ".join(f"{name} {value}" for name, value in self.place.items())
        return f"{place}: expected {self.expected}, found {self.found}"

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return {"line": self.line, "field": self.field, "place": dict(self.place), "expected": self.expected,
                "found": self.found}


@dataclass(frozen=True)
class FileReport:
    """One file: how many values were compared, how many differ, and what is wrong with it."""

    path: str
    layer: str
    kind: str
    compared: int
    differences: int
    first: FirstValue | None = None
    cause: str | None = None
    problem: Diagnostic | None = None

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return {**vars(self), "first": None if self.first is None else self.first.to_json(),
                "problem": None if self.problem is None else self.problem.to_json()}


@dataclass(frozen=True)
class VectorReport:
    """The comparison of a folder."""

    files: tuple[FileReport, ...]

    @property
    def compared(self) -> int:
        """Values compared."""
        return sum(file.compared for file in self.files)

    @property
    def differences(self) -> int:
        """Values that differ."""
        return sum(file.differences for file in self.files)

    @property
    def wrong(self) -> tuple[FileReport, ...]:
        """The files that differ, are missing or malformed."""
        return tuple(file for file in self.files if file.problem is not None)

    def by_kind(self) -> dict[str, tuple[int, int, int, int]]:
        """By kind of file: files, wrong files, values compared, values that differ."""
        kinds = dict.fromkeys(file.kind for file in self.files)
        return {kind: _totals([file for file in self.files if file.kind == kind]) for kind in kinds}

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary: totals, and every file that is not as it must be."""
        return {"files": len(self.files), "wrong_files": len(self.wrong), "compared": self.compared,
                "differences": self.differences, "wrong": [file.to_json() for file in self.wrong]}


def _totals(files: list[FileReport]) -> tuple[int, int, int, int]:
    return (len(files), sum(file.problem is not None for file in files), sum(file.compared for file in files),
            sum(file.differences for file in files))


def check_vectors(graph: Graph, inputs: Mapping[str, IntArray], plan: VectorPlan, folder: Path) -> VectorReport:
    """Compare the files of a folder, whoever wrote them, with those of the plan. `inputs` are all samples.

    A missing or malformed file counts as wrong, like one with a value that differs; files that the plan does not have
    are not looked at. Raises `BadInput` (BT5138) when there is no such folder.
    """
    if not folder.is_dir():
        fail(BadInput, "BT5138", str(folder), "there is no such folder", "name the folder with the vectors")
    return VectorReport(tuple(_checked(graph, inputs, plan, folder)))


def _checked(graph: Graph, inputs: Mapping[str, IntArray], plan: VectorPlan, folder: Path) -> Iterator[FileReport]:
    explained: Counter[tuple[str, str]] = Counter()
    for file, values in valued_files(graph, inputs, plan):
        owner = (file.layer.name, file.kind.name)
        found, problem = try_lines(file, folder)
        if problem is not None:
            yield FileReport(file.path, *owner, 0, 0, problem=problem)
            continue
        expected = expected_lines(file, values)
        differs = not np.array_equal(expected, found)
        explained[owner] += differs
        explain = differs and explained[owner] <= MOST_CAUSES
        cause = likely_cause(file, values, expected, found) if explain else None
        yield _compared(plan, file, expected, found, cause)


def _compared(plan: VectorPlan, file: VectorFile, expected: IntArray, found: IntArray,
              cause: str | None) -> FileReport:
    wrong = expected != found
    count = int(wrong.sum())
    if not count:
        return FileReport(file.path, file.layer.name, file.kind.name, found.size, 0)
    line, field = (int(i) for i in np.argwhere(wrong)[0])
    first = FirstValue(len(file.text.header) + line + 1, file.text.fields[field].name,
                       location(plan, file, line, file.lane_of(field)), int(expected[line, field]),
                       int(found[line, field]))
    problem = Diagnostic("BT5139", f"{file.path}, line {first.line}, field {first.field}",
                         f"layer {file.layer.name}, {file.kind.name}, {first}; {count} of {found.size} values differ",
                         cause or HINTS.get(file.kind.name, "look at the line with `bittrue systolic view`"))
    return FileReport(file.path, file.layer.name, file.kind.name, found.size, count, first, cause, problem)


def location(plan: VectorPlan, file: VectorFile, line: int, lane: int) -> dict[str, int]:
    """Where a value belongs, in the layer's terms."""
    place, step = file.place_of(line)
    return {**_named(file, place), **_position(file, step), **_channel(plan, file, place, step, lane)}


def _named(file: VectorFile, place: Place) -> dict[str, int]:
    return {NAMES[dim]: getattr(place, dim) for dim in PLACES if dim in file.kind.dims}


def _position(file: VectorFile, step: int) -> dict[str, int]:
    if file.kind.step == "col":
        return {"column": step}
    height_width = file.layer.padded if file.kind.step == "nij" else file.layer.out
    names = ("padded_row", "padded_column") if file.kind.step == "nij" else ("out_row", "out_column")
    return dict(zip(names, divmod(step, height_width[1]), strict=True))


def _channel(plan: VectorPlan, file: VectorFile, place: Place, step: int, lane: int) -> dict[str, int]:
    """The channels of a value: of its field, and in files of one line per column of its line."""
    channels = {}
    if file.kind.step == "col":
        channels["out_channel"] = (place.oc or 0) * plan.cols + step
    if file.kind.lane == "row":
        channels["in_channel"] = (place.ic or 0) * plan.rows + lane
    if file.kind.lane == "col":
        channels["out_channel"] = (place.oc or 0) * plan.cols + lane
    return channels
