"""Runs samples on the simulated cluster: a project's own ones, and whole data sets on several cores."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np

from ....engine.base import Trace, checked_inputs
from ....errors import Difference, declare, fail
from ....ir import IntArray
from ...base import Progress
from ...samples import run_all
from ..project import Gap9Project, sample_bytes
from .box import Box, SampleRun, compiled
from .verify import output_values

declare({"BT5574": "a sample does not run on the simulated cluster as it should"})


def simulate(project: Gap9Project) -> Trace:
    """The outputs of the project's samples that the simulated cluster computes, by the names of the graph's outputs.

    Raises `Difference` (BT5574) for a sample that does not end, `ToolMissing` without compiler or simulator.
    """
    return run_samples(project, project.inputs)


def run_samples(project: Gap9Project, inputs: Mapping[str, IntArray], jobs: int = 1,
                progress: Progress | None = None) -> Trace:
    """The graph's outputs for other inputs than the project's own; see `Target.run`."""
    given = checked_inputs(project.graph, inputs)
    count = len(next(iter(given.values())))
    samples = [sample_bytes(project.plan.network, given, number) for number in range(count)]
    with compiled(project.folder, project.plan) as box:
        runs = run_all(partial(_run, box), samples, jobs, progress, "BT5570")
    return {name: np.concatenate([output_values(project, run.outputs, name, tensor) for run in runs])
            for name, tensor in zip(project.graph.outputs, project.plan.network.outputs, strict=True)}


def run_once(project: Gap9Project) -> SampleRun:
    """The project's own sample. Raises `Difference` (BT5574), `ToolMissing`."""
    with compiled(project.folder, project.plan) as box:
        return _run(box, 0)


def _run(box: Box, number: int, sample: Mapping[str, bytes] | None = None) -> SampleRun:
    """A run that goes well. Raises `Difference` (BT5574)."""
    run = box.run(sample)
    if not run.ended:
        problems = run.result.traps
        fail(Difference, "BT5574", f"sample {number}", str(problems[0]) if problems else
             f"the program ended with {run.result.exit_code}: {run.result.stdout.strip()[-200:]}",
             "verify the project: that names the layer")
    return run
