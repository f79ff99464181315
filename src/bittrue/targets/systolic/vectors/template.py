"""Templates: how an existing test bench wants its files named and laid out, declared in TOML.

Every entry has a rule in `KEYS`; a template with wrong entries is refused with all of them at once.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from string import Formatter
from typing import Any

from ....errors import BadInput, Diagnostics, declare, fail
from .kinds import KINDS, PLACES, Kind

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

declare({
    "BT5130": "a template of vector files cannot be read",
    "BT5131": "a template of vector files has a wrong entry",
})

Table = dict[str, Any]

BUILT_IN = ("bittrue", "course", "course-2bit")

HIGH_FIRST, LOW_FIRST = "high-first", "low-first"

TOKEN = re.compile(r"\{([a-z]+)(?::0[1-9]d)?\}")
"""A placeholder of a file name, with or without a number of digits: {kij}, {kij:02d}."""

HEADER_TOKENS = ("first", "second", "last", "line0", "line1", "layer")
"""What a comment line may name beside the placeholders of its file's name."""


@dataclass(frozen=True)
class Style:
    """How one kind of file looks; the entries of its table in the template."""

    file: str
    lines: tuple[str, ...]
    lanes: str = HIGH_FIRST
    bits: int | None = None
    min_bits: int | None = None
    signed: bool | None = None
    separator: str = ""
    header: tuple[str, ...] = ()


@dataclass(frozen=True)
class Template:
    """The kinds of files that a test bench reads, each with its style. `file` of a style includes the folder."""

    name: str
    styles: Mapping[str, Style]
    source: Table
    """The resolved tables, as `parse_template` takes them."""

    def named(self, kind: str) -> frozenset[str]:
        """The placeholders in the path of a kind."""
        return frozenset(TOKEN.findall(self.styles[kind].file))


@cache
def built_in(name: str) -> Template:
    """A template that comes with bittrue. Raises `BadInput` (BT5131) for any other name."""
    if name not in BUILT_IN:
        fail(BadInput, "BT5131", f"template {name!r}", "there is no such template", f"use one of {', '.join(BUILT_IN)}")
    text = files(__package__).joinpath(f"templates/{name}.toml").read_text(encoding="utf-8")
    return parse_template(name, tomllib.loads(text))


def read_template(path: Path) -> Template:
    """A user's template. Raises `BadInput` (BT5130, BT5131)."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        fail(BadInput, "BT5130", str(path), error.strerror or str(error), "name a TOML file")
    except ValueError as error:
        fail(BadInput, "BT5130", str(path), f"it is no TOML: {error}", "correct it")
    return parse_template(str(path), table)


def parse_template(name: str, table: Table) -> Template:
    """A template from its tables. Raises `BadInput` (BT5131) with every wrong entry."""
    found = Diagnostics()
    tables = _resolved(name, table, found)
    folder = tables.pop("folder", "")
    styles = {}
    for kind, entries in tables.items():
        complaints = dict(_complaints(KINDS[kind], entries, folder))
        for key, why in complaints.items():
            found.add("BT5131", f"template {name}, [{kind}] {key}", why, "see docs/vectors.md, section Templates")
        if not complaints:
            styles[kind] = _style(KINDS[kind], entries, folder)
    if not tables and not found:
        found.add("BT5131", f"template {name}", "it declares no kind of file", f"add a table: {', '.join(KINDS)}")
    found.raise_as(BadInput)
    return Template(name, styles, {"folder": folder, **tables})


def _resolved(name: str, table: Table, found: Diagnostics) -> Table:
    """The folder and the tables of every kind that is written, with what `like` and the top level contribute."""
    base: Table = {}
    if "like" in table:
        base = built_in(str(table["like"])).source
    for key, value in table.items():
        if key not in ("like", "folder", *SHARED) and (key not in KINDS or not isinstance(value, dict)):
            found.add("BT5131", f"template {name}, {key}", "it is neither a kind of file nor a setting of all",
                      f"use like, folder, {', '.join(SHARED)}, or a table: {', '.join(KINDS)}")
    shared = {key: table[key] for key in SHARED if key in table}
    kinds = {kind: {**base.get(kind, {}), **shared, **_own(table, kind)}
             for kind in KINDS if kind in base or kind in table}
    folder = table.get("folder", base.get("folder", ""))
    if not isinstance(folder, str):
        found.add("BT5131", f"template {name}, folder", f"{folder!r} is no text", "write a folder's name")
        folder = ""
    return {"folder": folder, **{kind: entries for kind, entries in kinds.items() if entries.get("write") is not False}}


def _own(table: Table, kind: str) -> Table:
    entries = table.get(kind, {})
    return entries if isinstance(entries, dict) else {}


def _style(kind: Kind, entries: Table, folder: str) -> Style:
    given: Table = {key: tuple(value) if isinstance(value, list) else value for key, value in entries.items()
             if key != "write"}
    given["file"] = f"{folder}/{given['file']}" if folder else given["file"]
    return Style(**{"lines": kind.order, **given})


@dataclass(frozen=True)
class Key:
    """Rule of one entry: what it accepts and how a complaint calls that."""

    accepts: Callable[[Any], bool]
    wanted: str


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 63


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable()


def _is_separator(value: object) -> bool:
    return _is_text(value) and not set(str(value)) & set("01") and len(str(value)) <= 8


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


KEYS = {
    "file": Key(_is_text, "a file name"),
    "lines": Key(_is_texts, "a list of texts"),
    "lanes": Key(lambda value: value in (HIGH_FIRST, LOW_FIRST), f"{HIGH_FIRST!r} or {LOW_FIRST!r}"),
    "bits": Key(_is_number, "a whole number from 1 to 63"),
    "min_bits": Key(_is_number, "a whole number from 1 to 63"),
    "signed": Key(lambda value: isinstance(value, bool), "true or false"),
    "separator": Key(_is_separator, "up to 8 printable characters without 0 and 1"),
    "header": Key(_is_texts, "a list of lines of printable ASCII characters"),
    "write": Key(lambda value: isinstance(value, bool), "true or false"),
}

SHARED = ("lanes", "separator", "header")
"""Entries that also may stand at the top, for all kinds."""


def _complaints(kind: Kind, entries: Table, folder: str) -> Iterator[tuple[str, str]]:
    """Every wrong entry of a kind's table with the reason."""
    for key, value in entries.items():
        if key not in KEYS:
            yield key, f"there is no such entry; use {', '.join(KEYS)}"
        elif not KEYS[key].accepts(value):
            yield key, f"{value!r} is not {KEYS[key].wanted}"
    if "file" not in entries:
        yield "file", "the file has no name"
        return
    named = set(TOKEN.findall(f"{folder}/{entries['file']}"))
    yield from _file_complaints(kind, f"{folder}/{entries['file']}" if folder else str(entries["file"]), named)
    if _is_texts(entries.get("lines", [])):
        yield from _lines_complaints(kind, entries.get("lines", kind.order), named)
    if _is_texts(entries.get("header", [])):
        yield from _header_complaints(entries.get("header", ()), named)
    if kind.name == "stage" and {"bits", "min_bits", "signed"} & set(entries):
        yield "bits", "a line of `stage` has nine fields, whose types are fixed"


def _file_complaints(kind: Kind, path: str, named: set[str]) -> Iterator[tuple[str, str]]:
    plain = TOKEN.sub("x", path)
    parts = plain.split("/")
    if not all(re.fullmatch(r"[A-Za-z0-9_+.-]+", part) and part.strip(".") for part in parts):
        yield "file", f"{path!r} is no plain relative path; use letters, digits, + _ . - and / between folders"
    if odd := sorted(named - {*kind.dims, "image", "layer"}):
        yield "file", f"{kind.name} does not vary over {', '.join(odd)}; it has {', '.join((*kind.dims, 'layer'))}"
    if "{layer:" in path:
        yield "file", "a layer's name has no number of digits; write {layer}"


def _lines_complaints(kind: Kind, lines: tuple[str, ...], named: set[str]) -> Iterator[tuple[str, str]]:
    needed = {kind.step, *kind.dims} - named
    if len(set(lines)) < len(lines) or not needed <= set(lines) <= {*kind.dims, kind.step}:
        yield "lines", f"{list(lines)} must name {', '.join(x for x in kind.order if x in needed)} once each, what " \
            f"varies slowest first (its file name does not hold them)"


def _header_complaints(header: tuple[str, ...], named: set[str]) -> Iterator[tuple[str, str]]:
    allowed = (*HEADER_TOKENS, *(place for place in PLACES if place in named))
    try:
        tokens = {(name, spec, conversion) for line in header for _, name, spec, conversion in Formatter().parse(line)
                  if name is not None}
    except ValueError as error:
        yield "header", f"{error}; write {{{{ for a brace"
        return
    if odd := [name for name, spec, conversion in tokens if name not in allowed or spec or conversion]:
        yield "header", f"the placeholder {{{odd[0]}}} is unknown; use {', '.join(allowed)}"
