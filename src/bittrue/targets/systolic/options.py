"""The free choices of the array: its size, its widths, its schedule."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import BadInput, Diagnostics, declare
from ..base import Option
from .schedule import DATAFLOWS, SCHEDULES, Schedule

declare({"BT5003": "an option of a target is unknown or has a wrong value"})


@dataclass(frozen=True)
class SystolicOptions:
    """What a user may choose. What is None follows from the graph and from the other choices, see `plan`."""

    rows: int = 8
    cols: int = 8
    schedule: str = next(iter(SCHEDULES))
    dataflow: str = DATAFLOWS[0]
    load_lanes: int | None = None
    subword: int = 0
    unfold: int | None = None
    act_bits: int | None = None
    weight_bits: int | None = None
    psum_bits: int | None = None
    acc_bits: int | None = None
    out_bits: int | None = None
    scaled_bits: int | None = None
    slope_bits: int | None = None

    @classmethod
    def parse(cls, given: Mapping[str, Any] | None) -> SystolicOptions:
        """Options from names and values (numbers or texts). Raises `BadInput` (BT5003) with every wrong one."""
        found = Diagnostics()
        chosen: dict[str, Any] = {}
        for key, value in (given or {}).items():
            if key in LIMITS and (number := _number(value, *LIMITS[key])) is not None:
                chosen[key] = number
            elif value in CHOICES.get(key, ()):
                chosen[key] = value
            else:
                found.add("BT5003", f"target systolic, option {key}", *_complaint(key, value))
        options = cls(**chosen)
        if options.subword and (options.act_bits or 2) % 2:
            found.add("BT5003", "target systolic, option subword", f"act_bits is {options.act_bits}, which has no half",
                      "use an even number of bits")
        if options.load_lanes and options.load_lanes > options.cols:
            found.add("BT5003", "target systolic, option load_lanes", f"there are {options.cols} columns only",
                      "use no more lanes than columns")
        found.raise_as(BadInput)
        return options

    @property
    def how(self) -> Schedule:
        """The schedule."""
        return SCHEDULES[self.schedule]

    @property
    def lanes(self) -> int:
        """Columns whose weights arrive in one cycle."""
        return self.load_lanes or self.how.load_lanes(self.cols)

    @property
    def width(self) -> int:
        """Most input channels of a tile."""
        return self.rows * (1 + self.subword)

    def to_json(self) -> dict[str, Any]:
        """The choices that `parse` reads back."""
        return {key: value for key, value in vars(self).items() if value is not None}


LIMITS = {"rows": (1, 256), "cols": (1, 256), "load_lanes": (1, 256), "subword": (0, 1), "unfold": (0, 1),
          "act_bits": (1, 16), "weight_bits": (1, 16), "psum_bits": (2, 48), "acc_bits": (2, 48), "out_bits": (2, 32),
          "scaled_bits": (2, 64), "slope_bits": (1, 31)}
"""Smallest and largest value of every numeric option."""

CHOICES: dict[str, tuple[str, ...]] = {"schedule": tuple(SCHEDULES), "dataflow": DATAFLOWS}

OPTIONS = (
    Option("rows", "8", "rows of the array: input channels of a tile"),
    Option("cols", "8", "columns of the array: output channels of a tile"),
    Option("schedule", SystolicOptions.schedule, f"how passes follow each other: {', '.join(SCHEDULES)}"),
    Option("dataflow", SystolicOptions.dataflow, f"what stays in the array: {', '.join(DATAFLOWS)}"),
    Option("load_lanes", "a quarter of the columns; 1 in the plain schedule",
           "columns whose weights arrive in one cycle"),
    Option("subword", "0", "1: two input channels per multiplier where activations have half of its bits at most"),
    Option("unfold", "where it saves cycles; never in the plain schedule",
           "unfold (im2col) images that are loaded from outside (0: never, 1: always)"),
    Option("act_bits", "widest in the graph", "bits of an activation"),
    Option("weight_bits", "widest in the graph", "bits of a weight"),
    Option("psum_bits", "16, or more where needed", "bits of a partial sum of one tile and kernel position"),
    Option("acc_bits", "32, or more where needed", "bits of an accumulator"),
    Option("out_bits", "16, or more where needed", "bits of an output field"),
    Option("scaled_bits", "what the value ranges need", "bits of what the output stages round"),
    Option("slope_bits", "widest in the graph", "bits of the multiplier of negative values; 1 for ReLU"),
)


def _number(value: object, low: int, high: int) -> int | None:
    """The value as an integer within the limits, else None."""
    text = str(value).strip()
    return int(text) if re.fullmatch(r"\d{1,9}", text) and low <= int(text) <= high else None


def _complaint(key: str, value: object) -> tuple[str, str]:
    if key in LIMITS:
        low, high = LIMITS[key]
        return f"{value!r} is not a whole number from {low} to {high}", f"give {low} to {high}"
    if key in CHOICES:
        return f"{value!r} is no {key}", f"use one of: {', '.join(CHOICES[key])}"
    return "there is no such option", f"use one of: {', '.join((*LIMITS, *CHOICES))}"
