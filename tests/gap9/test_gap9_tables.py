"""The tables that both sides of the simulator share."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from bittrue.report.gap9_cluster import cluster_page
from bittrue.targets.gap9.simulate import columns
from bittrue.targets.gap9.simulate.isa.table import ROWS, Operation, operations
from bittrue.targets.gap9.simulate.native import SOURCES, compute
from bittrue.targets.gap9.simulate.timing import LATENCIES, RULES, rule_values
from bittrue.targets.gap9.simulate.traps import CAUSES
from gap9.instructions_by_hand import signed

ROOT = Path(__file__).parents[2]


def test_rules_have_the_places_that_the_compiled_part_reads() -> None:
    """`taken_branch` is T_TAKEN and so on: the names begin alike."""
    used = re.findall(r"C_(T_[A-Z0-9_]+)", "".join((SOURCES / name).read_text() for name in ("core.h", "cache.h")))
    places = {value: name for name, value in vars(columns).items() if name in used}
    assert len(RULES) == columns.RULES
    named = {"T_TAKEN": "taken_branch", "T_JUMP": "jump", "T_JUMP_PRODUCER": "jump_after_producer",
             "T_LATE": "late_result", "T_MISALIGNED": "misaligned", "T_L2_CLUSTER": "l2_cluster",
             "T_L2_FABRIC": "l2_fabric", "T_PERIPHERAL": "peripheral", "T_DEMUX": "demux", "T_L0_MISS": "l0_miss",
             "T_L1_MISS": "l1_miss", "T_DIVIDE": "divide", "T_DIVIDE_NEGATIVE": "divide_negative"}
    assert {places[index]: RULES[index].name for index in places} == named


def test_rules_are_changed_by_name() -> None:
    assert rule_values({"l2_cluster": 4})[columns.T_L2_CLUSTER] == 4
    with pytest.raises(KeyError, match="no such rule: speed"):
        rule_values({"speed": 4})


def test_every_cause_of_a_trap_has_a_report() -> None:
    used = set(re.findall(r"C_([A-Z0-9_]+)", "".join(path.read_text() for path in SOURCES.glob("*.h"))))
    assert used >= CAUSE_NAMES
    assert {getattr(columns, name) for name in CAUSE_NAMES} == CAUSES.keys()


CAUSE_NAMES = {"ILLEGAL_INSTRUCTION", "BAD_LOAD", "BAD_STORE", "BAD_JUMP", "STACK_OVERFLOW", "DMA_RANGE",
               "L3_ALIGNMENT", "DMA_SIZE", "CALL", "BREAK", "BAD_LOOP", "CODE_WRITE", "NO_REGISTER", "DISPATCH_FULL",
               "DMA_FULL", "L3_RANGE", "UNKNOWN_CSR", "GUARDED"}


@pytest.mark.parametrize("key", [key for key in operations() if not key[1]], ids=lambda key: key[0].__name__)
def test_python_and_c_compute_the_same(key: Operation) -> None:
    """The functions of `words.py`, which the table calls, and those of `words.h`, on random words."""
    source, number = random.Random(key[0].__name__), operations()[key]
    for _ in range(50):
        a, b, d = (source.choice((0, 1, -1, -2**31, 2**31 - 1, source.getrandbits(32) - 2**31)) for _ in range(3))
        n = source.randrange(32)
        assert signed(key[0](a, b, d, n)) == compute(number, a, b, d, n), (a, b, d, n)


def test_every_row_has_a_latency() -> None:
    assert {row.latency for row in ROWS} == LATENCIES.keys()


def test_the_page_is_up_to_date() -> None:
    assert (ROOT / "docs" / "gap9-cluster.md").read_text(encoding="utf-8") == cluster_page(), "run: make docs"
