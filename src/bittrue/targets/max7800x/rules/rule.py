"""Rules as rows: a code, what finds the violations, and what to do about them. Rows of one matter share a code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from ..device import LIMITS
from ..network import Operator
from .case import Case, View

Violation = tuple[str, str]
"""Where, why."""


class Stage(IntEnum):
    """When a rule is asked. A stage relies on the blocking rules of the earlier ones."""

    WHOLE = 0
    """Whether there are layers, and a placement is one of these layers."""
    NUMBERS = 1
    """Numbers of single layers as they are written down."""
    LAYERS = 2
    """What follows from them: sizes, passes, what layers do together."""
    MAPS = 3
    """Processors and offsets of a placement."""
    MEMORIES = 4
    """Memory maps: whether everything has a place."""
    CONTENTS = 5
    """Whether layers read what was written, word by word."""


@dataclass(frozen=True)
class Rule:
    """One rule. `check` gives its violations; a blocking rule stops later stages, which could not be computed."""

    code: str
    check: Callable[[Case], Iterator[Violation]]
    fix: str
    stage: Stage = Stage.LAYERS
    blocking: bool = False
    placed: bool = False
    """Whether it needs a placement in a stage that also runs without."""


Values = Callable[[View], Iterable[int]]
"""The numbers of a layer that a limit is for; none where it does not apply."""

Reason = Callable[[View], Iterable[str]]
"""Why a layer violates a rule."""


def limit(code: str, name: str, values: Values, fix: str, stage: Stage = Stage.LAYERS,
          blocking: bool = False) -> Rule:
    """The rule that numbers of a layer keep a limit of the device table."""
    row = LIMITS[name]

    def check(case: Case) -> Iterator[Violation]:
        for view in case.layers:
            for value in dict.fromkeys(v for v in values(view) if not row.keeps(case.device, v)):
                yield view.where, f"{row.what}: {value}, and {case.device.part} allows {row.text(case.device)}"
    return Rule(code, check, fix, stage, blocking)


def layer_rule(code: str, reasons: Reason, fix: str, stage: Stage = Stage.LAYERS, blocking: bool = False) -> Rule:
    """A rule about single layers."""
    def check(case: Case) -> Iterator[Violation]:
        for view in case.layers:
            for reason in reasons(view):
                yield view.where, reason
    return Rule(code, check, fix, stage, blocking)


def of(*operators: Operator) -> Callable[[View], bool]:
    """Whether a layer has one of these operators."""
    return lambda view: view.layer.operator in operators


def when(applies: Callable[[View], bool], values: Values) -> Values:
    """The numbers of those layers to which a limit applies."""
    return lambda view: values(view) if applies(view) else ()
