"""Placement on MAX78000 and MAX78002 beside the manual's ping-pong rule, and the speed of evaluation:
`python benchmarks/max7800x.py`.

Every network is placed twice: by the solver, and by the rule that the manual gives for simple networks (processors from
0 upwards, outputs at offset 0 and at half of the memory in turn). Then its integers are evaluated by the fast executor
and by ONNX Runtime; differences must be 0. See benchmarks/README.md.
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
from networks_max7800x import NETWORKS, pingpong

from bittrue.engine.fast import FastExecutor
from bittrue.engine.oracle import Oracle
from bittrue.engine.ort import OnnxRuntimeExecutor
from bittrue.ir import Graph
from bittrue.ir.onnx import save
from bittrue.targets.max7800x.device import DEVICES, Device
from bittrue.targets.max7800x.legalize import legalize
from bittrue.targets.max7800x.memory.kernels import FREE
from bittrue.targets.max7800x.place import place
from bittrue.targets.max7800x.plan import Max7800xPlan
from bittrue.targets.max7800x.rules import problems

Row = dict[str, float | int | str]


def placed(name: str, graph: Graph, device: Device) -> Row:
    """What the solver chooses, how long it takes, and what the ping-pong rule gives."""
    start = time.perf_counter()
    arrangement = legalize(graph, device)
    chosen = place(arrangement, device)
    seconds = time.perf_counter() - start
    network = arrangement.network
    plan, rule = Max7800xPlan.of(device, network, chosen), pingpong(arrangement, device)
    broken = problems(network, rule, device)
    row = Row(network=name, device=device.name, layers=len(network.layers), seconds=round(seconds, 2),
              broken=len(problems(network, chosen, device)), cycles=plan.total_cycles, columns=_columns(plan))
    if broken:
        return row | {"ping-pong": f"does not fit: {broken[0].code} and {len(broken) - 1} more"}
    other = Max7800xPlan.of(device, network, rule)
    return row | {"ping-pong": f"{other.total_cycles} cycles, {_columns(other)} columns"}


def _columns(plan: Max7800xPlan) -> int:
    return int((plan.maps.kernels.occupancy != FREE).sum())


def evaluated(name: str, graph: Graph, rounds: int, batch: int = 32) -> Row:
    """Images per second of the fast executor and of ONNX Runtime, measured in turn; elements that differ."""
    entry = graph.inputs[0]
    x = np.random.default_rng(3).integers(-128, 128, (batch, *graph.types[entry.name].shape))
    with tempfile.TemporaryDirectory() as folder:
        save(graph, Path(folder) / "net.onnx")
        runs = {"bittrue": FastExecutor(graph, keep="outputs"),
                "onnxruntime": OnnxRuntimeExecutor(Path(folder) / "net.onnx")}
        exact = Oracle(graph).run({entry.name: x[:2]})
        differences = sum(int((run.run({entry.name: x[:2]})[o] != exact[o]).sum()) for run in runs.values()
                          for o in graph.outputs)
        ratios, speeds = [], []
        for _ in range(rounds):
            seconds = {}
            for engine, run in runs.items():
                start = time.perf_counter()
                run.run({entry.name: x})
                seconds[engine] = time.perf_counter() - start
            ratios.append(seconds["onnxruntime"] / seconds["bittrue"])
            speeds.append(batch / seconds["bittrue"])
    return Row(network=name, differences=differences, images_per_s=round(statistics.median(speeds), 1),
               times_onnxruntime=round(statistics.median(ratios), 2))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    rows: dict[str, list[Row]] = {"placement": [], "evaluation": []}
    for name, (device, build) in NETWORKS.items():
        graph = build()
        rows["placement"].append(placed(name, graph, DEVICES[device]))
        rows["evaluation"].append(evaluated(name, graph, chosen.rounds))
    if chosen.json:
        print(json.dumps(rows, indent=2))
    else:
        for title, table in rows.items():
            print(title)
            for row in table:
                print("  " + "  ".join(f"{key} {value}" for key, value in row.items()))
    wrong = any(row.get("differences") or row.get("broken") for table in rows.values() for row in table)
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
