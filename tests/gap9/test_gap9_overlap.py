"""How much of the transfers is hidden: by the definition, and in a network whose parameters are streamed through L1."""

from __future__ import annotations

from pathlib import Path

from bittrue.ir import Graph
from bittrue.ir.ops import MaxPool
from bittrue.report.gap9 import overlap_rows
from bittrue.targets.gap9.execution import run_once
from bittrue.targets.gap9.kernels import Columns
from bittrue.targets.gap9.overlap import Overlap, overlaps
from bittrue.targets.gap9.plan import make_plan
from bittrue.targets.gap9.simulate import Entry
from gap9.network_graphs import U8, Net
from gap9.project_networks import SAME, emitted


def test_overlap_by_hand() -> None:
    """The layer is 20..70. The DMA works in 10..30 and 50..60, in 10 + 10 cycles of it; L3 in 0..21, in one; the leader
    waits in 25..32 and 60..64, 7 + 4 cycles."""
    wait = "wait for event"
    timeline = [Entry("core 7", "a", 20, 70), Entry("core 3", "a", 0, 90), Entry("L2 to L1", "x", 10, 30),
                Entry("L1 to L2", "x", 50, 60), Entry("L3 to L2", "x", 0, 21), Entry("core 7", wait, 25, 32),
                Entry("core 7", wait, 60, 64), Entry("core 7", "barrier", 33, 40)]
    found = overlaps(timeline, ["a"])["a"]
    assert found == Overlap(20, 1, 11)
    assert found.hidden == 1 - 11 / 20
    assert (found.is_compute_bound(50), found.is_compute_bound(40)) == (True, False)


def deep() -> Graph:
    """3x3 convolutions on 14 x 12, 7 x 6 and 3 x 3 pixels; the last one's parameters are five times as large as L1."""
    n = Net(4)
    x = n.input(32, 14, 12, elem="u8")
    for name, before, after in (("a", 32, 64), ("b", 64, 64), ("c", 64, 128), ("d", 128, 256), ("e", 256, 256)):
        if name in "cd":
            x = n.add(f"p{name}", MaxPool((2, 2), (2, 2)), x)
        x = n.requant(name, n.conv(f"c{name}", x, (after, before, 3, 3), pads=SAME), after, U8, shift=19)
    return n.build(n.linear("y", n.flatten("f", x), 10, 256 * 9))


def test_transfers_are_hidden_and_cores_busy(tmp_path: Path) -> None:
    """Cycles of the simulator are the same everywhere, so that this is no timed test."""
    graph = deep()
    project = emitted(graph, make_plan(graph, None), tmp_path)
    rows = {row["layer"]: row for row in overlap_rows(project.plan, run_once(project).result)}
    streamed = [step for step in project.plan.program.steps if step.layer == list(rows).index("e")]
    assert len(streamed) > 10
    assert [step.values["columns"] for step in streamed] == [Columns.MAKE, *[Columns.KEPT] * (len(streamed) - 1)]
    for name in "bcde":
        row = rows[name]
        assert row["cycles"] > 2 * row["dma"], name
        assert row["hidden"] > 0.9, name
    assert min(rows[name]["macs"] / rows[name]["cycles"] for name in "bc") > 15
    assert rows["e"]["macs"] / rows["e"]["cycles"] > 12
