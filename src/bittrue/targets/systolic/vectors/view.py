"""One file of vectors as integers, with the meaning of its lines and fields as far as they are known."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Any

from ....errors import BadInput, declare, fail
from ....ir import IntArray, IntType
from .formats import Field, TextFormat
from .kinds import KINDS, NAMES, Kind
from .layout import RECORD_FILE, VectorFile, is_lane_0_left
from .record import record_above
from .template import BUILT_IN, Style, Template, built_in

declare({"BT5137": "it cannot be known what a vector file holds"})


UNKNOWN = Kind("unknown", (), "line", "line", "field")

UNSIGNED = ("activation", "acc")
"""What is taken for unsigned when nothing says otherwise."""

PLACEHOLDER = re.compile(r"\{[a-z0-9]+(?::0\dd)?\}")


@dataclass(frozen=True, eq=False)
class View:
    """A file, read. `columns` are the meanings of a line (name -> one number per line), `known_from` is where the
    layout was taken from."""

    file: str
    kind: str
    known_from: str
    text: TextFormat
    columns: dict[str, IntArray]
    values: IntArray

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the values of a line, in text order."""
        return tuple(field.name for field in self.text.fields)

    @property
    def types(self) -> tuple[str, ...]:
        """The type of every field, or the one that all have."""
        types = tuple(str(field.elem) for field in self.text.fields)
        return types[:1] if len(set(types)) == 1 else types

    def rows(self, first: int | None = None, last: int | None = None) -> list[tuple[int, ...]]:
        """Line number in the file (from 1), meanings, values of the lines `first` to `last`, both included."""
        skipped = len(self.text.header) + 1
        numbers = range(max(0, (first or 0) - skipped), min(len(self.values), (last or 1 << 62) - skipped + 1))
        return [(number + skipped, *(int(column[number]) for column in self.columns.values()),
                 *map(int, self.values[number])) for number in numbers]

    def to_json(self, first: int | None = None, last: int | None = None) -> dict[str, Any]:
        """A plain dictionary with the lines `first` to `last`."""
        meanings = 1 + len(self.columns)
        return {"file": self.file, "kind": self.kind, "known_from": self.known_from, "fields": self.fields,
                "types": self.types,
                "lines": [{**dict(zip(("line", *self.columns), row[:meanings], strict=True)), "values": row[meanings:]}
                          for row in self.rows(first, last)]}


@dataclass(frozen=True)
class Hints:
    """What the user says about a file; None where nothing is said."""

    template: Template | None = None
    bits: int | None = None
    signed: bool | None = None


def view_file(path: Path, hints: Hints | None = None) -> View:
    """Read one file. Its layout is taken from the `vectors.json` of its folder, else from its name by the templates,
    else from the hints.

    Raises `BadInput`: BT5137 when that is not enough, BT5110 for a malformed line.
    """
    hints = hints or Hints()
    if not path.is_file():
        fail(BadInput, "BT5137", str(path), "there is no such file", "name a file of vectors")
    data = path.read_bytes()
    recorded = None if hints.template else _recorded(path)
    if recorded is None:
        return _guessed(path, data, hints)
    text = replace(recorded.text, fields=tuple(_changed(field, hints) for field in recorded.text.fields))
    values = text.read(data, str(path), recorded.lines)
    return View(str(path), recorded.kind.name, RECORD_FILE, text, _columns(recorded), values)


def _changed(field: Field, hints: Hints) -> Field:
    """A field of the type that the user says it has."""
    signed = field.elem.signed if hints.signed is None else hints.signed
    return Field(field.name, IntType(hints.bits or field.elem.bits, signed))


def _recorded(path: Path) -> VectorFile | None:
    """The file as the record of its folder describes it."""
    found = record_above(path)
    if found is None:
        return None
    name = path.resolve().relative_to(found[0]).as_posix()
    return next((file for file in found[1].files if file.path == name), None)


def _columns(file: VectorFile) -> dict[str, IntArray]:
    """What the lines stand for, without what is the same for all of them."""
    columns = {NAMES[dim]: file.column(dim)[file.order] for dim in file.style.lines
               if dim == file.kind.step or len({getattr(place, dim) for place in file.places}) > 1}
    if file.kind.step != "col":
        width = (file.layer.padded if file.kind.step == "nij" else file.layer.out)[1]
        steps = columns[NAMES[file.kind.step]]
        columns |= {"y": steps // width, "x": steps % width}
    return columns


def _guessed(path: Path, data: bytes, hints: Hints) -> View:
    """The file by its name in a template and the width of its first line."""
    comments = _comments(data)
    style, kind, source = _style_of(path, comments, hints)
    line = next(iter(data.split(b"\n")[len(style.header):]), b"")
    if kind.name == "stage":
        fail(BadInput, "BT5137", str(path), "its nine fields have widths that only vectors.json tells",
             "view it in the folder that it was written into")
    lanes, bits = _lanes_and_bits(path, len(line.rstrip()), comments, style, kind, hints)
    signed = hints.signed if hints.signed is not None else style.signed
    elem = IntType(bits, kind.name not in UNSIGNED if signed is None else signed)
    fields = [Field(kind.lane if kind.name == "acc" else f"{kind.lane}{lane}", elem) for lane in range(lanes)]
    text = TextFormat(kind.unit, tuple(fields if is_lane_0_left(kind, style) else reversed(fields)), style.header,
                      style.separator)
    note = f"{source}, sign assumed" if signed is None else source
    return View(str(path), kind.name, note, text, {}, text.read(data, str(path)))


def _comments(data: bytes) -> tuple[str, ...]:
    """The lines in front of the first one that starts with a digit."""
    lines = takewhile(lambda line: line[:1] not in (b"0", b"1", b""), data.split(b"\n"))
    return tuple(line.decode("latin-1") for line in lines)


def _style_of(path: Path, comments: tuple[str, ...], hints: Hints) -> tuple[Style, Kind, str]:
    """Style and kind by the file's name and comment lines."""
    templates = [hints.template] if hints.template else [built_in(name) for name in BUILT_IN]
    matches = [(style, KINDS[kind], f"template {template.name}") for template in templates
               for kind, style in template.styles.items()
               if _alike(style.file.rpartition("/")[2], path.name)]
    exact = [match for match in matches if len(match[0].header) == len(comments)
             and all(map(_alike, match[0].header, comments))]
    return next(iter(exact + matches), (Style("", (), header=comments), UNKNOWN, "options"))


def _alike(template: str, text: str) -> bool:
    """Whether a text is the template with something in the place of its placeholders."""
    return re.fullmatch(".+".join(map(re.escape, PLACEHOLDER.split(template))), text) is not None


def _lanes_and_bits(path: Path, width: int, comments: tuple[str, ...], style: Style, kind: Kind,
                    hints: Hints) -> tuple[int, int]:
    """How many fields of how many bits a line of `width` characters has."""
    between = len(style.separator)
    bits = hints.bits or style.bits
    named = [int(number) for number in re.findall(rf"{kind.lane}(\d{{1,3}})\[", " ".join(comments[:1]))]
    if bits is None and (named or kind.name == "acc"):
        bits = (width + between) // (max(named, default=0) + 1) - between
    if bits is None:
        fail(BadInput, "BT5137", str(path), "neither its name nor its comment lines tell how wide its fields are",
             "say it: --bits N, and --template for the names of your own")
    lanes = (width + between) // (bits + between) if 1 <= bits <= 63 else 0
    if not lanes or lanes * (bits + between) - between != width:
        fail(BadInput, "BT5137", str(path), f"its first line has {width} characters, not a multiple of {bits} bits",
             "say how wide a field is: --bits N; a `separator` is declared in a template")
    return lanes, bits
