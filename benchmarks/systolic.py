"""The array beside SCALE-Sim's formula, and how long its simulation takes: `python benchmarks/systolic.py`.

First a whole network runs in RTL on one image and every value is compared: differences must be 0. Then cycles of the
schedules stand side by side with SCALE-Sim 3.0's weight-stationary formula and with the bound, and the seconds of
building, simulating and comparing are printed. See benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from networks import IMAGE, NETWORKS, Network

from bittrue.targets.base import SIMULATION
from bittrue.targets.systolic import TARGET
from bittrue.targets.systolic.plan import SystolicPlan
from bittrue.targets.systolic.report import array_report
from bittrue.targets.systolic.simulate import simulated

ARRAYS: dict[str, dict[str, int | str]] = {
    "8x8": {"rows": 8, "cols": 8}, "8x8 plain": {"rows": 8, "cols": 8, "schedule": "plain"},
    "16x16": {"rows": 16, "cols": 16}, "32x32": {"rows": 32, "cols": 32},
}

Row = dict[str, float | int | str]


@contextmanager
def measured(row: Row, name: str) -> Iterator[None]:
    """Keeps the wall time of a block, in seconds."""
    start = time.perf_counter()
    yield
    row[name] = round(time.perf_counter() - start, 2)


def run(network: Network, array: str, folder: Path) -> Row:
    """One image from end to end on the simulated hardware, every value compared; what each step takes."""
    graph, row = network.graph(), Row(network=network.name, array=array)
    image = {"x": np.random.default_rng(7).integers(0, 256, (1, *IMAGE))}
    plan = TARGET.plan(graph, ARRAYS[array])
    with measured(row, "emit"):
        TARGET.emit(graph, plan, image, folder / "p")
    with measured(row, "build and simulate"):
        simulate(folder / "p", plan)
    with measured(row, "simulate"):
        simulate(folder / "p", plan)
    with measured(row, "simulate and compare"):
        report = TARGET.verify(folder / "p", (SIMULATION,), graph)
    return row | {"Mcycles/s": round(plan.cycles / float(row["simulate"]) / 1e6, 2), "cycles": plan.cycles,
                  "compared": report.compared, "differences": report.differences}


def simulate(folder: Path, plan: SystolicPlan) -> None:
    """Run the program, reading none of its results but the first layer's."""
    with simulated(folder, plan, 1) as runs:
        next(runs)


def cycles(network: Network, array: str) -> Row:
    """Cycles of the convolutions and linear layers: the plan's, SCALE-Sim's, the bound."""
    graph = network.graph()
    total = array_report(graph, TARGET.plan(graph, ARRAYS[array])).comparison_totals[0]
    ours, formula = total.cycles[str(ARRAYS[array].get("schedule", "overlapped"))], total.scalesim or 0
    return {"network": network.name, "array": array, "cycles": ours, "SCALE-Sim": formula, "bound": total.bound,
            "bound / cycles": round(total.bound / ours, 4), "SCALE-Sim / cycles": round(formula / ours, 3)}


def table(rows: list[Row]) -> str:
    """Aligned columns."""
    cells = [list(rows[0]), *([f"{v:,}" if isinstance(v, int) else str(v) for v in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in cells)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only 8x8 in RTL")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    arrays = ["8x8"] if arguments.quick else ["8x8", "8x8 plain", "16x16"]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder  # so that building counts
        runs = [run(network, array, Path(folder)) for network in NETWORKS for array in arrays]
    modelled = [cycles(network, array) for network in NETWORKS for array in ARRAYS]
    if arguments.json:
        print(json.dumps({"rtl": runs, "cycles": modelled}, indent=2))
    else:
        print(f"RTL on Verilator, one image, seconds\n{table(runs)}\n\ncycles of convolutions and linear layers\n"
              f"{table(modelled)}")
    if any(row["differences"] for row in runs):
        sys.exit(1)


if __name__ == "__main__":
    main()
