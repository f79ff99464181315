"""Cycles of single cores, as the notes on the cluster have them: instructions one after the other."""

from __future__ import annotations

import pytest
from gap9.cluster_programs import EXIT, L1, L2, NOP, branch, cycles, i_type, machine, s_type, word

from bittrue.targets.gap9.simulate import columns as c

T0, T1, T2, A0, A1 = 5, 6, 7, 10, 11
LOAD = i_type("lw", T0, A0, 0)
USE = word("add", T1, T0, T0)
MULTIPLY = word("mul", T0, T1, T2)
HIGH = word("mulh", T0, T1, T2)
SETUP = 4 << 12 | 0x7B
DATA = {A0: L1 + 64, A1: L2 + 0x8000, T1: 1000, T2: 3}


@pytest.mark.parametrize("words,expected", [
    ([NOP] * 5, 5),
    ([LOAD, NOP, USE], 3),
    ([LOAD, USE], 3),
    ([MULTIPLY, USE], 2),
    ([HIGH, NOP], 6),
    ([HIGH, USE], 7),
    ([word("p.mac", T0, T1, T2), USE], 2),
    ([word("pv.sdotsp.b", T0, T1, T2), USE], 2),
    ([branch("beq", T1, T2, 8), NOP], 2),
    ([branch("bne", T1, T2, 8), NOP], 3),
    ([word("jal", 1) | 4 << 20], 2),
    ([i_type("lw", T0, A0, 2)], 2),
    ([i_type("lw", T0, A1, 0)], 15),
    ([s_type("sw", T0, A1, 0)], 15),
    ([s_type("sw", T0, A0, 0)], 1),
    ([s_type("p.sw", T0, A0, 4, "store_post")] * 3, 3),
])
def test_instructions(words: list[int], expected: int) -> None:
    assert cycles(words, DATA) == expected


@pytest.mark.parametrize("divisor,name,expected", [
    (3, "divu", 30 + 3), (0, "divu", 32 + 3), (0xFFFFFFFF, "remu", 0 + 3), (1000, "div", 22 + 3), (1000, "rem", 22 + 3),
    (0xFFFFFFFF, "div", 31 + 2), (0xFFFFFC18, "rem", 22 + 2)])
def test_divisions(divisor: int, name: str, expected: int) -> None:
    """The divisor's leading zeros and 3; for a negative one its magnitude's and 2. -1000 is 0xFFFFFC18."""
    assert cycles([word(name, T0, T1, T2)], {T1: 12345, T2: divisor}) == expected


def test_jalr_after_its_producer() -> None:
    """2 cycles, one more when the address has just been made: jalr to the next instruction."""
    other = machine([NOP, *EXIT]).state.places[c.CODE_BASE]
    apart = [i_type("addi", T0, A1, 0), NOP, i_type("jalr", 0, T0, 12)]
    near = [NOP, i_type("addi", T0, A1, 0), i_type("jalr", 0, T0, 12)]
    assert (cycles(apart, {A1: int(other)}), cycles(near, {A1: int(other)})) == (1 + 1 + 2, 1 + 1 + 3)


def test_hardware_loops_cost_nothing_but_their_setup() -> None:
    """lp.setup with a count in a register, 10 turns of 3 instructions; the last one is 12 bytes after the setup."""
    setup = SETUP | T1 << 15 | 6 << 20
    assert cycles([setup, NOP, NOP, NOP], {T1: 10}) == 1 + 3 * 10


def test_nested_hardware_loops() -> None:
    """The inner loop 0 (5 turns of 2) within the outer loop 1 (7 turns): setup, 7 * (setup + 10 + 1)."""
    outer = SETUP | 1 << 7 | T1 << 15 | 8 << 20
    inner = SETUP | T2 << 15 | 4 << 20
    words = [outer, inner, i_type("addi", A0, A0, 1), NOP, i_type("addi", A1, A1, 1)]
    assert cycles(words, {T1: 7, T2: 5}) == 1 + 7 * (1 + 10 + 1)
    cluster = machine([*words, *EXIT], registers={T1: 7, T2: 5})
    cluster.run(1000)
    assert cluster.state.registers[c.FABRIC, [A0, A1]].tolist() == [35, 7]


def test_a_late_result_at_the_loop_s_end_delays_its_begin() -> None:
    """A load as the last instruction of the body, used by the first: one cycle more in every turn but the first."""
    setup = SETUP | T1 << 15 | 4 << 20
    assert cycles([setup, USE, i_type("p.lw", T0, A0, 4, "load_post")], {**DATA, T1: 10}) == 1 + 2 * 10 + 9


def test_instruction_cache() -> None:
    """Lines of 16 bytes: the first core misses both caches (18), the second only its own (2), again nobody."""
    words = [NOP] * 8
    cluster = machine([*words, *EXIT], 0)
    cluster.run(1000)
    cluster.state.status[c.RESULT] = c.GOING
    cluster.start(1, L2)
    result = cluster.run(2000)
    stalls = [core.stalls for core in result.cores]
    assert [found.get("L1 cache miss", 0) for found in stalls] == [3 * 18, 0]
    assert [found.get("L0 cache miss", 0) for found in stalls] == [0, 3 * 2]


def loads_in(cycles_given: int, offsets: list[int]) -> list[int]:
    """How often each core loads from its word of L1 while it does nothing else."""
    setup = SETUP | T1 << 15 | 4 << 20
    cluster = machine([setup, LOAD, LOAD, *EXIT], 0, rules={"l0_miss": 0, "l1_miss": 0})
    for core, offset in enumerate(offsets):
        cluster.start(core, L2)
        cluster.state.registers[core, [A0, T1]] = L1 + offset, 10_000
    assert [trap.code for trap in cluster.run(cycles_given).traps] == ["BT5511"]
    return [int(count) for count in cluster.state.counts[:len(offsets), c.LOADS]]


def test_eight_banks_serve_eight_cores() -> None:
    assert loads_in(800, [4 * core for core in range(8)]) == [800] * 8


def test_one_bank_serves_one_access_a_cycle_in_turn() -> None:
    """Words that are 64 bytes apart are in the same of 16 banks."""
    found = loads_in(800, [64 * core for core in range(8)])
    assert max(found) - min(found) <= 1
    assert abs(sum(found) - 800) <= 8
