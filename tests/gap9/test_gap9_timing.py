"""Cycles of single cores, as the notes on the cluster have them: instructions one after the other."""

from __future__ import annotations

import struct

import pytest

from bittrue.targets.gap9.simulate import Cluster, ClusterResult, Program, Segment
from bittrue.targets.gap9.simulate import columns as c
from gap9.cluster_programs import EXIT, L1, L2, NOP, branch, cycles, i_type, load, machine, s_type, word

T0, T1, T2, A0, A1 = 5, 6, 7, 10, 11
LOAD = i_type("lw", T0, A0, 0)
USE = word("add", T1, T0, T0)
MULTIPLY = word("mul", T0, T1, T2)
HIGH = word("mulh", T0, T1, T2)
SETUP = 4 << 12 | 0x7B
DATA = {A0: L1 + 64, A1: L2 + 0x8000, T1: 1000, T2: 3}


@pytest.mark.parametrize(("words", "expected"), [
    ([NOP] * 5, 5),
    ([LOAD, NOP, USE], 3),
    ([LOAD, USE], 3),
    ([MULTIPLY, USE], 2),
    ([HIGH, NOP], 6),
    ([HIGH, USE], 6),
    ([word("p.mac", T0, T1, T2), USE], 2),
    ([word("pv.sdotsp.b", T0, T1, T2), USE], 2),
    ([branch("beq", T1, T2, 8), NOP], 2),
    ([branch("bne", T1, T2, 8), NOP], 3),
    ([word("jal", 1) | 4 << 20], 2),
    ([i_type("lw", T0, A0, 2)], 2),
    ([i_type("lw", T0, A1, 0)], 15),
    ([i_type("lw", T0, A1, 0), NOP], 16),
    ([i_type("lw", T0, A1, 0), USE], 17),
    ([i_type("lw", T0, A1, 2)], 30),
    ([s_type("sw", T0, A1, 0)], 15),
    ([s_type("sw", T0, A0, 0)], 1),
    ([s_type("p.sw", T0, A0, 4, "store_post")] * 3, 3),
])
def test_instructions(words: list[int], expected: int) -> None:
    assert cycles(words, DATA) == expected


@pytest.mark.parametrize(("divisor", "name", "expected"), [
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


def stalls(result: ClusterResult, name: str) -> list[int]:
    """Cycles that every core lost by a cause."""
    return [core.stalls.get(name, 0) for core in result.cores]


def test_instruction_cache() -> None:
    """Lines of 16 bytes: the first core misses both caches (18), the second only its own (2), again nobody."""
    words = [NOP] * 8
    cluster = machine([*words, *EXIT], 0)
    cluster.run(1000)
    cluster.state.status[c.RESULT] = c.GOING
    cluster.state.cores[0, c.STATE] = c.STOPPED
    cluster.start(1, L2)
    cluster.state.cores[1, c.CLOCK] = 500
    result = cluster.run(2000)
    assert stalls(result, "L1 cache miss") == [3 * 18, 0]
    assert stalls(result, "L0 cache miss") == [0, 3 * 2]


def test_cores_wait_for_the_same_refill() -> None:
    """Both miss the line at cycle 0; it is there for both at 18."""
    cluster = machine([NOP, NOP, *EXIT], 0)
    cluster.start(1, L2)
    assert stalls(cluster.run(19), "L1 cache miss") == [18, 18]


def test_a_bank_refills_one_line_at_a_time() -> None:
    """Lines 0 and 2 are of one bank, line 1 of the other: cores that begin there at cycle 0 have them at 18, 36, 18."""
    cluster = machine([*[NOP] * 12, *EXIT], 0)
    for core, line in ((1, 2), (2, 1)):
        cluster.start(core, L2 + 16 * line)
    assert stalls(cluster.run(18), "L1 cache miss") == [18, 36, 18]


def test_an_instruction_that_crosses_a_line_needs_both() -> None:
    """A half word (c.nop), then three whole ones, the last of which ends in line 1: two refills, one in each bank."""
    code = struct.pack("<H", 1) + b"".join(struct.pack("<I", word) for word in [NOP] * 4)
    cluster = Cluster(Program(Segment(L2, code), (), L2))
    cluster.state.cores[c.FABRIC, c.STATE] = c.OFF
    cluster.start(0, L2)
    assert stalls(cluster.run(18 + 4), "L1 cache miss") == [2 * 18]


@pytest.mark.parametrize(("lines", "expected"), [(4, 0), (5, 5 * 9 * 2)])
def test_four_ways(lines: int, expected: int) -> None:
    """Ten rounds through lines of one set of the core's own cache (128 bytes apart): four stay; of five, what is
    replaced in turn is always the one that is needed next, as no other set loses a line meanwhile."""
    words = [NOP] * (32 * (lines - 1) + 2)
    for line in range(lines - 1):
        words[32 * line] = word("jal", 0) | 128 << 20
    words[-2:] = i_type("addi", T1, T1, -1), branch("bne", T1, 0, -(128 * (lines - 1) + 4))
    assert stalls(machine([*words, *EXIT], 0, {T1: 10}).run(10**5), "L0 cache miss") == [expected]


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


def matmul(cores: int, k: int) -> float:
    """Multiply-accumulates per cycle of the 4x2 loop: 6 loads and 8 dot products of 4 bytes in 14 instructions."""
    registers = {"w": (12, 13, 14, 15), "x": (16, 17), "sum": range(20, 28)}
    loaded = dict(zip((*registers["w"], *registers["x"]), (5, 6, 7, 28, 29, 30), strict=True))
    body = [i_type("p.lw", value, pointer, 4, "load_post") for pointer, value in loaded.items()]
    weights, inputs = (5, 6, 7, 28), (29, 30)
    body += [word("pv.sdotsp.b", registers["sum"][4 * j + i], weights[i], inputs[j])
             for j in range(2) for i in range(4)]
    setup = SETUP | 10 << 15 | len(body) * 2 << 20
    cluster = machine([setup, *body, 0x10500073], 0)
    for core in range(cores):
        cluster.start(core, L2)
        state = cluster.state.registers[core]
        state[10] = k // 4
        state[list(registers["w"])] = [L1 + row * (k + 4) for row in range(4)]
        state[list(registers["x"])] = [L1 + 0x4000 + (2 * core + column) * (k + 4) for column in range(2)]
    result = cluster.run(10**5)
    assert [trap.code for trap in result.traps] == ["BT5512"]
    return cores * 8 * k / result.cycles


def test_matmul_reaches_what_its_loop_allows() -> None:
    """14 instructions for 32 products allow 2.29 a cycle and core, 18.3 on eight; conflicts cost 1 to 3 %."""
    assert 2.25 < matmul(1, 2400) < 32 / 14
    assert 17.5 < matmul(8, 2400) < 8 * 32 / 14


def test_the_dma_comes_first_at_a_bank() -> None:
    """1024 bytes take 128 cycles and come by the same bank every 8 cycles: a core that loads in each waits 16 times."""
    a2, a3 = 12, 13
    words = [*load(a2, 0x10204400), *load(T2, 1024 | 3 << 17), *load(a3, L1 + 0x1000), i_type("lw", T0, a2, 0),
             s_type("sw", T2, a2, 0), s_type("sw", a3, a2, 0), s_type("sw", A1, a2, 0),
             SETUP | T1 << 15 | 4 << 20, i_type("lw", T0, A0, 0), i_type("lw", T0, A0, 0), *EXIT]
    cluster = machine(words, 0, {**DATA, T1: 100}, {"l0_miss": 0, "l1_miss": 0})
    cluster.write_memory(L2 + 0x8000, bytes(range(256)) * 4)
    result = cluster.run(10**4)
    assert result.cores[0].stalls["L1 conflict"] == 16
    assert cluster.read_memory(L1 + 0x1000, 1024) == bytes(range(256)) * 4
