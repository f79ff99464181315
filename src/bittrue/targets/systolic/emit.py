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

import hashlib
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files as package_files
from pathlib import Path

import numpy as np

from ...engine.oracle import Oracle
from ...errors import BadInput, declare, fail
from ...ir import Graph, IntArray
from ..project import Manifest, json_bytes, write_project
from .loads import load_files
from .plan import SystolicPlan
from .program import channels_file, program_file, segments_file, weights_file

declare({
    "BT5117": "a project needs at least one sample",
    "BT5118": "an attached file has no plain name",
})

NAME = "systolic"
PLAN, MODEL = "plan.json", "model.onnx"


@dataclass(frozen=True)
class ProjectFile:
    """One file: its path within the project and its content."""

    path: str
    data: bytes


Files = Iterator[ProjectFile]


def emit(graph: Graph, plan: SystolicPlan, inputs: Mapping[str, IntArray], out_dir: Path,
         attached: Mapping[str, bytes] | None = None) -> Manifest:
    """Write the project; see `Target.emit`."""
    return write_project(NAME, ((f.path, f.data) for f in project_files(graph, plan, inputs, attached)), out_dir)


def project_files(graph: Graph, plan: SystolicPlan, inputs: Mapping[str, IntArray],
                  attached: Mapping[str, bytes] | None = None) -> Files:
    """Every file of the project with its content, except the manifest.

    Raises `BadInput` for inputs that do not fit the graph (BT4001..), for none at all (BT5117), and for an attached
    file without a plain name (BT5118).
    """
    trace = Oracle(graph).run(inputs)
    images = len(next(iter(inputs.values())))
    if images == 0:
        fail(BadInput, "BT5117", "inputs", "there is no sample in them", "give at least one sample")
    sources = [ProjectFile(input_path(graph, node.name), npy_bytes(trace[node.name])) for node in graph.inputs]
    sources += [ProjectFile(_plain(name), data) for name, data in sorted((attached or {}).items())]
    yield from sources
    yield ProjectFile(PLAN, plan_bytes(plan, sources))
    yield ProjectFile("program.hex", program_file(graph, plan))
    yield ProjectFile("segments.hex", segments_file(plan))
    yield ProjectFile("weights.hex", weights_file(graph, plan))
    yield ProjectFile("channels.hex", channels_file(graph, plan))
    yield from rtl_files()
    for image in range(images):
        for number, data in enumerate(load_files(plan, trace, image)):
            yield ProjectFile(f"images/image{image}/load{number}.hex", data)


def _plain(name: str) -> str:
    """The name of an attached file if it is one."""
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", name):
        fail(BadInput, "BT5118", f"attached file {name!r}", "it is not a plain file name",
             "use letters, digits, dots and dashes")
    return name


def plan_bytes(plan: SystolicPlan, sources: list[ProjectFile]) -> bytes:
    """The plan, bound by their SHA-256 to the files that the project was made from."""
    digests = {file.path: hashlib.sha256(file.data).hexdigest() for file in sources}
    return json_bytes({**plan.to_json(), "sources": digests})


def rtl_files() -> Files:
    """The SystemVerilog sources, by their path in a project."""
    folder = package_files(__package__).joinpath("rtl")
    for source in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if source.name.endswith(".sv"):
            yield ProjectFile(f"rtl/{source.name}", source.read_bytes())


def input_path(graph: Graph, name: str) -> str:
    """Where the project keeps the samples of an input."""
    index = [node.name for node in graph.inputs].index(name)
    return f"inputs/{index}_{re.sub(r'[^A-Za-z0-9_]+', '_', name)[:40]}.npy"


def npy_bytes(values: IntArray) -> bytes:
    """An array as the bytes of a NumPy file."""
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(values, "<i8"), allow_pickle=False)
    return buffer.getvalue()
