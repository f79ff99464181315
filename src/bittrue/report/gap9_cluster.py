"""The page of the GAP9 cluster simulator, generated from its tables: instructions, rules of time, traps."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from itertools import pairwise

from ..targets.gap9.simulate.isa.forms import SYNTAX
from ..targets.gap9.simulate.isa.row import Row
from ..targets.gap9.simulate.isa.table import ROWS
from ..targets.gap9.simulate.memories import GAP9
from ..targets.gap9.simulate.timing import LATENCIES, RULES

HEAD = """# The GAP9 cluster simulator

Generated from the tables of `bittrue.targets.gap9.simulate`, which decoder, dispatch and times follow from.

Eight workers (cores 0 to 7), the cluster controller (8) and the fabric controller (9, hart 992) execute RV32IMC with
Xpulpv2. The fabric controller begins at the program's entry; it starts the others. Accesses to memory and to registers
of devices happen in the order of their cycles; in the same cycle cores take turns, another one first in every cycle.
So a run always gives the same result.

L1 has 16 banks, interleaved by words. A bank serves one access a cycle, in the order in which they are asked for; the
DMA engine takes two neighbouring banks in every cycle and comes first. A transfer's bytes move at the moment when it is
done, so that who reads too early or overwrites too soon is caught. At most 64 transfers may wait.

Both instruction caches have four ways: 8 sets of lines of 16 bytes for every core, 2 banks of 32 sets for all; which
way is replaced goes round (on GVSOC it is pseudo-random). A line that is being refilled is there for all cores when its
refill is done.

What is simplified: instructions cannot be changed by the program; interrupts wake cores up, but there are no handlers;
the fabric controller's instruction cache, the order of cores at L2 and the banks of L2 have no time; the instruction
caches are switched on from the begin; the alias of L1 at address 0 is not there, so that null pointers trap; the
transfers with the external memory (L3) are started by a device of the simulator's own."""

MARKS = """## Marked regions

A write of a number below 256 to control register 0x7C0 (enter) or 0x7C1 (leave) marks a region: instructions, cycles
and stalls of every core in between are counted apart. `bt_sim.h` has `BT_REGION_ENTER` and `BT_REGION_LEAVE`, which are
nothing in other builds."""


def cluster_page() -> str:
    """The page as Markdown."""
    return "\n\n".join((HEAD, _memories(), _rules(), _latencies(), MARKS, _instructions())) + "\n"


def _table(title: str, names: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join((f"## {title}\n", f"| {' | '.join(names)} |", "|---" * len(names) + "|", *lines))


def _memories() -> str:
    rows = (("L1", f"0x{GAP9.l1_base:08X}", f"{GAP9.l1 // 1024} KiB"),
            ("L2", f"0x{GAP9.l2_base:08X}", f"{GAP9.l2 // 1024} KiB"),
            ("L3", "by transfers only", f"{GAP9.l3 // 1024} KiB"))
    return _table("Memories", ("memory", "address", "size"), iter(rows))


def _rules() -> str:
    return _table("Rules of time", ("rule", "value", "of what", "source"),
                  ((f"`{rule.name}`", f"{rule.value} {rule.unit}", rule.meaning, rule.source) for rule in RULES))


def _latencies() -> str:
    return _table("Classes of instructions", ("class", "cycles", "result late by a cycle", "source"),
                  ((f"`{name}`", str(found.cycles), "yes" if found.late else "no", found.source)
                   for name, found in LATENCIES.items()))


def _instructions() -> str:
    return _table("Instructions", ("instruction", "operands", "bits", "computes", "class", "extension"),
                  ((f"`{row.name}`", SYNTAX[row.form], f"`{_bits(row)}`", _meaning(row), row.latency, row.extension)
                   for row in ROWS))


def _bits(row: Row) -> str:
    """The word with a dash for every bit that is free, in the groups of the R format."""
    text = "".join(str(row.match >> place & 1) if row.mask >> place & 1 else "-" for place in range(31, -1, -1))
    return " ".join(text[first:end] for first, end in pairwise((0, 7, 12, 17, 20, 25, 32)))


def _meaning(row: Row) -> str:
    if row.function is None:
        return f"{row.width} bits{', signed' if row.signed and row.width < 32 else ''}" if row.width else ""
    text = inspect.getsource(row.function).split("return ", 1)[1].strip().replace("|", "\\|")
    if not row.per_lane:
        return f"`{text}`"
    return f"`{text}` for every {'byte' if row.lane == 8 else 'half'}, {'signed' if row.signed else 'unsigned'}"
