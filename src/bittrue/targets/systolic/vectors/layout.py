"""The layout of vectors: every file with its path, its format, and the blocks that it holds line by line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ....errors import BadInput, Diagnostics, declare
from ....ir import IntArray, IntType
from .formats import Field, TextFormat, line_of_names
from .kinds import KINDS, STAGE_FIELDS, Kind, Place
from .shape import LayerShape
from .template import LOW_FIRST, Style, Template

declare({"BT5134": "two vector files would have the same name"})

MANIFEST_FILE, RECORD_FILE = "manifest.json", "vectors.json"


@dataclass(frozen=True)
class VectorFile:
    """One file: its path, format, and the blocks that it holds."""

    path: str
    layer: LayerShape
    kind: Kind
    style: Style
    text: TextFormat
    places: tuple[Place, ...]
    steps: int

    @property
    def lines(self) -> int:
        """Lines of data."""
        return len(self.places) * self.steps

    @property
    def size(self) -> int:
        """Bytes."""
        return self.text.size(self.lines)

    @cached_property
    def order(self) -> IntArray:
        """For every line its position in the blocks put one below the other."""
        varying = {dim: self.column(dim) for dim in self.style.lines}
        order: IntArray = np.lexsort([varying[dim] for dim in reversed(self.style.lines)]).astype(np.int64)
        return order

    def column(self, dim: str) -> IntArray:
        """The coordinate `dim` of every line of the blocks put one below the other."""
        if dim == self.kind.step:
            return np.tile(np.arange(self.steps), len(self.places))
        return np.repeat(np.array([getattr(place, dim) for place in self.places], np.int64), self.steps)

    def place_of(self, line: int) -> tuple[Place, int]:
        """Block and step of a line."""
        block, step = divmod(int(self.order[line]), self.steps)
        return self.places[block], step

    def to_lines(self, blocks: list[IntArray]) -> IntArray:
        """Blocks (steps, lanes) in the order of `places` as the lines and fields of the file."""
        return self._in_text_order(np.concatenate(blocks)[self.order])

    def to_blocks(self, lines: IntArray) -> list[IntArray]:
        """The inverse of `to_lines`."""
        stacked = np.empty_like(lines)
        stacked[self.order] = self._in_text_order(lines)
        return np.split(stacked, len(self.places))

    def lane_of(self, field: int) -> int:
        """The lane that a field (from the left) stands for."""
        return int(self._in_text_order(np.arange(len(self.text.fields))[np.newaxis])[0, field])

    def _in_text_order(self, values: IntArray) -> IntArray:
        """Lanes 0, 1, ... as fields from left to right, or the other way; either way its own inverse."""
        return values if is_lane_0_left(self.kind, self.style) else values[:, ::-1]


def is_lane_0_left(kind: Kind, style: Style) -> bool:
    """Whether the leftmost field is lane 0. The fields of `stage` stand as they are declared."""
    return not kind.lane or style.lanes == LOW_FIRST


@dataclass(frozen=True)
class VectorPlan:
    """Everything that writing, reading and checking needs beside the values."""

    template: Template
    rows: int
    cols: int
    images: tuple[int, ...]
    layers: tuple[LayerShape, ...]

    @cached_property
    def files(self) -> tuple[VectorFile, ...]:
        """Every file, layer by layer."""
        return tuple(file for layer in self.layers for file in self._layer_files(layer))

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    def _layer_files(self, layer: LayerShape) -> Iterator[VectorFile]:
        for name, style in self.template.styles.items():
            if name in layer.types or name == "stage":
                yield from self._kind_files(layer, KINDS[name], style)

    def _kind_files(self, layer: LayerShape, kind: Kind, style: Style) -> Iterator[VectorFile]:
        named = self.template.named(kind.name)
        groups: dict[str, list[Place]] = {}
        for place in layer.places(kind, self.images, "image" in named):
            groups.setdefault(style.file.format(layer=layer.folder, **place._asdict()), []).append(place)
        for path, places in groups.items():
            text = text_format(self, layer, kind, style)
            words = {"layer": layer.folder, **places[0]._asdict()}
            header = tuple(_filled(line, text, kind, words) for line in style.header)
            yield VectorFile(path, layer, kind, style, replace(text, header=header), tuple(places),
                             layer.steps(kind, self.cols))


def require_unique(files: tuple[VectorFile, ...]) -> None:
    """Raise `BadInput` (BT5134) for files of one name."""
    owner: dict[str, str] = {MANIFEST_FILE: "bittrue", RECORD_FILE: "bittrue"}
    clashes: dict[tuple[str, str], str] = {}
    for file in files:
        mine = f"{file.layer.name}: {file.kind.name}"
        if file.path in owner:
            clashes.setdefault((owner[file.path], mine), file.path)
        owner.setdefault(file.path, mine)
    found = Diagnostics()
    for (first, second), path in clashes.items():
        found.add("BT5134", path, f"it would hold {first} and {second}",
                  "put {layer} into the template's folder, or choose one with --layer; give kinds different names")
    found.raise_as(BadInput)


def _filled(line: str, text: TextFormat, kind: Kind, words: dict[str, Any]) -> str:
    """A comment line with its placeholders replaced."""
    names = [field.name.removeprefix(kind.lane) for field in text.fields]
    lists = {f"line{number}": line_of_names(text.unit, number, text.fields) for number in (0, 1)}
    return line.format(first=names[0], second=names[1 % len(names)], last=names[-1], **lists, **words)


def text_format(plan: VectorPlan, layer: LayerShape, kind: Kind, style: Style) -> TextFormat:
    """The format of a kind's lines, without comment lines."""
    types = _stage_types(plan, layer) if kind.name == "stage" else _lane_types(plan, layer, kind, style)
    fields = [Field(name, elem) for name, elem in types.items()]
    return TextFormat(kind.unit, tuple(fields if is_lane_0_left(kind, style) else reversed(fields)),
                      separator=style.separator)


def _lane_types(plan: VectorPlan, layer: LayerShape, kind: Kind, style: Style) -> dict[str, IntType]:
    """Names and type of the lanes of every other kind, lane 0 first."""
    elem = field_type(kind, style, layer.types[kind.name])
    return dict.fromkeys(lane_names(kind, plan.rows, plan.cols), elem)


def lane_names(kind: Kind, rows: int, cols: int) -> list[str]:
    """The names of the lanes, lane 0 first."""
    count = {"row": rows, "col": cols}.get(kind.lane)
    return [kind.lane] if count is None else [f"{kind.lane}{lane}" for lane in range(count)]


def field_type(kind: Kind, style: Style, needed: IntType) -> IntType:
    """The type of a field: as the template says, else as the values need."""
    signed = needed.signed if style.signed is None else style.signed
    least = style.min_bits or kind.min_bits
    return IntType(style.bits or max(least, needed.bits + (signed and not needed.signed)), signed)


def _stage_types(plan: VectorPlan, layer: LayerShape) -> dict[str, IntType]:
    """Names and types of the fields of an output stage."""
    out = field_type(KINDS["out"], plan.template.styles.get("out", Style("", ())),
                     layer.types.get("out", IntType(1, False)))
    limit = IntType(min(63, out.bits + 1), True)  # holds a signed and an unsigned output
    types = (IntType(max(KINDS["acc_out"].min_bits, layer.types["acc_out"].bits), True),
             IntType(max(32, layer.types["multiplier"].bits), True), IntType(63, True), IntType(6, False),
             IntType(31, False), IntType(5, False), IntType(2, False), limit, limit)
    return dict(zip(STAGE_FIELDS, types, strict=True))
