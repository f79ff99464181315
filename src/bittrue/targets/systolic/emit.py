"""The project directory of the array: text files of every layer and tile, the RTL, the inputs, the model.

    model.onnx, ...                what was attached: the graph's file, its certificate
    plan.json                      options, widths, layers, tiles, cycle model, hashes of what the project was made from
    jobs.txt                       every start of the array, in order, for the test bench
    rtl/*.sv                       the hardware and its test bench
    inputs/{n}_{name}.npy          the samples, int64 (N, *shape)
    layers/{nn}_{name}/            weights, output stages, psum-memory addresses of a layer
    layers/{nn}_{name}/image{n}/   activations, partial sums, accumulators, outputs of one sample
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.resources import files as package_files
from pathlib import Path

import numpy as np

from ...engine.oracle import Oracle
from ...errors import BadInput, declare, fail
from ...ir import Graph, IntArray
from ..project import Manifest, json_bytes, write_project
from .formats import Formats, TextFormat
from .plan import Job, LayerPlan, SystolicPlan
from .reference import LayerReference

declare({
    "BT5117": "a project needs at least one sample",
    "BT5118": "an attached file has no plain name",
})

NAME = "systolic"
PLAN, JOBS, MODEL = "plan.json", "jobs.txt", "model.onnx"


@dataclass(frozen=True)
class ProjectFile:
    """One file: its path within the project, its content, and the format of its lines if it is one of the array's."""

    path: str
    data: bytes
    text: TextFormat | None = None


Files = Iterator[ProjectFile]


@dataclass(frozen=True)
class Paths:
    """Where a project keeps the files of a tile."""

    plan: SystolicPlan

    def weight(self, layer: LayerPlan, oc: int, ic: int, kij: int) -> str:
        """Weights of one tile and kernel position."""
        return self._shared(layer, self.plan.names.weight, ic=ic, oc=oc, kij=kij)

    def stage(self, layer: LayerPlan, oc: int) -> str:
        """Output stages of an output-channel tile."""
        return self._shared(layer, self.plan.names.stage, oc=oc)

    def address(self, layer: LayerPlan) -> str:
        """Psum-memory addresses of a layer."""
        return self._shared(layer, self.plan.names.acc)

    def activation(self, layer: LayerPlan, image: int, ic: int) -> str:
        """Activations of an input-channel tile."""
        return self._of_image(layer, image, self.plan.names.activation, ic=ic)

    def psum(self, layer: LayerPlan, image: int, oc: int, ic: int) -> str:
        """Partial sums of a tile."""
        return self._of_image(layer, image, self.plan.names.psum, ic=ic, oc=oc)

    def acc_out(self, layer: LayerPlan, image: int, oc: int) -> str:
        """Accumulators of an output-channel tile."""
        return self._of_image(layer, image, self.plan.names.acc_out, oc=oc)

    def out(self, layer: LayerPlan, image: int, oc: int) -> str:
        """Outputs of an output-channel tile."""
        return self._of_image(layer, image, self.plan.names.out, oc=oc)

    def _shared(self, layer: LayerPlan, template: str, **place: int) -> str:
        return f"{layer.layer.folder}/{template.format(**place)}"

    def _of_image(self, layer: LayerPlan, image: int, template: str, **place: int) -> str:
        return f"{layer.layer.folder}/image{image}/{template.format(**place)}"


def formats(plan: SystolicPlan) -> Formats:
    """The text formats of a plan's files."""
    return Formats(**asdict(plan.geometry), header=bool(plan.options.header))


def emit(graph: Graph, plan: SystolicPlan, inputs: Mapping[str, IntArray], out_dir: Path,
         attached: Mapping[str, bytes] | None = None) -> Manifest:
    """Write the project; see `Target.emit`."""
    return write_project(NAME, ((f.path, f.data) for f in project_files(graph, plan, inputs, attached)), out_dir)


def project_files(graph: Graph, plan: SystolicPlan, inputs: Mapping[str, IntArray],
                  attached: Mapping[str, bytes] | None = None) -> Files:
    """Every file of the project with its content, except the manifest.

    Raises `BadInput` for inputs that do not fit the graph and (BT5003) when two files would have one name.
    """
    seen: set[str] = set()
    for file in _all_files(graph, plan, inputs, attached or {}):
        if file.path in seen:
            fail(BadInput, "BT5003", file.path, "two files of the project have this name",
                 "separate the fields of the file names, {ic}_{oc}")
        seen.add(file.path)
        yield file


def _all_files(graph: Graph, plan: SystolicPlan, inputs: Mapping[str, IntArray],
               attached: Mapping[str, bytes]) -> Files:
    trace = Oracle(graph).run(inputs)
    images = len(next(iter(inputs.values())))
    if images == 0:
        fail(BadInput, "BT5117", "inputs", "there is no sample in them", "give at least one sample")
    sources = [ProjectFile(input_path(graph, node.name), npy_bytes(trace[node.name])) for node in graph.inputs]
    sources += [ProjectFile(_plain(name), data) for name, data in sorted(attached.items())]
    yield from sources
    yield ProjectFile(PLAN, plan_bytes(plan, sources))
    yield ProjectFile(JOBS, jobs_text(plan, images).encode())
    yield from rtl_files()
    for layer in plan.layers:
        reference = LayerReference.of(layer, plan.geometry, graph, trace)
        yield from _shared_files(plan, reference)
        for image in range(images):
            yield from _image_files(plan, reference, image)


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


def jobs_text(plan: SystolicPlan, images: int) -> str:
    """What the test bench reads: one line per start of the array, numbers first, then file names."""
    return "".join(f"{_job_line(plan, job)}\n" for job in plan.jobs(images))


def _job_line(plan: SystolicPlan, job: Job) -> str:
    paths, entry, layer = Paths(plan), job.layer, job.layer.layer
    numbers = (job.image, job.oc, job.ic, layer.n_nij, layer.n_kij, layer.n_out, int(job.first), int(job.last),
               int(layer.act.signed), entry.tile_cycles)
    results = (paths.acc_out(entry, job.image, job.oc),
               paths.out(entry, job.image, job.oc) if layer.requant is not None else "-")
    names = (paths.activation(entry, job.image, job.ic), paths.address(entry), paths.stage(entry, job.oc),
             paths.psum(entry, job.image, job.oc, job.ic), *results,
             *(paths.weight(entry, job.oc, job.ic, kij) for kij in range(layer.n_kij)))
    return " ".join(map(str, (Path(layer.folder).name, *numbers, *names)))


def _shared_files(plan: SystolicPlan, reference: LayerReference) -> Files:
    """Weights, output stages and addresses of a layer."""
    entry, text, paths = reference.plan, formats(plan), Paths(plan)
    yield _file(text.address, entry.layer.addresses().reshape(-1, 1), paths.address(entry))
    for oc, inputs in enumerate(entry.tiles):
        yield _file(text.stage, reference.stage(oc), paths.stage(entry, oc))
        for ic in inputs:
            for kij, tile in enumerate(reference.weights(oc, ic)):
                yield _file(text.weight, tile[:, ::-1], paths.weight(entry, oc, ic, kij))


def _image_files(plan: SystolicPlan, reference: LayerReference, image: int) -> Files:
    """Activations, partial sums, accumulators and outputs of one sample."""
    entry, text, paths = reference.plan, formats(plan), Paths(plan)
    activation = text.activation(entry.layer.act.signed)
    for ic in sorted({ic for inputs in entry.tiles for ic in inputs}):
        yield _file(activation, reference.activations(image, ic)[:, ::-1], paths.activation(entry, image, ic))
    for oc, inputs in enumerate(entry.tiles):
        tiles = [reference.psums(image, oc, ic) for ic in inputs]
        for ic, psums in zip(inputs, tiles, strict=True):
            lines = psums.reshape(-1, plan.geometry.cols)[:, ::-1]
            yield _file(text.psum, lines, paths.psum(entry, image, oc, ic))
        accumulators = reference.partial_accumulators(image, oc, tiles)[-1]
        yield _file(text.acc_out, accumulators[:, ::-1], paths.acc_out(entry, image, oc))
        outputs = reference.final_outputs(image, oc)
        if outputs is not None and entry.layer.out is not None:
            out = text.out(entry.layer.out.signed)
            yield _file(out, outputs[:, ::-1], paths.out(entry, image, oc))


def _file(text: TextFormat, values: IntArray, path: str) -> ProjectFile:
    return ProjectFile(path, text.write(values, path), text)
