"""The free choices of the array: its size, its widths, its schedule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import BadInput, Diagnostics
from ..choices import Row, number, one_of, read_choices
from .schedule import DATAFLOWS, SCHEDULES, Schedule


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
        options = cls(**read_choices("systolic", TABLE, given, found))
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


WIDEST = {"act_bits": 16, "weight_bits": 16, "psum_bits": 48, "acc_bits": 48, "out_bits": 32, "scaled_bits": 64,
          "slope_bits": 31}
"""Most bits of each width that can be chosen."""


def _width(name: str, least: int, default: str, meaning: str) -> Row:
    return Row(name, number(least, WIDEST[name]), default, meaning)


TABLE = (
    Row("rows", number(1, 256), SystolicOptions.rows, "rows of the array: input channels of a tile"),
    Row("cols", number(1, 256), SystolicOptions.cols, "columns of the array: output channels of a tile"),
    Row("schedule", one_of({name: name for name in SCHEDULES}), SystolicOptions.schedule,
        f"how passes follow each other: {', '.join(SCHEDULES)}"),
    Row("dataflow", one_of({name: name for name in DATAFLOWS}), SystolicOptions.dataflow,
        f"what stays in the array: {', '.join(DATAFLOWS)}"),
    Row("load_lanes", number(1, 256), "a quarter of the columns; 1 in the plain schedule",
        "columns whose weights arrive in one cycle"),
    Row("subword", number(0, 1), SystolicOptions.subword,
        "1: two input channels per multiplier where activations have half of its bits at most"),
    Row("unfold", number(0, 1), "where it saves cycles; never in the plain schedule",
        "unfold (im2col) images that are loaded from outside (0: never, 1: always)"),
    _width("act_bits", 1, "widest in the graph", "bits of an activation"),
    _width("weight_bits", 1, "widest in the graph", "bits of a weight"),
    _width("psum_bits", 2, "16, or more where needed", "bits of a partial sum of one tile and kernel position"),
    _width("acc_bits", 2, "32, or more where needed", "bits of an accumulator"),
    _width("out_bits", 2, "16, or more where needed", "bits of an output field"),
    _width("scaled_bits", 2, "what the value ranges need", "bits of what the output stages round"),
    _width("slope_bits", 1, "widest in the graph", "bits of the multiplier of negative values; 1 for ReLU"),
)
OPTIONS = tuple(row.option for row in TABLE)
