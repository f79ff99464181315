"""Small programs for the cluster simulator, written as words or in C."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from bittrue.targets.gap9.simulate import Cluster, ClusterResult, Program, Segment
from bittrue.targets.gap9.simulate import columns as c
from bittrue.targets.gap9.simulate.build import build
from bittrue.targets.gap9.simulate.isa.row import Row
from bittrue.targets.gap9.simulate.isa.table import ROWS

L2, L1 = 0x1C000000, 0x10000000
NOP = 0x13
EXIT = (0x1A104FB7, 0x80000F37, 0x0BEFA023)
"""lui x31, 0x1A104; lui x30, 0x80000; sw x30, 0xA0(x31): the program ends."""


def row(name: str, form: str | None = None) -> Row:
    """A row of the table by name (and form, where a name has several)."""
    return next(found for found in ROWS if found.name == name and form in (None, found.form))


def word(name: str, rd: int = 0, rs1: int = 0, rs2: int = 0, *, form: str | None = None) -> int:
    """An instruction with registers."""
    found = row(name, form)
    return found.match | (rd << 7 | rs1 << 15 | rs2 << 20) & ~found.mask


def i_type(name: str, rd: int, rs1: int, immediate: int, form: str | None = None) -> int:
    """An instruction with an immediate of twelve bits."""
    return row(name, form).match | rd << 7 | rs1 << 15 | (immediate & 0xFFF) << 20


def s_type(name: str, rs2: int, rs1: int, immediate: int, form: str | None = None) -> int:
    """A store."""
    return (row(name, form).match | (immediate & 31) << 7 | rs1 << 15 | rs2 << 20 | (immediate >> 5 & 127) << 25)


def branch(name: str, rs1: int, rs2: int, offset: int) -> int:
    """A branch; for the immediate forms `rs2` is the immediate."""
    return (row(name).match | rs1 << 15 | (rs2 & 31) << 20 | (offset >> 11 & 1) << 7 | (offset >> 1 & 15) << 8
            | (offset >> 5 & 63) << 25 | (offset >> 12 & 1) << 31)


def load(register: int, value: int) -> list[int]:
    """lui and addi: a register gets a value."""
    upper = value + 0x800 & 0xFFFFF000
    return [word("lui", register) | upper, i_type("addi", register, register, value)]


def machine(words: Iterable[int], core: int = c.FABRIC, registers: Mapping[int, int] | None = None,
            rules: Mapping[str, int] | None = None) -> Cluster:
    """A cluster whose core `core` begins with these words."""
    code = b"".join(struct.pack("<I", value) for value in words)
    cluster = Cluster(Program(Segment(L2, code), (), L2), rules=rules or {})
    if core != c.FABRIC:
        cluster.state.cores[c.FABRIC, c.STATE] = c.OFF
        cluster.start(core, L2)
    set_registers(cluster, core, registers or {})
    return cluster


def set_registers(cluster: Cluster, core: int, values: Mapping[int, int]) -> None:
    """Give a core's registers values."""
    for register, value in values.items():
        cluster.state.registers[core, register] = value - (1 << 32) if value >> 31 else value


def get_register(cluster: Cluster, core: int, register: int) -> int:
    """A register as an unsigned word."""
    return int(cluster.state.registers[core, register]) % (1 << 32)


def cycles(words: Sequence[int], registers: Mapping[int, int] | None = None, core: int = 0) -> int:
    """Cycles of instructions on a core of the cluster whose instruction cache has them: with and without them."""
    rules = {"l0_miss": 0, "l1_miss": 0}
    taken = [machine([*body, NOP, NOP, *EXIT], core, registers, rules).run(10**6).cycles for body in ((), words)]
    return taken[1] - taken[0]


HEAD = """
#include "pmsis.h"
#include "bsp/ram.h"
#include "bt_sim.h"
#include "bt_registers.h"
static int result;
"""
MAIN = """
int main(void)
{
    pi_device_t device;
    struct pi_cluster_conf conf;
    struct pi_cluster_task task;
    pi_cluster_conf_init(&conf);
    pi_open_from_conf(&device, &conf);
    if (pi_cluster_open(&device))
        return 99;
    pi_cluster_send_task_to_cl(&device, pi_cluster_task(&task, cluster, NULL));
    return result;
}
"""


@cache
def compiled(source: str, compiler: str = "zig", flags: tuple[str, ...] = (), others: tuple[Path, ...] = ()) -> Path:
    """An ELF file of a C file, and of other ones."""
    folder = Path(mkdtemp(prefix="bittrue-test-"))
    (folder / "test.c").write_text(source)
    made = build([folder / "test.c", *others], folder, compiler, flags)
    assert made.warnings == ()
    return made.elf


def c_program(body: str, compiler: str = "zig", flags: tuple[str, ...] = (), others: tuple[Path, ...] = ()) -> Cluster:
    """A cluster with a program: `body` has `void cluster(void *)`, which the cluster controller runs; it may set
    `result`, the program's exit code."""
    return Cluster(compiled(HEAD + body + MAIN, compiler, flags, others))


def run_c(body: str, budget: int = 10**7, compiler: str = "zig") -> tuple[Cluster, ClusterResult]:
    """Compile and run a program."""
    cluster = c_program(body, compiler)
    return cluster, cluster.run(budget)
