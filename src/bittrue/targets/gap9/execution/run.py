"""Runs samples on the simulated cluster: a project's own ones, and whole data sets on several cores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ....engine.base import Trace, checked_inputs
from ....errors import Difference, ToolMissing, declare, fail
from ....ir import IntArray
from ...base import Progress
from ..project import Gap9Project, sample_bytes
from .box import Box, SampleRun, compiled
from .verify import output_values

declare({"BT5574": "a sample does not run on the simulated cluster as it should"})

CHUNK = 8
"""Samples that a simulator takes at a time."""


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
    runs: list[SampleRun] = []
    with compiled(project.folder, project.plan) as box:
        for part in _in_parallel(box, samples, jobs):
            runs += part
            if progress is not None:
                progress(len(part))
    return {name: np.concatenate([output_values(project, run.outputs, name, tensor) for run in runs])
            for name, tensor in zip(project.graph.outputs, project.plan.network.outputs, strict=True)}


def run_once(project: Gap9Project) -> SampleRun:
    """The project's own sample. Raises `Difference` (BT5574), `ToolMissing`."""
    with compiled(project.folder, project.plan) as box:
        return _checked(0, box.run())


Samples = Sequence[Mapping[str, bytes]]


def _in_parallel(box: Box, samples: Samples, jobs: int) -> Iterator[list[SampleRun]]:
    """All samples, in order, some at a time."""
    try:
        from joblib import Parallel, delayed
    except ModuleNotFoundError:
        fail(ToolMissing, "BT5570", "joblib", "it is not installed", "pip install 'bittrue[sim]'")
    tasks = (delayed(_chunk)(box, begin, samples[begin:begin + CHUNK]) for begin in range(0, len(samples), CHUNK))
    yield from Parallel(n_jobs=jobs, return_as="generator")(tasks)


def _chunk(box: Box, begin: int, samples: Samples) -> list[SampleRun]:
    return [_checked(begin + number, box.run(sample)) for number, sample in enumerate(samples)]


def _checked(number: int, run: SampleRun) -> SampleRun:
    """A run that went well. Raises `Difference` (BT5574)."""
    if not run.ended:
        problems = run.result.traps
        fail(Difference, "BT5574", f"sample {number}", str(problems[0]) if problems else
             f"the program ended with {run.result.exit_code}: {run.result.stdout.strip()[-200:]}",
             "verify the project: that names the layer")
    return run
