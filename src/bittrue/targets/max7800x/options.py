"""The free choices on MAX78000 and MAX78002: of the placement, and of the emitted project."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...errors import BadInput, Diagnostics, declare
from ..base import Option
from .emit.options import EMIT_OPTIONS, EmitOptions
from .place import PlaceOptions

declare({"BT5003": "an option of a target is unknown or has a wrong value"})

FORMATS = {"auto": None, "hwc": False, "chw": True}
SWITCHES = {"0": False, "1": True, "": True}
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
        """Options from names and values (numbers or texts). Raises `BadInput` (BT5003) with every wrong one."""
        given = {key: str(value).strip() for key, value in (given or {}).items()}
        found, placing = Diagnostics(), {}
        for key in (key for key in given if key in READERS):
            try:
                placing[key] = READERS[key](given[key])
            except ValueError as error:
                why, _, fix = str(error).partition("; ")
                found.add("BT5003", f"target {target}, option {key}", why, fix)
        shown = {key: value for key, value in given.items() if key not in READERS}
        emission = EmitOptions()
        try:
            emission = EmitOptions.parse(shown)
        except BadInput as error:
            found.extend(error)
        found.raise_as(BadInput)
        plan = placing.pop("plan", None)
        return cls(plan, PlaceOptions(**{FIELDS[key]: value for key, value in placing.items()}), emission,
                   tuple(sorted(shown.items())))


def _one_of(table: Mapping[str, Any]) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        if text.lower() not in table:
            raise ValueError(f"{text!r} is none of its values; use one of: {', '.join(table)}")
        return table[text.lower()]
    return read


def _effort(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= LONGEST_SEARCH:
        raise ValueError(f"{text!r} is no number above 0; give 1 to {LONGEST_SEARCH:.0f}")
    return value


FIELDS = {"input": "chw", "streaming": "streaming", "overlap": "overlap", "effort": "effort"}
READERS: dict[str, Callable[[str], Any]] = {
    "plan": str, "input": _one_of(FORMATS), "streaming": _one_of(SWITCHES), "overlap": _one_of(SWITCHES),
    "effort": _effort,
}
OPTIONS = (
    Option("plan", "none: placed automatically", "the plan.json of an import or an earlier placement of this model"),
    Option("input", "auto", "how the input lies in memory: hwc (four channels to a word), chw, or auto"),
    Option("streaming", "1", "1: an input that does not fit may enter through FIFOs while the first layers run"),
    Option("overlap", "1", "1: outputs may take the place of inputs that have been read, where nothing else fits"),
    Option("effort", f"{PlaceOptions().effort:.0f}", "deterministic time of each search step, about seconds"),
    *EMIT_OPTIONS,
)
