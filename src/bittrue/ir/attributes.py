"""The codec of attribute values: from an op to plain values (integers, texts, lists of integers) and back.

It is derived from the annotations of the op's dataclass fields; the text form and the ONNX file use this one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from typing import Any, get_type_hints

from ..errors import BadInput, Diagnostics, declare
from . import ops as _ops  # declares every op
from .op import OPS, Op
from .rounding import Rounding
from .types import IntType, TensorType

__all__ = ["Plain", "attributes", "make_op"]

declare({
    "BT1201": "an op has an unknown kind",
    "BT1202": "an op has no such attribute",
    "BT1203": "an attribute of an op is missing",
    "BT1204": "an attribute of an op has a wrong value",
})

Plain = int | str | tuple[int, ...]
"""An attribute's value outside of Python: an integer (a truth value is 0 or 1), a text, or a list of integers."""

_KINDS = ", ".join(sorted(_ops.__all__))


@dataclass(frozen=True)
class Codec:
    """How one kind of attribute is written: `decode` raises ValueError for what is no such value."""

    wanted: str
    encode: Callable[[Any], Plain]
    decode: Callable[[object], Any]


def attributes(op: Op) -> dict[str, Plain]:
    """All attributes of an op as plain values, in the order of declaration.

    >>> from bittrue.ir.ops import AvgPool
    >>> attributes(AvgPool(IntType(8, True), kernel=(2, 3)))["out"]
    'i8'
    """
    return {name: codec.encode(getattr(op, name)) for name, codec in codecs(type(op)).items()}


def make_op(kind: str, values: Mapping[str, object], where: str = "") -> Op:
    """The op of this kind with these plain attributes (a list or tuple of integers alike); those left out have their
    default. `where` says in diagnostics where it stands.

    Raises `BadInput` with every problem: BT1201 unknown kind, BT1202 unknown, BT1203 missing, BT1204 wrong attribute.

    >>> make_op("AvgPool", {"out": "i8", "kernel": [2, 3]}).kernel
    (2, 3)
    """
    found, where = Diagnostics(), where or f"op {kind}"
    if kind not in OPS:
        found.add("BT1201", where, f"there is no op {kind!r}", f"use Input, {_KINDS}")
        found.raise_as(BadInput)
    known = codecs(OPS[kind])
    for name in (name for name in values if name not in known):
        found.add("BT1202", where, f"{kind} has no attribute {name!r}", f"its attributes: {', '.join(known) or 'none'}")
    for name in (name for name in required(OPS[kind]) if name not in values):
        found.add("BT1203", where, f"{kind} needs the attribute {name!r}", f"give {known[name].wanted}")
    decoded = {name: _decoded(name, codec, values[name], f"{where} ({kind})", found)
               for name, codec in known.items() if name in values}
    found.raise_as(BadInput)
    return OPS[kind](**decoded)


def _decoded(name: str, codec: Codec, value: object, where: str, found: Diagnostics) -> Any:
    """An attribute's value; a wrong one goes to `found`."""
    try:
        return codec.decode(value)
    except ValueError as problem:
        found.add("BT1204", where, f"attribute {name}: {problem}", f"give {codec.wanted}")
        return None


@cache
def codecs(op: type[Op]) -> dict[str, Codec]:
    """The codec of every attribute of an op, in the order of declaration."""
    hints = get_type_hints(op)
    return {field.name: CODECS[hints[field.name]] for field in fields(op)}  # type: ignore[arg-type]


@cache
def required(op: type[Op]) -> tuple[str, ...]:
    """The attributes that have no default."""
    return tuple(field.name for field in fields(op) if field.default is MISSING)  # type: ignore[arg-type]


def _integer(value: object) -> int:
    if not isinstance(value, int):
        raise ValueError(f"{value!r} is no integer")
    return int(value)


def _flag(value: object) -> bool:
    if _integer(value) not in (0, 1):
        raise ValueError(f"{value!r} is neither 0 nor 1")
    return bool(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    return value


def _integers(value: object) -> tuple[int, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{value!r} is no list of integers")
    return tuple(_integer(v) for v in value)


CODECS: dict[Any, Codec] = {
    int: Codec("an integer", int, _integer),
    bool: Codec("0 or 1", int, _flag),
    str: Codec("a text", str, _text),
    tuple[int, ...]: Codec("a list of integers", tuple, _integers),
    IntType: Codec("an integer type such as i8 or u4", str, lambda value: IntType.parse(_text(value))),
    TensorType: Codec("a tensor type such as u8[3,32,32]", str, lambda value: TensorType.parse(_text(value))),
    Rounding: Codec(f"one of {', '.join(Rounding)}", str, lambda value: Rounding(_text(value))),
}
"""The codec for every annotation that an op's field may have."""
