"""The C project of a plan: what every file of it holds.

    model.onnx, ...                what was attached: the graph's file, its certificate
    plan.json                      layers, processors, offsets, options, hashes of what the project was made from
    inputs/{n}_{name}.npy          the samples, int64 (N, *shape); the first one is the sample of the C project
    main.c cnn.c cnn.h softmax.c   the program, by `emit`
    weights.h sampledata.h sampleoutput.h
    Makefile project.mk README.md  for the vendor's SDK
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...engine.base import Trace, checked_inputs
from ...engine.numpy_ops import NumpyPlan
from ...engine.oracle import Oracle
from ...errors import Unsupported, declare, fail
from ...ir import Graph, IntArray
from ..sources import Files, Project, ProjectFile, ProjectKind
from .device import Device
from .emit import About, emit
from .lower import (
    RegisterOptions,
    bias_blocks,
    input_blocks,
    kernel_blocks,
    known_answer,
    output_tensors,
    register_program,
    stop_after,
)
from .plan import Max7800xPlan, make_plan
from .program import Program
from .to_graph import to_graph

declare({"BT5412": "a network that cannot be emitted yet"})

Max7800xProject = Project[Max7800xPlan]

PLAN_OPTION = "plan"


def project_kind(device: Device) -> ProjectKind[Max7800xPlan]:
    """How projects of a chip come about."""
    return ProjectKind(device.name, lambda graph, options, path: _planned(graph, device, options, path), project_files,
                       Samples)


@dataclass(frozen=True)
class Samples:
    """Computes nothing but the graph's inputs: known answers come from the hardware layers, see `layer_values`."""

    graph: Graph
    name: str = "samples"

    def run(self, inputs: Mapping[str, IntArray]) -> Trace:
        """The samples; see `Executor.run`."""
        return checked_inputs(self.graph, inputs)


def _planned(graph: Graph, device: Device, options: Mapping[str, Any], path: Path) -> Max7800xPlan:
    """The plan in a project: its placement is kept."""
    return make_plan(graph, device, {**options, PLAN_OPTION: str(path)})


def project_files(graph: Graph, plan: Max7800xPlan, trace: Trace) -> Files:
    """The files of the C project. `trace` holds the samples by the names of the graph's inputs.

    Raises `BadInput` for options without effect, `Unsupported` for what cannot be programmed.
    """
    (sample,) = (trace[node.name][:1] for node in graph.inputs)
    running = running_plan(plan)
    program = lowered(running, sample[0], [values[0] for values in known_values(running, sample)])
    about = About.of(running.network, running.placement)
    for name, data in emit(program, plan.device, about, plan.options.emission).items():
        yield ProjectFile(name, data)


def running_plan(plan: Max7800xPlan) -> Max7800xPlan:
    """The plan of the layers that run: all, or those up to the one to stop after.

    Raises `Unsupported` (BT5412) for a network with a rolling buffer, `BadInput` (BT5404).
    """
    if plan.network.buffer is not None:
        fail(Unsupported, "BT5412", f"data buffer {plan.network.buffer.name}",
             "what it holds before the first inference is not emitted", "use a network without a rolling buffer")
    last = plan.options.emission.stop_after
    return plan if last is None else stop_after(plan, last)


def lowered(plan: Max7800xPlan, sample: IntArray, tensors: Sequence[IntArray]) -> Program:
    """What software does to run a plan on a sample (C, ...), for which the layers give `tensors`."""
    options = RegisterOptions(**dict(plan.options.emission.registers))
    return Program(register_program(plan, options), kernel_blocks(plan), bias_blocks(plan), input_blocks(plan, sample),
                   known_answer(plan, tensors), output_tensors(plan))


def known_values(plan: Max7800xPlan, samples: IntArray) -> list[IntArray]:
    """What `layer_values` gives, by the NumPy executor: as exact, and faster by far on large layers."""
    made = to_graph(plan.network)
    (node,) = made.graph.inputs
    inputs = {node.name: np.reshape(samples, (-1, *made.graph.types[node.name].shape))}
    found = NumpyPlan(made.graph, tuple(made.tensors)).run(inputs, len(samples))
    return [found[tensor] for tensor in made.tensors]


def layer_values(plan: Max7800xPlan, samples: IntArray) -> list[IntArray]:
    """What every layer of a plan's network gives for samples (N, C, ...), by the oracle: (N, C, ...) each."""
    lowered_graph = to_graph(plan.network)
    (name,) = (node.name for node in lowered_graph.graph.inputs)
    shape = lowered_graph.graph.types[name].shape
    trace = Oracle(lowered_graph.graph).run({name: np.reshape(samples, (-1, *shape))})
    return [trace[tensor] for tensor in lowered_graph.tensors]
