"""The C project of a plan: what every file of it holds.

    model.onnx, ...                what was attached: the graph's file, its certificate
    plan.json                      layers, processors, offsets, options, hashes of what the project was made from
    inputs/{n}_{name}.npy          the samples, int64 (N, *shape); the first one is the sample of the C project
    main.c cnn.c cnn.h softmax.c   the program, by `emit`
    weights.h sampledata.h sampleoutput.h
    Makefile project.mk README.md  for the vendor's SDK
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...engine.base import Executor, Trace, checked_inputs
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
    buffer_blocks,
    input_blocks,
    kernel_blocks,
    known_answer,
    output_tensors,
    register_program,
    stop_after,
)
from .network import Layer
from .placement import Fifo
from .plan import Max7800xPlan, make_plan
from .program import InputBlock, Program
from .to_graph import to_graph

declare({"BT5412": "a rolling buffer behind a FIFO"})

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
    running = running_plan(plan)
    inputs = [trace[node.name][:1] for node in graph.inputs]
    program = lowered(running, sample_of(inputs, 0), sample_of(layer_values(running, inputs, QuickExecutor).layers, 0))
    about = About.of(running.network, running.placement)
    for name, data in emit(program, plan.device, about, plan.options.emission).items():
        yield ProjectFile(name, data)


def running_plan(plan: Max7800xPlan) -> Max7800xPlan:
    """The plan of the layers that run: all, or those up to the one to stop after.

    Raises `Unsupported` (BT5412) for a rolling buffer behind a FIFO, `BadInput` (BT5404).
    """
    if plan.network.buffer is not None and plan.placement.fifo is not Fifo.NONE:
        fail(Unsupported, "BT5412", f"data buffer {plan.network.buffer.name}",
             "its first content would have to be written while the input comes through a FIFO",
             "place the network without a FIFO")
    last = plan.options.emission.stop_after
    return plan if last is None else stop_after(plan, last)


def lowered(plan: Max7800xPlan, sample: Sequence[IntArray], tensors: Sequence[IntArray]) -> Program:
    """What software does to run a plan on a sample, for which the layers give `tensors` (C, ...).

    A sample is the input (C, ...), and for a network with a rolling buffer what that holds before.
    """
    options = RegisterOptions(**dict(plan.options.emission.registers))
    return Program(register_program(plan, options), kernel_blocks(plan), bias_blocks(plan), sample_blocks(plan, sample),
                   known_answer(plan, tensors), output_tensors(plan))


def sample_blocks(plan: Max7800xPlan, sample: Sequence[IntArray]) -> list[InputBlock]:
    """The words of a sample: of the input, and of a rolling buffer."""
    buffers = (block for content in sample[1:] for block in buffer_blocks(plan, content))
    return [*input_blocks(plan, sample[0]), *buffers]


def sample_of(values: Sequence[IntArray], number: int) -> list[IntArray]:
    """One sample of several arrays (N, ...)."""
    return [array[number] for array in values]


@dataclass(frozen=True, eq=False)
class LayerValues:
    """What a network computes for some samples."""

    layers: list[IntArray]
    """(N, C, ...) for every layer: what it writes."""
    buffer: IntArray | None
    """(N, C, rows) of the rolling buffer after the inference."""

    def outputs(self, plan: Max7800xPlan) -> list[IntArray]:
        """The outputs in the order of the graph's."""
        found = [self.layers[index] for index in plan.network.outputs]
        return found if self.buffer is None else [*found, self.buffer]


def layer_values(plan: Max7800xPlan, inputs: Sequence[IntArray],
                 executor: Callable[[Graph], Executor] = Oracle) -> LayerValues:
    """What every layer of a plan's network gives for inputs (N, ...), by the oracle unless told otherwise."""
    device = to_graph(plan.network)
    shapes = {node.name: device.graph.types[node.name].shape for node in device.graph.inputs}
    given = {name: values.reshape(-1, *shape) for (name, shape), values in zip(shapes.items(), inputs, strict=True)}
    trace = executor(device.graph).run(given)
    layers = [_written(layer, trace[tensor]) for layer, tensor in zip(plan.network.layers, device.tensors, strict=True)]
    return LayerValues(layers, None if plan.network.buffer is None else trace[device.graph.outputs[-1]])


@dataclass(frozen=True)
class QuickExecutor:
    """As exact as the oracle, and faster by far on large layers; it loads neither a compiler nor a library."""

    graph: Graph
    name = "numpy"

    def run(self, inputs: Mapping[str, IntArray]) -> Trace:
        """All tensors; see `Executor.run`."""
        values = checked_inputs(self.graph, inputs)
        names = tuple(node.name for node in self.graph.nodes)
        return NumpyPlan(self.graph, names).run(values, len(next(iter(values.values()))))


def _written(layer: Layer, values: IntArray) -> IntArray:
    """What a layer writes of its tensor: without the zeros that the graph has behind a shifted buffer."""
    return values[:, :, :layer.out_dim[0]] if layer.buffer_shift else values
