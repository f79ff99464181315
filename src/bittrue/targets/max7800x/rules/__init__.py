"""Every limit of the chips as a rule, in one table; all violations of a network are found at once."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ....errors import Diagnostic, declare
from ..device import Device
from ..network import Network
from ..placement import Placement
from . import convolution, flow, memories, operands, pooling, processors, sizes, streaming, sums
from .case import Case
from .rule import Rule, Stage

__all__ = ["RULES", "TITLES", "Rule", "Stage", "problems"]

_TOPICS = (convolution, sums, pooling, operands, sizes, streaming, processors, memories, flow)

TITLES: Mapping[str, str] = MappingProxyType({code: title for topic in _TOPICS for code, title in topic.TITLES.items()})
"""Code -> what it means."""

RULES: tuple[Rule, ...] = tuple(rule for topic in _TOPICS for rule in topic.RULES)
"""All rules, by topic."""

for _topic in _TOPICS:  # one by one: a code that two topics have is refused
    declare(_topic.TITLES)

_UNPLACED = (Stage.WHOLE, Stage.NUMBERS, Stage.LAYERS)


def problems(network: Network, placement: Placement | None, device: Device) -> list[Diagnostic]:
    """Everything that keeps a network from a chip; without a placement, what no placement can mend.

    All rules are asked that can be: one that needs sizes which a violation leaves without meaning is not.
    """
    case, found = Case(network, device, placement), list[Diagnostic]()
    for stage in Stage if placement is not None else _UNPLACED:
        rules = [rule for rule in RULES if rule.stage is stage and (placement is not None or not rule.placed)]
        violations = [(rule, where, why) for rule in rules for where, why in rule.check(case)]
        found += [Diagnostic(rule.code, where, why, rule.fix) for rule, where, why in violations]
        if any(rule.blocking for rule, _, _ in violations):
            break
    return found
