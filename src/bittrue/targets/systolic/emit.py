"""The project directory of the array: memory images, the RTL, the inputs, the model.

    model.onnx, ...               what was attached: the graph's file, its certificate
    plan.json                     options, widths, layers, tiles, cycles, hashes of what the project was made from
    program.hex                   one word per layer
    segments.hex                  one word per run of input channels of an output tile
    weights.hex                   the weights in the order in which the array takes them
    channels.hex                  bias and requantization of every output tile
    images/image{n}/load{k}.hex   what the host loads into the activation memory: the input first
    inputs/{n}_{name}.npy         the samples, int64 (N, *shape)
    rtl/*.sv                      the hardware and its test bench
"""

from __future__ import annotations

from importlib.resources import files as package_files

from ...engine.base import Trace
from ...ir import Graph
from ..sources import Files, Project, ProjectFile, ProjectKind
from .loads import load_files
from .plan import SystolicPlan, make_plan
from .program import channels_file, program_file, segments_file, weights_file

NAME = "systolic"

SystolicProject = Project[SystolicPlan]


def files(graph: Graph, plan: SystolicPlan, trace: Trace) -> Files:
    """Every file that follows from the model, the plan and the samples."""
    yield ProjectFile("program.hex", program_file(graph, plan))
    yield ProjectFile("segments.hex", segments_file(plan))
    yield ProjectFile("weights.hex", weights_file(graph, plan))
    yield ProjectFile("channels.hex", channels_file(graph, plan))
    yield from rtl_files()
    for image in range(len(next(iter(trace.values())))):
        for number, data in enumerate(load_files(plan, trace, image)):
            yield ProjectFile(f"images/image{image}/load{number}.hex", data)


def rtl_files() -> Files:
    """The SystemVerilog sources, by their path in a project."""
    folder = package_files(__package__).joinpath("rtl")
    for source in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if source.name.endswith(".sv"):
            yield ProjectFile(f"rtl/{source.name}", source.read_bytes())


KIND = ProjectKind(NAME, lambda graph, options, _: make_plan(graph, options), files)
"""How projects of the array come about."""
