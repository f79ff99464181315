"""The table of rules as a whole."""

from __future__ import annotations

from bittrue.errors import catalogue
from bittrue.targets.max7800x.device import DEVICES, MAX78000, Device
from bittrue.targets.max7800x.network import Network
from bittrue.targets.max7800x.placement import Placement
from bittrue.targets.max7800x.rules import RULES, TITLES, Stage, problems
from bittrue.targets.max7800x.rules.case import Case

from . import test_rules_convolution, test_rules_layers, test_rules_placement, test_rules_streaming
from .placed import chain, conv, net, place


def broken() -> list[tuple[Device, Network, Placement | None]]:
    """The networks of all tests that break a rule."""
    unplaced = (*test_rules_convolution.CASES.values(), *test_rules_layers.CASES.values())
    placed = (*test_rules_placement.CASES.values(), *test_rules_streaming.CASES.values())
    return [(device, bad, None) for _, device, bad, _ in unplaced] + [(device, *bad) for _, device, bad, _ in placed]


def fires(rule: int, device: Device, network: Network, placement: Placement | None) -> bool:
    """Whether a rule finds something in a network that the rules before it let through."""
    row = RULES[rule]
    if placement is None and (row.placed or row.stage >= Stage.MAPS):
        return False
    if not {p.code for p in problems(network, placement, device)} & {row.code}:
        return False
    return any(row.check(Case(network, device, placement)))


def test_every_row_of_the_table_is_broken_by_a_network() -> None:
    networks = broken()
    silent = [(row.code, row.fix) for i, row in enumerate(RULES) if not any(fires(i, *network) for network in networks)]
    assert silent == []


def test_every_code_has_a_title_and_is_in_the_catalogue() -> None:
    assert {row.code for row in RULES} == set(TITLES)
    assert all(catalogue()[code] == title for code, title in TITLES.items())
    assert min(TITLES) >= "BT5260"
    assert max(TITLES) <= "BT5349"


def test_blocking_rules_stop_later_stages_only() -> None:
    network = chain(conv("a", 3, 4, (6, 8), pad=(3, 3), shift=99), conv("bb", 4, 1100, (10, 12)))
    assert [p.code for p in problems(network, None, MAX78000)] == ["BT5261", "BT5261", "BT5274"]
    network = chain(conv("a", 3, 4, (6, 8), shift=99), conv("bb", 4, 1100, (6, 8)))
    assert [p.code for p in problems(network, None, MAX78000)] == ["BT5274", "BT5296"]


def test_a_network_in_order_has_no_problem_on_both_chips() -> None:
    network = net(conv("one", 3, 4, (6, 8)))
    assert [problems(network, place(network), device) for device in DEVICES.values()] == [[], []]
