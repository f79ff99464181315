"""Where two ONNX messages differ, named as a reader of the file would name it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

import numpy as np

from .protos import DTYPES, Message

Deviation = tuple[str, str]
"""where, what: the file's content against the expected one"""

SINGULAR = {"metadata_props": "metadata", "opset_import": "operator set", "functions": "function",
            "value_info": "tensor"}
"""How an element of a repeated field is called; other fields by their own name."""


def deviations(expected: Any, found: Any, where: str = "") -> Iterator[Deviation]:
    """Every place in which the message `found` is not as `expected`."""
    if getattr(expected, "raw_data", b"") != getattr(found, "raw_data", b""):
        yield from _tensor(expected, found, where)
        return
    ours, theirs = ({field.name: value for field, value in message.ListFields()} for message in (expected, found))
    for name in dict.fromkeys((*ours, *theirs)):
        yield from _field(name, ours.get(name), theirs.get(name), where)


def _field(name: str, expected: Any, found: Any, where: str) -> Iterator[Deviation]:
    present = expected if expected is not None else found
    if isinstance(present, Message):
        empty = type(present)()
        yield from deviations(expected or empty, found or empty, where if name == "graph" else _at(where, name))
    elif isinstance(present, str | bytes | int | float):
        if expected != found:
            yield _at(where, name), f"it is {_short(found)}, not {_short(expected)}"
    elif len(present) and isinstance(present[0], Message):
        yield from _messages(SINGULAR.get(name, name), list(expected or ()), list(found or ()), where)
    elif list(expected or ()) != list(found or ()):
        yield _at(where, name), f"it is {_short(list(found or ()))}, not {_short(list(expected or ()))}"


def _messages(label: str, expected: list[Any], found: list[Any], where: str) -> Iterator[Deviation]:
    ours, theirs = [_key(m) for m in expected], [_key(m) for m in found]
    if len(set(ours)) < len(ours) or len(set(theirs)) < len(theirs) or label == "dim":
        ours, theirs = [str(i) for i in range(len(ours))], [str(i) for i in range(len(theirs))]
    for key in (key for key in ours if key not in theirs):
        yield _at(where, f"{label} {key}"), "it is missing"
    for key in (key for key in theirs if key not in ours):
        yield _at(where, f"{label} {key}"), "it does not belong there"
    for key in (key for key in ours if key in theirs):
        yield from deviations(expected[ours.index(key)], found[theirs.index(key)], _at(where, f"{label} {key}"))
    if ours != theirs and sorted(ours) == sorted(theirs):
        yield _at(where, f"{label}s"), f"they stand in the order {_short(theirs)}, not {_short(ours)}"


def _key(message: Any) -> str:
    """What identifies an element of a repeated field for people."""
    if hasattr(message, "key"):
        return str(message.key)
    if hasattr(message, "op_type"):
        return str(message.name) or f"of {', '.join(message.output)}"
    parts = [str(getattr(message, name)) for name in ("domain", "name") if getattr(message, name, "")]
    return ".".join(parts) or repr("")


def _tensor(expected: Any, found: Any, where: str) -> Iterator[Deviation]:
    same_form = (expected.data_type, list(expected.dims)) == (found.data_type, list(found.dims))
    if not same_form or len(expected.raw_data) != len(found.raw_data) or expected.data_type not in DTYPES:
        yield where, f"it has dims {_short(list(found.dims))}, type {found.data_type}, {len(found.raw_data)} bytes, " \
            f"not {_short(list(expected.dims))}, {expected.data_type} and {len(expected.raw_data)}"
        return
    dtype = DTYPES[expected.data_type].newbyteorder("<")
    ours, theirs = (np.frombuffer(m.raw_data, dtype) for m in (expected, found))
    places = np.flatnonzero(ours != theirs)
    index = tuple(map(int, np.unravel_index(places[0], tuple(expected.dims)))) if places.size else ()
    yield where, f"{places.size} of {ours.size} elements differ, first {list(index)}: it is {theirs[places[:1]]}, " \
        f"not {ours[places[:1]]}"


def _at(where: str, name: str) -> str:
    return f"{where}, {name}" if where else name


def _short(value: Any) -> str:
    if value is None:
        return "missing"
    text = ", ".join(map(str, value)).join("[]") if isinstance(value, Sequence) and not isinstance(value, str | bytes) \
        else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def first_difference(expected: bytes, found: bytes) -> int:
    """Position of the first differing byte."""
    return next(i for i, (a, b) in enumerate(zip_longest(expected, found)) if a != b)
