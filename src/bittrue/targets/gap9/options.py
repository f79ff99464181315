"""The free choices on GAP9: how much of its memories a program may take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import BadInput, Diagnostics
from ..choices import Row, number, read_choices
from .planning.limits import KIB, Limits

L1, L2, L3 = (size // KIB for size in (Limits.l1, Limits.l2, Limits.l3))
"""KiB that a program may take unless told otherwise."""

TABLE = (
    Row("l1", number(8, L1), L1, "KiB of L1 for tiles"),
    Row("l2", number(16, L2), L2, "KiB of L2 for activations, parameters and tables of steps"),
    Row("l3", number(0, 65536), L3, "KiB of external memory (L3) for what L2 has no room for; 0: the board has none"),
)
OPTIONS = tuple(row.option for row in TABLE)


@dataclass(frozen=True)
class Gap9Options:
    """What a user may choose: KiB of the three memories."""

    l1: int = L1
    l2: int = L2
    l3: int = L3

    @classmethod
    def parse(cls, target: str, given: Mapping[str, Any] | None) -> Gap9Options:
        """Options from names and values (numbers or texts). Raises `BadInput` (BT5003) with all that are wrong."""
        found = Diagnostics()
        values = read_choices(target, TABLE, given, found)
        found.raise_as(BadInput)
        return cls(**values)

    def to_json(self) -> dict[str, int]:
        """The choices that `parse` reads back."""
        return {row.name: value for row in TABLE if (value := getattr(self, row.name)) != row.default}
