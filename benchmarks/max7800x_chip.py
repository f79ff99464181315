"""The emulated MAX78000 and MAX78002: how long a project takes to build, and a whole run of its program:
`python benchmarks/max7800x_chip.py`.

A run is the program from reset: initialization, weights, registers, input, inference, known-answer test, unloading. The
outputs must be the oracle's. See benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from networks_max7800x import NETWORKS

from bittrue.engine.fast import FastExecutor
from bittrue.ir import Graph
from bittrue.ir.onnx import to_bytes, to_model
from bittrue.targets import get
from bittrue.targets.max7800x.plan import Max7800xPlan
from bittrue.targets.max7800x.simulate.box import Box, compiled
from bittrue.targets.max7800x.simulate.run import box_of

Row = dict[str, float | int | str]


def measured(name: str, graph: Graph, target: str, rounds: int) -> Row:
    """Seconds of emitting, building and running a network's project; outputs that differ."""
    chip = get(target)
    plan: Max7800xPlan = chip.plan(graph)
    entry = graph.inputs[0].name
    x = np.random.default_rng(3).integers(-128, 128, (1, *graph.types[entry].shape))
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work) / "project"
        start = time.perf_counter()
        chip.emit(graph, plan, {entry: x}, folder, {"model.onnx": to_bytes(to_model(graph))})
        emit = time.perf_counter() - start
        with compiled(folder, plan.device) as firmware:
            build = time.perf_counter() - start - emit
            box = box_of(plan, firmware)
            seconds = [_run(box) for _ in range(rounds)]
            outputs, result = box.run().outputs or (), box.run().result
    expected = FastExecutor(graph, keep="outputs").predict({entry: x})
    differences = sum(int((values.reshape(-1) != got.reshape(-1)).sum())
                      for values, got in zip(expected.values(), outputs, strict=True))
    return Row(network=name, device=target, differences=differences, emit_s=round(emit, 2), build_s=round(build, 2),
               run_s=round(statistics.median(seconds), 3), instructions=result.instructions)


def _run(box: Box) -> float:
    start = time.perf_counter()
    box.run()
    return time.perf_counter() - start


def main() -> int:
    """Print one row for every network; 1 when any output differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    rows = [measured(name, build(), device, given.rounds) for name, (device, build) in NETWORKS.items()]
    if given.json:
        print(json.dumps(rows, indent=2))
    else:
        for row in rows:
            print("  ".join(f"{key} {value}" for key, value in row.items()))
    return int(any(row["differences"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
