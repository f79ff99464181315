"""Runs samples on the emulated chip: a project's own ones, and whole data sets on several cores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from ...engine.base import Trace, checked_inputs
from ...engine.fast import FastExecutor
from ...errors import Difference, ToolMissing, declare, fail
from ...ir import IntArray
from ..base import Progress
from .box import Box, SampleRun, compiled
from .chip.build import Firmware
from .emit import About, emit
from .lower import output_tensors
from .plan import Max7800xPlan
from .project import Max7800xProject, layer_values, lowered, running_plan
from .sample import Tables, image_of
from .to_graph import to_graph

declare({"BT5494": "a sample does not run on the emulated chip as it should"})

CHUNK = 8
"""Samples that a simulator takes at a time."""


def box_of(plan: Max7800xPlan, firmware: Firmware) -> Box:
    """The emulated chip with a compiled project of a plan."""
    emission = plan.options.emission
    core = 2 * plan.device.peripheral_mhz
    cycles = plan.total_cycles * core // plan.device.clock_mhz
    return Box(plan.device, firmware, output_tensors(plan) if emission.unload else None, emission.softmax, cycles)


def runs(folder: Path, plan: Max7800xPlan, samples: IntArray, layers: Sequence[IntArray]) -> Iterator[SampleRun]:
    """Run a project's program on every sample (N, C, ...), the first with the project's own tables.

    `plan` is of the layers that run; `layers` are their values (N, C, ...). A program that has the samples in its
    instructions is compiled anew for every one.
    """
    with compiled(folder, plan.device) as firmware:
        yield box_of(plan, firmware).run()
    rest = range(1, len(samples))
    if not rest:
        return
    with compiled(folder, plan.device, replaceable=True) as firmware:
        box = box_of(plan, firmware)
        for number in rest:
            tensors = [values[number] for values in layers]
            tables = Tables.of(plan, samples[number], tensors)
            if tables.fit(box.image):
                yield box.run(tables)
            else:
                with compiled(folder, plan.device, files=data_files(plan, samples[number], tensors)) as other:
                    yield box_of(plan, other).run()


def data_files(plan: Max7800xPlan, sample: IntArray, tensors: Sequence[IntArray]) -> dict[str, bytes]:
    """The files of a project that hold the sample and its known answer."""
    emission = plan.options.emission
    files = emit(lowered(plan, sample, tensors), plan.device, About.of(plan.network, plan.placement), emission)
    names = (emission.sample_filename, emission.sample_output_filename, emission.c_filename, "main_riscv.c")
    return {name: files[name] for name in names if name in files}


def simulate(project: Max7800xProject) -> Trace:
    """The outputs of the project's samples that the emulated chip computes, by the names of the graph's outputs.

    Raises `Difference` (BT5494) for a sample that does not end, `ToolMissing` without compiler or emulator.
    """
    plan = running_plan(project.plan)
    (samples,) = project.inputs.values()
    outputs = [_checked(number, run) for number, run in
               enumerate(runs(project.folder, plan, samples, layer_values(plan, samples)))]
    return _named(project, plan, outputs)


def _named(project: Max7800xProject, plan: Max7800xPlan, outputs: Sequence[tuple[IntArray, ...]]) -> Trace:
    """Outputs of every sample by the graph's names, (N, *shape)."""
    graph = project.graph
    names = graph.outputs if plan is project.plan else [plan.network.output.name]
    found = {}
    for name, parts in zip(names, zip(*outputs, strict=True), strict=True):
        values = np.stack(parts)
        found[name] = values.reshape(-1, *graph.types[name].shape) if plan is project.plan else values
    return found


def _checked(number: int, run: SampleRun) -> tuple[IntArray, ...]:
    """The unloaded outputs of a run that went well. Raises `Difference` (BT5494)."""
    if not run.passed or run.outputs is None:
        problems = [*run.result.traps, *run.complaints]
        fail(Difference, "BT5494", f"sample {number}", str(problems[0]) if problems else
             f"the program ended as {run.result.outcome.value}: {run.result.text.strip()[-200:]}",
             "verify the project: that names the layer")
    return run.outputs


def run_samples(project: Max7800xProject, inputs: Mapping[str, IntArray], jobs: int = 1,
                progress: Progress | None = None) -> Trace:
    """The graph's outputs for other inputs than the project's own; see `Target.run`."""
    plan = running_plan(project.plan)
    (samples,) = checked_inputs(project.graph, inputs).values()
    answers = _answers(plan, samples)
    outputs: list[tuple[IntArray, ...]] = []
    with compiled(project.folder, plan.device, replaceable=True) as firmware:
        if len(samples) and not Tables.of(plan, samples[0], _of(answers, 0)).fit(image_of(firmware)):
            fail(Difference, "BT5494", str(project.folder), "its program has the sample in its instructions",
                 "compile the project with compact-data, or verify one with these samples")
        for part in _in_parallel(plan, firmware, samples, answers, jobs):
            outputs += part
            if progress is not None:
                progress(len(part))
    return _named(project, plan, outputs)


def _answers(plan: Max7800xPlan, samples: IntArray) -> list[IntArray]:
    """What the output layers give, by the fast executor; empty arrays for all others."""
    graph = to_graph(plan.network)
    (node,) = graph.graph.inputs
    shape = graph.graph.types[node.name].shape
    found = FastExecutor(graph.graph, keep="outputs").predict({node.name: samples.reshape(-1, *shape)})
    return [found[name] if index in plan.network.outputs else np.zeros((len(samples), 0), np.int64)
            for index, name in enumerate(graph.tensors)]


def _of(values: Sequence[IntArray], number: int) -> list[IntArray]:
    return [part[number] for part in values]


def _in_parallel(plan: Max7800xPlan, firmware: Firmware, samples: IntArray, answers: Sequence[IntArray],
                 jobs: int) -> Iterator[list[tuple[IntArray, ...]]]:
    """The outputs of all samples, in order, some at a time."""
    try:
        from joblib import Parallel, delayed
    except ModuleNotFoundError:
        fail(ToolMissing, "BT5460", "joblib", "it is not installed", "pip install 'bittrue[sim]'")
    starts = range(0, len(samples), CHUNK)
    tasks = (delayed(_chunk)(plan, firmware, begin, samples[begin:begin + CHUNK],
                             [part[begin:begin + CHUNK] for part in answers]) for begin in starts)
    yield from Parallel(n_jobs=jobs, return_as="generator")(tasks)


def _chunk(plan: Max7800xPlan, firmware: Firmware, begin: int, samples: IntArray,
           answers: Sequence[IntArray]) -> list[tuple[IntArray, ...]]:
    box = box_of(plan, firmware)
    return [_checked(begin + i, box.run(Tables.of(plan, sample, _of(answers, i)))) for i, sample in enumerate(samples)]
