"""Runs samples on the emulated chip: a project's own ones, and whole data sets on several cores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from ....engine.base import Trace, checked_inputs
from ....engine.fast import FastExecutor
from ....errors import Difference, declare, fail
from ....ir import IntArray
from ...base import Progress
from ...samples import run_all
from ..chip.build import Firmware
from ..emit import About, emit
from ..lower import output_tensors
from ..memory.data import buffer_area
from ..plan import Max7800xPlan
from ..project import Max7800xProject, layer_values, lowered, running_plan, sample_of
from .box import Box, SampleRun, compiled
from .sample import Tables

declare({"BT5494": "a sample does not run on the emulated chip as it should"})


def box_of(plan: Max7800xPlan, firmware: Firmware) -> Box:
    """The emulated chip with a compiled project of a plan."""
    emission = plan.options.emission
    core = 2 * plan.device.peripheral_mhz
    cycles = plan.total_cycles * core // plan.device.clock_mhz
    return Box(plan.device, firmware, output_tensors(plan) if emission.unload else None, emission.softmax, cycles,
               None if plan.placement.buffer is None else buffer_area(plan.network, plan.placement.buffer))


def runs(folder: Path, plan: Max7800xPlan, samples: Sequence[IntArray], layers: Sequence[IntArray]) \
        -> Iterator[SampleRun]:
    """Run a project's program on every sample, the first with the project's own tables.

    `plan` is of the layers that run; `samples` are the inputs (N, ...), `layers` their values (N, C, ...). A program
    that has the samples in its instructions is compiled anew for every one.
    """
    with compiled(folder, plan.device) as firmware:
        yield box_of(plan, firmware).run()
    rest = range(1, len(samples[0]))
    if not rest:
        return
    with compiled(folder, plan.device, replaceable=True) as firmware:
        box = box_of(plan, firmware)
        for number in rest:
            sample, tensors = sample_of(samples, number), sample_of(layers, number)
            tables = Tables.of(plan, sample, tensors)
            if tables.fit(box.image):
                yield box.run(tables)
            else:
                with compiled(folder, plan.device, files=data_files(plan, sample, tensors)) as other:
                    yield box_of(plan, other).run()


def data_files(plan: Max7800xPlan, sample: Sequence[IntArray], tensors: Sequence[IntArray]) -> dict[str, bytes]:
    """The files of a project that hold the sample and its known answer."""
    emission = plan.options.emission
    files = emit(lowered(plan, sample, tensors), plan.device, About.of(plan.network, plan.placement), emission)
    names = (emission.sample_filename, emission.sample_output_filename, emission.c_filename, "main_riscv.c")
    return {name: files[name] for name in names if name in files}


def simulate(project: Max7800xProject) -> Trace:
    """The outputs of the project's samples that the emulated chip computes, by the names of the graph's outputs.

    Raises `Difference` (BT5494) for a sample that does not end, `ToolMissing` without compiler or emulator.
    """
    plan, samples = running_plan(project.plan), list(project.inputs.values())
    outputs = [_checked(number, run) for number, run in
               enumerate(runs(project.folder, plan, samples, layer_values(plan, samples).layers))]
    return _named(project, plan, outputs)


Outputs = tuple[IntArray, ...]


def _named(project: Max7800xProject, plan: Max7800xPlan, outputs: Sequence[Outputs]) -> Trace:
    """Outputs of every sample by the graph's names, (N, *shape)."""
    graph = project.graph
    if plan is not project.plan:
        return {plan.network.output.name: np.stack([parts[0] for parts in outputs])}
    columns = zip(*outputs, strict=True)
    return {name: np.stack(parts).reshape(-1, *graph.types[name].shape)
            for name, parts in zip(graph.outputs, columns, strict=True)}


def _checked(number: int, run: SampleRun) -> Outputs:
    """The unloaded outputs of a run that went well, and the rolling buffer. Raises `Difference` (BT5494)."""
    if not run.passed or run.outputs is None:
        problems = [*run.result.traps, *run.complaints]
        fail(Difference, "BT5494", f"sample {number}", str(problems[0]) if problems else
             f"the program ended as {run.result.outcome.value}: {run.result.text.strip()[-200:]}",
             "verify the project: that names the layer")
    return run.outputs if run.buffer is None else (*run.outputs, run.buffer)


def run_samples(project: Max7800xProject, inputs: Mapping[str, IntArray], jobs: int = 1,
                progress: Progress | None = None) -> Trace:
    """The graph's outputs for other inputs than the project's own; see `Target.run`."""
    plan = running_plan(project.plan)
    given = list(checked_inputs(project.graph, inputs).values())
    answers = layer_values(plan, given, FastExecutor).layers
    samples = [(sample_of(given, number), sample_of(answers, number)) for number in range(len(given[0]))]
    with compiled(project.folder, plan.device, replaceable=True) as firmware:
        box = box_of(plan, firmware)
        if not Tables.of(plan, *samples[0]).fit(box.image):
            fail(Difference, "BT5494", str(project.folder), "its program has the sample in its instructions",
                 "compile the project with compact-data, or verify one with these samples")
        outputs = run_all(partial(_run, plan, box), samples, jobs, progress, "BT5460")
    return _named(project, plan, outputs)


def _run(plan: Max7800xPlan, box: Box, number: int, sample: tuple[list[IntArray], list[IntArray]]) -> Outputs:
    """`sample`: the inputs, and what the layers give for them."""
    return _checked(number, box.run(Tables.of(plan, *sample)))
