"""The free choices on MAX78000 and MAX78002: of the placement, and of the emitted project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ...errors import BadInput, Diagnostics
from ..base import Option
from ..choices import Read, one_of, read_choices, switch
from .emit.options import EMIT_OPTIONS, TABLE, EmitOptions
from .place import PlaceOptions

FORMATS = {"auto": None, "hwc": False, "chw": True}
LONGEST_SEARCH = 600.0


@dataclass(frozen=True)
class Max7800xOptions:
    """What a user may choose."""

    plan: str | None = None
    """A plan file whose layers, processors and offsets are kept."""
    placing: PlaceOptions = field(default_factory=PlaceOptions)
    emission: EmitOptions = field(default_factory=EmitOptions)
    chosen: tuple[tuple[str, str], ...] = ()
    """The options of the emitted project as they were given, sorted; `emission` follows from them."""

    @classmethod
    def parse(cls, target: str, given: Mapping[str, Any] | None) -> Max7800xOptions:
        """Options from names and values (numbers or texts).

        Raises `BadInput` with every unknown name or wrong value (BT5003), and with what options of the project say
        against each other (BT5481, BT5482).
        """
        found = Diagnostics()
        values = read_choices(target, (*PLACING, *TABLE), given, found)
        emission = EmitOptions.of({row.name: values[row.name] for row in TABLE if row.name in values}, found)
        found.raise_as(BadInput)
        placing = {row.field: values[row.name] for row in PLACING if row.name in values and row.field}
        kept = {name: str(value).strip() for name, value in (given or {}).items() if name not in PLACING_NAMES}
        return cls(values.get(PLAN), PlaceOptions(**placing), emission, tuple(sorted(kept.items())))


def _effort(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= LONGEST_SEARCH:
        raise ValueError(f"{text!r} is no number above 0; give 1 to {LONGEST_SEARCH:.0f}")
    return value


class Row(NamedTuple):
    """An option of the placement."""

    name: str
    read: Read
    default: str
    meaning: str
    field: str = ""
    """Its name in `PlaceOptions`."""


PLAN = "plan"
PLACING = (
    Row(PLAN, str, "none: placed automatically", "the plan.json of an import or an earlier placement of this model"),
    Row("input", one_of(FORMATS), "auto", "how the input lies in memory: hwc (four channels to a word), chw, or auto",
        "chw"),
    Row("streaming", switch, "1", "1: an input that does not fit may enter through FIFOs while the first layers run",
        "streaming"),
    Row("overlap", switch, "1", "1: outputs may take the place of inputs that have been read, where nothing else fits",
        "overlap"),
    Row("effort", _effort, f"{PlaceOptions().effort:.0f}",
        "deterministic time of each search step, about seconds", "effort"),
)
PLACING_NAMES = tuple(row.name for row in PLACING)
OPTIONS = (*(Option(row.name, row.default, row.meaning) for row in PLACING), *EMIT_OPTIONS)
