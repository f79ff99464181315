"""The fast executor beside ONNX Runtime's int8 kernels: `python benchmarks/engine.py [--quick]`.

First it checks that the fast executor gives the oracle's integers, tensor by tensor; then it measures images per
second, the engines in turn, round after round, and prints medians and ratios. See benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from statistics import median

import numpy as np
from networks import IMAGE, NETWORKS, Network
from peers import Worker, available

from bittrue.engine.compare import compare
from bittrue.engine.fast import FastExecutor
from bittrue.engine.oracle import Oracle

BATCHES = (1, 64)
BLOCK = 0.15
"""Seconds of one measurement of one engine."""
ROUNDS, QUICK_ROUNDS = 25, 7
CHECKED = 2
"""Images on which every tensor is compared with the oracle."""

Row = dict[str, float | int | str]


def check(network: Network, threads: int) -> Row:
    """Exactness of `run` (every tensor) and of `predict` (fused) against the oracle."""
    graph = network.graph()
    images = {"x": np.random.default_rng(7).integers(0, 256, (CHECKED, *IMAGE))}
    executor, oracle = FastExecutor(graph, threads=threads), Oracle(graph)
    report = compare(graph, oracle, executor, images)
    report.require_equal()
    expected, got = oracle.run(images), executor.predict(images)
    fused = sum(int(np.count_nonzero(got[name] != expected[name])) for name in graph.outputs)
    return {"network": network.name, "backend": executor.backend, "compared": report.compared,
            "differences": report.differences + fused}


def measure(network: Network, batch: int, threads: int, rounds: int) -> Iterator[Row]:
    """Images per second of every engine, and how many times bittrue's are those of the engine."""
    names = available(network.name)
    workers = {name: Worker(name, network.name, threads) for name in names}
    repetitions = {name: max(1, round(BLOCK / max(worker.measure(batch, 3)[0] / 3, 1e-6)))
                   for name, worker in workers.items()}
    blocks = [{name: worker.measure(batch, repetitions[name]) for name, worker in workers.items()}
              for _ in range(rounds)]
    for worker in workers.values():
        worker.close()

    def rates(name: str, clock: int) -> list[float]:
        return [batch * repetitions[name] / block[name][clock] for block in blocks]

    for name in names:
        ratio, cpu = ([a / b for a, b in zip(rates("bittrue", clock), rates(name, clock), strict=True)]
                      for clock in (0, 1))
        yield {"network": network.name, "batch": batch, "engine": name, "images/s": round(median(rates(name, 0)), 1),
               "images/CPU s": round(median(rates(name, 1)), 1), "bittrue is": round(median(ratio), 3),
               "per CPU second": round(median(cpu), 3)}


def print_table(rows: list[Row]) -> None:
    """Rows with equal keys, aligned."""
    table = [list(rows[0]), *([str(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def main() -> int:
    """Check, measure, print; exit code 1 when anything differs."""
    parser = argparse.ArgumentParser(description="the fast executor beside ONNX Runtime's int8 kernels")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROUNDS} rounds instead of {ROUNDS}")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    options = parser.parse_args()
    checks = [check(network, options.threads) for network in NETWORKS]
    rounds = QUICK_ROUNDS if options.quick else ROUNDS
    rows = [row for network in NETWORKS for batch in BATCHES
            for row in measure(network, batch, options.threads, rounds)]
    if options.json:
        print(json.dumps({"exact": checks, "speed": rows, "aims": {n.name: n.aim for n in NETWORKS}}))
    else:
        print_table(checks)
        print()
        print_table(rows)
        print(f"\naim: {', '.join(f'{n.aim} on {n.name}' for n in NETWORKS)}, against ONNX Runtime int8")
    return int(any(row["differences"] for row in checks))


if __name__ == "__main__":
    raise SystemExit(main())
