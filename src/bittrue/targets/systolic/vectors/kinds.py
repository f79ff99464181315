"""The kinds of vector files: over what each one varies, what a line and a field of it stand for.

Every kind consists of *blocks*, one per `Place`: a matrix of steps (lines) by lanes (fields). A file holds one block or
several, as the template says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Place(NamedTuple):
    """Which block of a layer: sample, output-channel tile, input-channel tile, kernel position. None where its kind
    does not vary."""

    image: int | None = None
    oc: int | None = None
    ic: int | None = None
    kij: int | None = None


PLACES = Place._fields

NAMES = {"image": "image", "oc": "otile", "ic": "itile", "kij": "kij", "nij": "time", "out": "out", "col": "col"}
"""What people are told about that which varies."""

STAGE_FIELDS = ("bias", "multiplier", "offset", "shift", "slope_multiplier", "slope_shift", "rounding", "lo", "hi")
"""The parameters of a channel's output stage, in text order."""


@dataclass(frozen=True)
class Kind:
    """One kind of file. `dims` are the fields of `Place` over which it varies, `step` what varies within a block:
    `nij` (padded position), `out` (output position) or `col` (column of the array)."""

    name: str
    dims: tuple[str, ...]
    step: str
    unit: str
    """What comment lines call a line."""
    lane: str
    """What comment lines call a field, without its number; the name of the only field of `acc`; empty for `stage`."""
    min_bits: int = 1
    """Fields are not narrower than this, unless a template says so."""

    @property
    def order(self) -> tuple[str, ...]:
        """The usual order of the lines, what varies slowest first."""
        return *self.dims, self.step


KINDS = {kind.name: kind for kind in (
    Kind("activation", ("image", "ic"), "nij", "time", "row"),
    Kind("weight", ("oc", "ic", "kij"), "col", "col", "row"),
    Kind("psum", ("image", "oc", "ic", "kij"), "nij", "time", "col", 16),
    Kind("acc_out", ("image", "oc"), "out", "out", "col", 32),
    Kind("out", ("image", "oc"), "out", "out", "col", 16),
    Kind("stage", ("oc",), "col", "col", ""),
    Kind("acc", ("kij",), "out", "gather", "address", 11),
)}
