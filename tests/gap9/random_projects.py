"""Random networks in random memories, from the graph to the compiled project on the cluster and on this computer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bittrue.errors import Unsupported
from bittrue.ir import Graph
from bittrue.targets.gap9 import GAP9
from bittrue.targets.gap9.execution.verify import ProjectCheck
from bittrue.targets.gap9.plan import Gap9Plan
from gap9.project_networks import emitted
from gap9.random_networks import network

EXACT, REFUSED, WRONG = "exact", "refused", "wrong"

Options = dict[str, int]


@dataclass(frozen=True)
class Outcome:
    """What became of a network."""

    kind: str
    options: Options
    text: str = ""


def options_of(graph: Graph, seed: int) -> Options:
    """Memories that are scarce for this graph: mostly it just fits, or needs L3, or does not fit at all."""
    random = np.random.default_rng((seed, 1))
    l1, l3 = int(random.choice([8, 8, 9, 10, 12, 16, 24, 40, 64, 107])), int(random.choice([0, 8192, 64]))
    options = {"l1": l1, "l3": l3}
    try:
        program = GAP9.plan(graph, {"l1": options["l1"]}).program
    except Unsupported:
        return options
    used = (program.arena + len(program.constants)) / 1024
    return options | {"l2": int(np.clip(used * random.uniform(0.3, 1.3), 16, 1344))}


def outcome(seed: int, folder: Path) -> Outcome:
    """Plan, emit and run the network of a seed, in the folder. Refusals have a code, a place and a cure."""
    graph = network(seed)
    options = options_of(graph, seed)
    try:
        plan = GAP9.plan(graph, options)
    except Unsupported as refusal:
        return _refused(graph, options, refusal)
    return Outcome(*(EXACT, options) if not (found := differences(graph, plan, seed, folder)) else
                   (WRONG, options, found))


def _refused(graph: Graph, options: Options, refusal: Unsupported) -> Outcome:
    codes = [problem.code for problem in refusal.diagnostics]
    right = all(code == "BT5530" or "BT5540" <= code <= "BT5551" or code == "BT5576" for code in codes) \
        and all(problem.where and problem.fix for problem in refusal.diagnostics) \
        and GAP9.check(graph, options).problems == refusal.diagnostics
    return Outcome(REFUSED if right else WRONG, options, str(refusal))


def differences(graph: Graph, plan: Gap9Plan, seed: int, folder: Path) -> str:
    """Everything that is wrong with the project: its files, read again; every layer on the cluster, with the program's
    own checks and every access watched; every layer on this computer."""
    check = ProjectCheck(emitted(graph, plan, folder, seed, 2))
    files = GAP9.verify(folder, ("manifest", "files"))
    for part in (check.on_cluster, check.with_known_answers, check.on_host):
        check.guarded(part)
    report = check.report()
    problems = [problem for result in (*files.results, *report.results) for problem in result.problems]
    return "\n".join(map(str, problems)) if files.differences or report.differences else ""
