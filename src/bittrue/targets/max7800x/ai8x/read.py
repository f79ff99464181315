"""Reads a network description: YAML text to a `Description` in which every key knows its line.

The text is only composed into nodes; no tag of it can construct anything but numbers, flags and texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import yaml

from ....errors import BadInput, Diagnostics, declare, fail
from .consistency import check_layer
from .description import BufferKeys, Description, Keys, LayerKeys, Region
from .keys import BUFFER_KEYS, GLOBAL_KEYS, LAYER_KEYS, LIST_KEYS, UNLOAD_KEYS, Key, by_name

declare({
    "BT5219": "a network description cannot be read",
    "BT5201": "a network description is no valid YAML, or holds something else",
    "BT5202": "a network description has an unknown key",
    "BT5203": "a network description states a key twice",
    "BT5204": "a network description lacks a key",
    "BT5205": "a key of a network description has a wrong value",
    "BT5207": "two layers of a network description have the same number or name",
})

_PLAIN = {f"tag:yaml.org,2002:{kind}" for kind in ("int", "float", "bool", "null", "str")}
_AS_TEXT = {"tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value"}
K = TypeVar("K", bound=Keys)


def read_description(path: str | Path) -> Description:
    """The description in a file. Raises `BadInput` (BT5219..BT5207) with every problem, each with file and line."""
    found = Diagnostics()
    description = parse_description(read_text(path), str(path), found)
    found.raise_as(BadInput)
    return description


def read_text(path: str | Path) -> str:
    """The text of a file. Raises `BadInput` (BT5219)."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as problem:
        fail(BadInput, "BT5219", str(path), f"it cannot be read: {problem}", "name a network description (YAML, UTF-8)")


def parse_description(text: str, path: str, found: Diagnostics) -> Description:
    """The description in a text; problems are added to `found`, and what has one is left out.

    Raises `BadInput` (BT5201) when the text is no YAML mapping at all.
    """
    root = _compose(text, path)
    reader = _Reader(path, found)
    entries = reader.entries(root, (*by_name(GLOBAL_KEYS), *LIST_KEYS), "a description")
    general, bad = reader.values(entries, GLOBAL_KEYS)
    items = {key: reader.items(entries, key) for key in LIST_KEYS}
    if "layers" not in entries or entries["layers"][1].value == []:
        found.add("BT5204", f"{path}:{_line(root)}", "the description has no layers", "list them below `layers:`")
    reader.required(Keys(path=path, line=_line(root), lines=_lines(entries)), GLOBAL_KEYS, "the description")
    return Description(
        path=path, line=_line(root), lines=_lines(entries), bad=bad, **general,
        layers=reader.layers(items["layers"]),
        unload=tuple(reader.region(Region, UNLOAD_KEYS, node, "an unload item") for node in items["unload"]),
        data_buffer=reader.buffers(items["data_buffer"]))


def _compose(text: str, path: str) -> yaml.MappingNode:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        fail(BadInput, "BT5201", f"{path}:{mark.line + 1 if mark else 1}", str(problem.problem or problem.context),
             "correct the YAML")
    except yaml.reader.ReaderError as problem:
        line = text.count("\n", 0, problem.position) + 1
        fail(BadInput, "BT5201", f"{path}:{line}", f"the character U+{ord(text[problem.position]):04X} is not allowed",
             "remove it")
    except RecursionError:
        fail(BadInput, "BT5201", f"{path}:1", "its lists and mappings are nested too deeply", "write plain lists")
    if not isinstance(root, yaml.MappingNode):
        fail(BadInput, "BT5201", f"{path}:{_line(root) if root else 1}", "it holds no mapping of keys to values",
             "write arch, dataset and layers")
    return root


_Entries = dict[str, tuple[int, yaml.Node]]
"""First name of a key -> its line and its value."""


class _Reader:
    """Turns nodes into typed keys; collects problems."""

    def __init__(self, path: str, found: Diagnostics) -> None:
        self.path, self.found = path, found

    def entries(self, node: yaml.MappingNode, known: Sequence[str], owner: str,
                names: Mapping[str, Key] | None = None) -> _Entries:
        """The known keys of a mapping; unknown and repeated ones are reported."""
        entries: _Entries = {}
        for key_node, value in node.value:
            written = key_node.value if isinstance(key_node, yaml.ScalarNode) else ""
            key = names[written].name if names and written in names else written
            if written not in known:
                self._unknown(key_node, written, known, owner)
            elif key in entries:
                self._add("BT5203", _line(key_node), f"{written} is stated already (line {entries[key][0]}"
                          f"{'' if written == key else f', as {key}'})", "keep one of them")
            else:
                entries[key] = _line(key_node), value
        return entries

    def values(self, entries: _Entries, table: Sequence[Key]) -> tuple[dict[str, Any], frozenset[str]]:
        """Typed values of those entries that have good ones, and the names of the others."""
        typed: dict[str, Any] = {}
        for key in table:
            if key.name in entries:
                line, node = entries[key.name]
                try:
                    typed[key.name] = key.parse(self._plain(node))
                except ValueError as problem:
                    self._add("BT5205", line, f"{key.name} {problem}", f"write {key.value}")
        return typed, frozenset(key.name for key in table if key.name in entries and key.name not in typed)

    def required(self, keys: Keys, table: Sequence[Key], owner: str) -> None:
        """Report the keys that must be there and are not."""
        for key in table:
            if key.required and not keys.states(key.name):
                self._add("BT5204", keys.line, f"{owner} has no {key.name}", f"state {key.name}: {key.value}")

    def items(self, entries: _Entries, key: str) -> list[yaml.MappingNode]:
        """The mappings of a list."""
        if key not in entries:
            return []
        line, node = entries[key]
        if not isinstance(node, yaml.SequenceNode):
            self._add("BT5205", line, f"{key} is no list", f"write a list of mappings below {key}")
            return []
        for item in node.value:
            if not isinstance(item, yaml.MappingNode):
                self._add("BT5205", _line(item), f"an item of {key} is no mapping of keys to values",
                          f"begin every item of {key} with - and a key")
        return [item for item in node.value if isinstance(item, yaml.MappingNode)]

    def region(self, kind: type[K], table: Sequence[Key], node: yaml.MappingNode, owner: str) -> K:
        """An item of a list."""
        names = by_name(table)
        entries = self.entries(node, tuple(names), owner, names)
        typed, bad = self.values(entries, table)
        keys = kind(path=self.path, line=_line(node), lines=_lines(entries), bad=bad, **typed)
        self.required(keys, table, owner)
        return keys

    def buffers(self, nodes: Sequence[yaml.MappingNode]) -> tuple[BufferKeys, ...]:
        """The data buffers; there may be one."""
        for node in nodes[1:]:
            self._add("BT5203", _line(node), "there is a data buffer already", "keep one data buffer")
        return tuple(self.region(BufferKeys, BUFFER_KEYS, node, "a data buffer") for node in nodes[:1])

    def layers(self, nodes: Sequence[yaml.MappingNode]) -> tuple[LayerKeys, ...]:
        """All layers, sorted by their numbers."""
        layers: list[LayerKeys] = []
        for node in nodes:
            layers.append(self._layer(node, layers[-1].number + 1 if layers else 0))
            check_layer(layers[-1], self.found)
        self._twins(layers)
        return tuple(sorted(layers, key=lambda layer: layer.number))

    def _layer(self, node: yaml.MappingNode, number: int) -> LayerKeys:
        entries = self.entries(node, tuple(_LAYER_NAMES), "a layer", _LAYER_NAMES)
        typed, bad = self.values(entries, LAYER_KEYS)
        keys = LayerKeys(path=self.path, line=_line(node), lines=_lines(entries), bad=bad,
                         number=typed.get("sequence", number), **typed)
        self.required(keys, LAYER_KEYS, f"layer {keys.number}")
        return keys

    def _twins(self, layers: Sequence[LayerKeys]) -> None:
        """Report layers with the number or the name of an earlier one."""
        seen: dict[int | str, LayerKeys] = {}
        for layer in layers:
            for key, own in (("sequence", layer.number), ("name", layer.name and layer.name.lower())):
                if own is not None and own in seen:
                    self.found.add("BT5207", layer.where(key), f"the {'number' if key == 'sequence' else 'name'} {own} "
                                   f"belongs to the layer in line {seen[own].line} already", "give it another one")
                elif own is not None:
                    seen[own] = layer

    def _plain(self, node: yaml.Node) -> Any:
        """A scalar, or a list of scalars, as Python values. Raises ValueError for anything else."""
        if isinstance(node, yaml.SequenceNode):
            return [self._scalar(item) for item in node.value]
        return self._scalar(node)

    def _scalar(self, node: yaml.Node) -> Any:
        if not isinstance(node, yaml.ScalarNode):
            raise ValueError("is neither a value nor a list of values")
        if node.tag in _AS_TEXT:
            return node.value
        if node.tag not in _PLAIN:
            raise ValueError(f"has the tag {node.tag}, which is not allowed")
        try:
            return yaml.constructor.SafeConstructor().construct_object(node)
        except (ValueError, LookupError, yaml.YAMLError) as problem:
            raise ValueError(f"is {node.value[:40]!r}, which cannot be read") from problem

    def _unknown(self, node: yaml.Node, written: str, known: Sequence[str], owner: str) -> None:
        similar = get_close_matches(written.lower(), known, 1, 0.6)
        what = f"{owner} has no key {written[:40]!r}" if written else f"a key of {owner} is no text"
        self._add("BT5202", _line(node), what, f"did you mean {similar[0]}?" if similar else
                  f"use one of: {', '.join(known)}")

    def _add(self, code: str, line: int, why: str, fix: str) -> None:
        self.found.add(code, f"{self.path}:{line}", why, fix)


_LAYER_NAMES = by_name(LAYER_KEYS)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _lines(entries: _Entries) -> dict[str, int]:
    return {key: line for key, (line, _) in entries.items()}
