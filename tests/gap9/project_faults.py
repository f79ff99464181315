"""Faults for emitted projects: one number of a table of steps is made wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

SIZES = ("out_h", "out_w", "out_c", "in_h", "in_w", "in_c", "channels", "rows", "pixels", "count")
PITCHES = ("in_pitch", "out_pitch", "a_pitch", "b_pitch")
POINTERS = ("input", "output", "weights", "bias", "scales", "a", "b")
TRANSFER = re.compile(r"\{BT_(?:ARENA|CONSTANTS)\((\d+)\), BT_L1\((\d+)\), (\d+), (\d+), (\d+)\}")
FIELDS = ("far", "near", "size", "length", "stride")
COUNTS = re.compile(r"\.(?:stores|late|early) = (\d+)")


@dataclass(frozen=True)
class Fault:
    """A change of a project's file: characters `begin` to `end` become `text`."""

    kind: str
    file: str
    begin: int
    end: int
    text: str

    def apply(self, source: str) -> str:
        """The file with the fault."""
        return source[:self.begin] + self.text + source[self.end:]


def step_faults(source: str) -> Iterator[Fault]:
    """All faults of a table of steps, in its order."""
    for kind, pattern, change in _PATTERNS:
        for found in re.finditer(pattern, source):
            yield from _numbers(kind, found, 1, change)
    for found in TRANSFER.finditer(source):
        for group, name in enumerate(FIELDS, 1):
            made = _numbers(f"transfer's {name}", found, group, _by(-4, -1, 1, 4))
            yield from (fault for fault in made if _matters(found, name, int(fault.text)))


def _matters(found: re.Match[str], name: str, value: int) -> bool:
    """Whether a transfer's field says anything: a single line has no stride, and is no longer than the transfer."""
    size, length = int(found[3]), int(found[4])
    return {"stride": length < size, "length": value < size or length < size}.get(name, True)


def _numbers(kind: str, found: re.Match[str], group: int, change: Callable[[int], list[int]]) -> Iterator[Fault]:
    for value in change(int(found[group])):
        if value >= 0:
            yield Fault(kind, "steps.c", found.start(group), found.end(group), str(value))


def _by(*steps: int) -> Callable[[int], list[int]]:
    return lambda value: [value + step for step in steps]


_PATTERNS: tuple[tuple[str, str, Callable[[int], list[int]]], ...] = (
    *((f"size {name}", rf"\.{name} = (\d+)", _by(-1, 1)) for name in SIZES),
    *((f"pitch {name}", rf"\.{name} = (\d+)", _by(-1, 1)) for name in PITCHES),
    *((f"place of {name}", rf"\.{name} = BT_L1\((\d+)\)", _by(-16, -4, 4, 16)) for name in POINTERS),
    ("place of scratch", r"\.scratch = BT_L1\((\d+)\)", _by(-16, -4)),
    ("im2col matrix", r"\.columns = (\d+)", lambda value: [(value + 1) % 3]),
    ("transfers left out", COUNTS.pattern, lambda value: [value - 1] if value else []),
)
