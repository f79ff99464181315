"""The free choices of the array: its size, its widths and the names of its files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from string import Formatter
from typing import Any

from ...errors import BadInput, Diagnostics, declare
from ..base import Option

declare({"BT5003": "an option of a target is unknown or has a wrong value"})


@dataclass(frozen=True)
class FileNames:
    """Names of the text files within a layer's directory; the fields in braces are filled in."""

    activation: str = "activation_tile{ic}.txt"
    weight: str = "weight_itile{ic}_otile{oc}_kij{kij}.txt"
    psum: str = "psum_itile{ic}_otile{oc}.txt"
    acc_out: str = "acc_out_otile{oc}.txt"
    out: str = "out_otile{oc}.txt"
    stage: str = "stage_otile{oc}.txt"
    acc: str = "acc.txt"


@dataclass(frozen=True)
class SystolicOptions:
    """What a user may choose. A width of None is derived from the graph, see `plan`."""

    rows: int = 8
    cols: int = 8
    act_bits: int | None = None
    weight_bits: int | None = None
    psum_bits: int | None = None
    acc_bits: int | None = None
    out_bits: int | None = None
    header: int = 1
    names: FileNames = FileNames()

    @classmethod
    def parse(cls, given: Mapping[str, Any] | None) -> SystolicOptions:
        """Options from names and values (numbers or texts). Raises `BadInput` (BT5003) with every wrong one."""
        found = Diagnostics()
        numbers: dict[str, int] = {}
        names: dict[str, str] = {}
        for key, value in (given or {}).items():
            if key in LIMITS and (number := _number(value, *LIMITS[key])) is not None:
                numbers[key] = number
            elif key in NAME_FIELDS and _is_template(str(value), NAME_FIELDS[key]):
                names[key.removesuffix("_name")] = str(value)
            else:
                found.add("BT5003", f"target systolic, option {key}", *_complaint(key, value))
        chosen = asdict(FileNames(**names)).values()
        if len(set(chosen)) < len(chosen):
            found.add("BT5003", "target systolic, file names", "two kinds of files have the same name", "rename one")
        found.raise_as(BadInput)
        return cls(**numbers, names=FileNames(**names))

    def to_json(self) -> dict[str, Any]:
        """The choices that `parse` reads back: those that differ from the default."""
        default = FileNames()
        chosen = {f"{key}_name": value for key, value in asdict(self.names).items() if value != getattr(default, key)}
        return {key: getattr(self, key) for key in LIMITS if getattr(self, key) is not None} | chosen


LIMITS = {"rows": (1, 256), "cols": (1, 256), "act_bits": (1, 16), "weight_bits": (1, 16), "psum_bits": (2, 48),
          "acc_bits": (2, 48), "out_bits": (2, 32), "header": (0, 1)}
"""Smallest and largest value of every numeric option."""

NAME_FIELDS = {f"{field.name}_name": frozenset(name for _, name, _, _ in Formatter().parse(str(field.default)) if name)
               for field in fields(FileNames)}
"""The fields that the template of every file name must have."""

OPTIONS = (
    Option("rows", "8", "rows of the array: input channels of a tile"),
    Option("cols", "8", "columns of the array: output channels of a tile"),
    Option("act_bits", "widest in the graph", "bits of an activation"),
    Option("weight_bits", "widest in the graph", "bits of a weight"),
    Option("psum_bits", "16, or more where needed", "bits of a partial sum of one tile and kernel position"),
    Option("acc_bits", "32, or more where needed", "bits of an accumulator"),
    Option("out_bits", "16, or more where needed", "bits of an output field"),
    Option("header", "1", "write three comment lines into the text files (0: none)"),
    *(Option(name, str(getattr(FileNames(), name.removesuffix("_name"))), "name of this kind of text file")
      for name in NAME_FIELDS),
)


def _number(value: object, low: int, high: int) -> int | None:
    """The value as an integer within the limits, else None."""
    text = str(value).strip()
    return int(text) if re.fullmatch(r"\d{1,9}", text) and low <= int(text) <= high else None


def _is_template(text: str, wanted: frozenset[str]) -> bool:
    """Whether it is a plain file name with exactly the wanted `{fields}`."""
    return bool(re.fullmatch(r"(?:[A-Za-z0-9_.-]|\{[a-z]+\})+", text)) and not text.startswith((".", "-")) \
        and sorted(re.findall(r"\{([a-z]+)\}", text)) == sorted(wanted)


def _complaint(key: str, value: object) -> tuple[str, str]:
    if key in LIMITS:
        low, high = LIMITS[key]
        return f"{value!r} is not a whole number from {low} to {high}", f"give {low} to {high}"
    if key in NAME_FIELDS:
        wanted = ", ".join(f"{{{name}}}" for name in sorted(NAME_FIELDS[key])) or "none"
        return f"{value!r} is not a plain file name with the fields {wanted}", "use letters, digits, dots and dashes"
    return "there is no such option", f"use one of: {', '.join((*LIMITS, *NAME_FIELDS))}"
