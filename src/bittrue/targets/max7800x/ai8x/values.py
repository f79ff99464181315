"""What the values of a description's keys may be: from a plain YAML value to a typed one.

A parser takes what YAML gives (an integer, a float, a flag, a text, None, or a list of these) and returns the typed
value, or raises ValueError with a message that continues "the value ...".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ..placement import PROCESSORS

Parser = Callable[[Any], Any]
T = TypeVar("T")

LARGEST = 1 << 20
"""No number of a description is larger, processor maps and snoop registers aside."""

BINARY = -1
"""The quantization of weights that are -1 and +1."""

STOP = -1
"""The `next_sequence` of the last layer, and in `in_sequences` the network's input."""


def integer(low: int = 0, high: int = LARGEST) -> Parser:
    """A whole number from `low` to `high`.

    >>> integer(1)(8)
    8
    """
    def parse(value: Any) -> int:
        if not _whole(value):
            raise ValueError(f"is {describe(value)}, not a whole number")
        if not low <= value <= high:
            raise ValueError(f"is {describe(value)}, not {low} to {high}")
        return int(value)
    return parse


def one_of(*values: int) -> Parser:
    """One of a few whole numbers."""
    def parse(value: Any) -> int:
        if not _whole(value) or value not in values:
            raise ValueError(f"is {describe(value)}, not {' or '.join(map(str, values))}")
        return int(value)
    return parse


def flag(value: Any) -> bool:
    """`true` or `false`."""
    if not isinstance(value, bool):
        raise ValueError(f"is {describe(value)}, not true or false")
    return value


def text(value: Any) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"is {describe(value)}, not a text")
    return value.strip()


def name(value: Any) -> str:
    """The name of a layer or buffer: a text, but none that means something else."""
    if text(value).lower() in ("stop", "input"):
        raise ValueError(f"is {value!r}, a reserved word")
    return text(value)


def label(value: Any) -> str:
    """A text, or a number that stands for one."""
    return str(value) if _whole(value) else text(value)


def choice(values: Mapping[str, T]) -> Callable[[Any], T]:
    """One of a few words, in any case.

    >>> choice({"relu": 1})("ReLU")
    1
    """
    def parse(value: Any) -> T:
        if _word(value) not in values:
            raise ValueError(f"is {describe(value)}, not one of {', '.join(values)}")
        return values[_word(value)]
    return parse


def processors(value: Any) -> int:
    """A processor map: a number of 64 bits, or a text of hexadecimal digits with dots and underscores.

    >>> hex(processors("0x0000.0000.0000.0111")), hex(processors("0_f"))
    ('0x111', '0xf')
    """
    if isinstance(value, str):
        digits = value.replace(".", "").replace("_", "").lower()
        if not re.fullmatch(r"(0x)?[0-9a-f]{1,32}", digits):
            raise ValueError(f"is {describe(value)}, not a hexadecimal number")
        value = int(digits, 16)
    if not _whole(value):
        raise ValueError(f"is {describe(value)}, not a processor map")
    if not 0 < value < 1 << PROCESSORS:
        raise ValueError(f"is {describe(value)}, not a map of 1 to {PROCESSORS} processors")
    return int(value)


def pair(low: int = 1) -> Parser:
    """A whole number for both dimensions, or [rows, columns].

    >>> pair()(2), pair()([3, 2])
    ((2, 2), (3, 2))
    """
    return lambda value: _two(value, low) if isinstance(value, list) else (integer(low)(value),) * 2


def dimensions(value: Any) -> tuple[int, int]:
    """A length (1-D data), or [rows, columns].

    >>> dimensions(16), dimensions([16, 8])
    ((16, 1), (16, 8))
    """
    return _two(value, 1) if isinstance(value, list) else (integer(1)(value), 1)


def crop(value: Any) -> tuple[int, int]:
    """[rows at the beginning, rows at the end]."""
    if not isinstance(value, list):
        raise ValueError(f"is {describe(value)}, not a list of two numbers")
    return _two(value, 0)


def kernel(value: Any) -> tuple[int, ...]:
    """A length, or a text like `3x3`.

    >>> kernel(5), kernel("3x1")
    ((5,), (3, 1))
    """
    match = re.fullmatch(r"(\d{1,3})(?:x(\d{1,3}))?", "" if isinstance(value, bool) else str(value).strip().lower())
    sizes = tuple(int(size) for size in match.groups() if size is not None) if match else (0,)
    if min(sizes) < 1:
        raise ValueError(f"is {describe(value)}, not a kernel size")
    return sizes


def quantization(value: Any) -> int:
    """Bits of a weight, or `BINARY`."""
    if _word(value) in ("bin", "binary"):
        return BINARY
    if not _whole(value) or value not in (1, 2, 4, 8):
        raise ValueError(f"is {describe(value)}, not 1, 2, 4, 8 or binary")
    return int(value)


def reference(value: Any) -> int | str:
    """Another layer: its number or its name (in lower case)."""
    if _whole(value) and 0 <= value <= LARGEST:
        return int(value)
    if word := _word(value):
        return word
    raise ValueError(f"is {describe(value)}, not a layer's number or name")


def successor(value: Any) -> int | str:
    """Another layer, or `stop`."""
    return STOP if value == STOP or _word(value) == "stop" else reference(value)


def sources(value: Any) -> tuple[int | str, ...]:
    """One layer or a list of layers; -1 or `input` is the network's input."""
    listed = value if isinstance(value, list) else [value]
    if not listed:
        raise ValueError("is an empty list")
    return tuple(STOP if item == STOP or _word(item) == "input" else reference(item) for item in listed)


def groups(value: Any) -> tuple[int, ...]:
    """One group of processors or a list of groups."""
    listed = value if isinstance(value, list) else [value]
    if not listed or not all(_whole(item) and 0 <= item < 4 for item in listed):
        raise ValueError(f"is {describe(value)}, not a list of groups 0 to 3")
    return tuple(sorted(set(listed)))


def registers(value: Any) -> tuple[int, ...]:
    """Thirty-two register values."""
    if not isinstance(value, list) or len(value) != 32 or not all(_whole(v) and 0 <= v < 1 << 32 for v in value):
        raise ValueError(f"is {describe(value)}, not a list of 32 register values")
    return tuple(value)


def describe(value: Any) -> str:
    """A value as a message names it, cut when it is long."""
    if value is None:
        return "empty"
    if _whole(value) and abs(value) >= 1 << 64:
        return f"a number of {value.bit_length()} bits"
    shown = str(value).lower() if isinstance(value, bool) else repr(value)
    return shown if len(shown) <= 40 else f"{shown[:37]}..."


def _word(value: Any) -> str:
    """A text in lower case; empty for anything else."""
    return value.strip().lower() if isinstance(value, str) else ""


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _two(value: list[Any], low: int) -> tuple[int, int]:
    if len(value) != 2:
        raise ValueError(f"is a list of {len(value)}, not of two numbers")
    first, second = (integer(low)(item) for item in value)
    return first, second
