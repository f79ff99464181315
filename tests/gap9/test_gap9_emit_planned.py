"""Programs of the planner, emitted: the cluster and this computer give every element of every layer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bittrue.targets.gap9.emit import emit, layout_of
from bittrue.targets.gap9.execution.projects import build_host, build_project, load_project, read_trace, run_host
from bittrue.targets.gap9.planning import Limits, plan
from gap9.emit_programs import STRICT, write
from gap9.planning_networks import Build, bytes_of, evaluate, samples
from gap9.test_gap9_planning import NETWORKS


@pytest.mark.parametrize("name", NETWORKS)
def test_the_planner_s_programs(name: str, tmp_path: Path) -> None:
    """In small tiles, with the checks and a trace in one program; and with large ones on this computer."""
    network = NETWORKS[name](Build(np.random.default_rng(3)))
    values = evaluate(network, samples(network, np.random.default_rng(5)))
    sample = bytes_of(network, values, network.inputs)
    answers = bytes_of(network, values, [layer.output for layer in network.layers])
    for l1, compiler in ((6_500, "zig"), (109_568, "gcc")):
        program = plan(network, Limits(l1=l1))
        project = write(emit(program, sample, answers), tmp_path / f"project{l1}")
        layout = layout_of(program)
        built = build_project(project, tmp_path / f"out{l1}", compiler, ("BT_TRACE=1",), STRICT)
        assert built.warnings == ()
        cluster = load_project(project, built.elf, layout)
        result = cluster.run(10**8)
        result.raise_traps()
        assert result.exit_code == 0, result.stdout
        assert read_trace(cluster, layout) == answers
        assert run_host(project, build_host(project, tmp_path / f"host{l1}"), layout) == answers
