"""Networks on the simulated GAP9 cluster beside published cycles: MACs per cycle, hidden DMA, the planner's error.

Usage: python benchmarks/gap9.py [NAME ...] [--folder FOLDER] [--random] [--json]
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from math import exp, log
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from networks_gap9 import stored

from bittrue import load
from bittrue.ir import Graph
from bittrue.ir.onnx import to_bytes, to_model
from bittrue.targets.gap9 import GAP9
from bittrue.targets.gap9.execution import check_simulation, run_once
from bittrue.targets.gap9.overlap import overlaps
from bittrue.targets.gap9.project import KIND
from bittrue.targets.sources import read_project
from bittrue.zoo.gap9 import NETWORKS
from bittrue.zoo.gap9.random_graph import random_graph


@dataclass(frozen=True)
class Result:
    """One network on the simulated cluster."""

    name: str
    macs: int
    cycles: int
    """From the first load to the last store."""
    in_layers: int
    """The sum over the layers: without the first layer's loads and the last one's stores."""
    planned: int
    """What the planner expects of the layers."""
    published: int | None
    """Cycles of the published system; None also for images of another size."""
    hidden: float
    """Share of the DMA's time between L2 and L1 that is hidden behind the kernels, in compute-bound layers."""
    compared: int
    differences: int

    @property
    def rate(self) -> float:
        """Multiply-accumulates per cycle."""
        return self.macs / self.cycles

    @property
    def ratio(self) -> float | None:
        """Published cycles over ours."""
        return None if self.published is None else self.published / self.cycles


WHOLE = re.compile(r"^ *(\d+) .*with the first loads and the last stores$", re.MULTILINE)
"""The line of the program's report that counts the whole network."""


def whole_cycles(console: str) -> int:
    """Cycles of the whole network, as the program printed them."""
    found = WHOLE.search(console)
    if found is None:
        raise SystemExit(f"the program printed no cycles of the whole network:\n{console}")
    return int(found[1])


def measured(name: str, graph: Graph, folder: Path, published: int | None) -> Result:
    """Compile, run, compare."""
    types = {node.name: graph.types[node.name] for node in graph.inputs}
    random = np.random.default_rng(1)
    inputs = {node: random.integers(tensor.elem.min, tensor.elem.max + 1, (1, *tensor.shape))
              for node, tensor in types.items()}
    GAP9.emit(graph, GAP9.plan(graph), inputs, folder, {"model.onnx": to_bytes(to_model(graph))})
    project = read_project(KIND, folder)
    report, run = check_simulation(project), run_once(project)
    found = overlaps(run.result.timeline, [layer.name for layer in report.layers])
    bound = [found[layer.name] for layer in report.layers if found[layer.name].is_compute_bound(layer.cycles)]
    busy, waiting = sum(part.busy for part in bound), sum(min(part.waiting, part.busy) for part in bound)
    return Result(name, project.plan.network.macs, whole_cycles(run.result.stdout),
                  sum(layer.cycles for layer in report.layers), project.plan.total_cycles, published,
                  1 - waiting / max(busy, 1), report.compared, report.differences)


def results(names: Sequence[str], folder: Path, random: bool) -> Iterator[Result]:
    """All networks: trained for a few steps and frozen, or with random weights on images that are not square."""
    for name in names:
        with TemporaryDirectory() as work:
            graph = random_graph(name) if random else load(stored(name, folder))
            published = None if random else NETWORKS[name].published_cycles
            yield measured(name, graph, Path(work) / "project", published)


def line(result: Result) -> str:
    """A row of the table."""
    published = "" if result.published is None else f"{result.published:,}"
    ratio = "" if result.ratio is None else f"{result.ratio:.2f}"
    return (f"| {result.name} | {result.macs:,} | {result.cycles:,} | {result.rate:.2f} | {published} | {ratio} | "
            f"{result.planned / result.in_layers - 1:+.1%} | {result.hidden:.1%} | {result.compared:,} | "
            f"{result.differences} |")


def mean_ratio(found: Sequence[Result]) -> float | None:
    """The geometric mean of the ratios, if there are any."""
    ratios = [result.ratio for result in found if result.ratio is not None]
    return exp(sum(map(log, ratios)) / len(ratios)) if ratios else None


def main() -> None:
    """Print the table; exit code 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="networks; all by default")
    parser.add_argument("--folder", type=Path, default=Path("out/gap9-networks"), help="where frozen networks are kept")
    parser.add_argument("--random", action="store_true", help="random weights, images that are not square; no PyTorch")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = []
    if not options.json:
        print("| network | MACs | cycles | MACs/cycle | published | times | planner | hidden | compared | differ |\n"
              "|---|---|---|---|---|---|---|---|---|---|")
    for result in results(options.names or list(NETWORKS), options.folder, options.random):
        found.append(result)
        if not options.json:
            print(line(result), flush=True)
    if options.json:
        print(json.dumps({"networks": [asdict(result) for result in found], "times": mean_ratio(found)}))
    elif (mean := mean_ratio(found)) is not None:
        print(f"\ngeometric mean of published cycles over ours: {mean:.2f}")
    sys.exit(any(result.differences for result in found))


if __name__ == "__main__":
    main()
