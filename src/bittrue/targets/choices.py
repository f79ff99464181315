"""Tables of a target's options: a row reads the text of a value, all problems are found at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from ..errors import Diagnostics, declare
from .base import Option

declare({"BT5003": "an option of a target is unknown or has a wrong value"})

Read = Callable[[str], Any]
"""Reads the text of a value. Raises ValueError with `why; what to do`."""

SWITCHES = {"0": False, "1": True, "": True}


class Choice(Protocol):
    """A row of a table of options."""

    @property
    def name(self) -> str:
        """The option's name."""

    @property
    def read(self) -> Read:
        """What reads its value."""


class Row(NamedTuple):
    """A row that says all about an option."""

    name: str
    read: Read
    default: int | str
    """A value, or words."""
    meaning: str

    @property
    def option(self) -> Option:
        """The row for help texts."""
        return Option(self.name, str(self.default), self.meaning)


def read_choices(target: str, table: Iterable[Choice], given: Mapping[str, Any] | None,
                 found: Diagnostics) -> dict[str, Any]:
    """The values of options, by name. Unknown names and wrong values go to `found` (BT5003)."""
    rows = {row.name: row for row in table}
    read = {name: _read(rows, name, str(value).strip()) for name, value in (given or {}).items()}
    for name, problem in ((name, value) for name, value in read.items() if isinstance(value, ValueError)):
        why, _, fix = str(problem).partition("; ")
        found.add("BT5003", f"target {target}, option {name}", why, fix)
    return {name: value for name, value in read.items() if not isinstance(value, ValueError)}


def _read(rows: Mapping[str, Choice], name: str, text: str) -> Any:
    """The value, or what is wrong with it."""
    if name not in rows:
        return ValueError(f"there is no such option; use one of: {', '.join(rows)}")
    try:
        return rows[name].read(text)
    except ValueError as error:
        return error


def switch(text: str) -> bool:
    """0 or 1; nothing is 1, so that an option can be named alone.

    >>> switch("0"), switch("1"), switch("")
    (False, True, True)
    """
    return bool(one_of(SWITCHES)(text))


def number(low: int, high: int) -> Read:
    """A whole number within limits."""
    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
            raise ValueError(f"{text!r} is no number from {low} to {high}; give one of these")
        return int(text)
    return read


def one_of(table: Mapping[str, Any]) -> Read:
    """One of some words, in any case."""
    def read(text: str) -> Any:
        if text.lower() not in table:
            raise ValueError(f"{text!r} is none of its values; use one of: {', '.join(filter(None, table))}")
        return table[text.lower()]
    return read
