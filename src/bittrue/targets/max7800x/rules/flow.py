"""The rule that a layer reads every channel where its source has written it: exact, for every channel and pixel."""

from __future__ import annotations

from collections.abc import Iterator

from ..memory import readings
from .case import Case, named
from .rule import Rule, Stage, Violation


def _misread(case: Case) -> Iterator[Violation]:
    """The first channel of every source that is not read where it is."""
    for reading in readings(case.network, case.placement, case.hardware, case.maps.areas):
        wrong, where = reading.misread, case.layers[reading.layer].where
        if wrong is None:
            continue
        source = named(case, wrong.source)
        if wrong.here is None:
            yield where, f"it reads {source}, which is in CHW, and only the first layer can"
        else:
            yield where, f"it reads channel {wrong.channel} of {source} from {wrong.here}, and it lies in {wrong.there}"


TITLES = {"BT5338": "a layer reads where its source does not write"}

RULES: tuple[Rule, ...] = (
    Rule("BT5338", _misread, "give it the processors, in_offset and read gap with which its sources write",
         Stage.CONTENTS),
)
"""The way of the data."""
