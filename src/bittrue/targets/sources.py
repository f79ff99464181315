"""What a project is made from, and reading it back: the attached model, the plan, the samples.

A target says by a `ProjectKind` how its plan and its files follow from these.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic

import numpy as np

from ..engine.base import Executor, Trace, checked_inputs
from ..engine.oracle import Oracle
from ..errors import BadInput, BittrueError, declare, fail
from ..ir import Graph, IntArray, TensorType
from .base import P
from .project import EMIT_AGAIN, json_bytes

declare({
    "BT5117": "a project needs at least one sample",
    "BT5118": "an attached file has no plain name",
    "BT5009": "a project holds no model, and none was given",
    "BT5010": "a file that a project is made from is missing or damaged",
})

PLAN, MODEL = "plan.json", "model.onnx"

NPY_HEADER = 128
"""Bytes before the data in a NumPy file of few axes."""


@dataclass(frozen=True)
class ProjectFile:
    """One file: its path within the project and its content."""

    path: str
    data: bytes


Files = Iterator[ProjectFile]


@dataclass(frozen=True)
class ProjectKind(Generic[P]):
    """How a target's projects come about."""

    target: str
    plan: Callable[[Graph, Mapping[str, Any], Path], P]
    """The plan of a graph by the options of a plan file, which is given too. Raises `BadInput`, `Unsupported`."""
    files: Callable[[Graph, P, Trace], Files]
    """What the target adds to the sources. The trace holds every tensor of every sample."""
    executor: Callable[[Graph], Executor] = Oracle
    """What computes the trace."""


@dataclass(frozen=True, eq=False)
class Project(Generic[P]):
    """What a project was made from."""

    folder: Path
    graph: Graph
    plan: P
    inputs: Trace
    attached: Mapping[str, bytes]
    sources: Mapping[str, str]
    """SHA-256 of the files that the project was made from, as the plan records them."""

    @property
    def samples(self) -> int:
        """Number of samples."""
        return len(next(iter(self.inputs.values())))


def source_files(graph: Graph, plan: P, inputs: Mapping[str, IntArray], attached: Mapping[str, bytes] | None) -> Files:
    """The files that a project is made from: samples, attached files, the plan with their hashes.

    Raises `BadInput` for no sample at all (BT5117), and for an attached file without a plain name (BT5118).
    """
    if not len(next(iter(inputs.values()))):
        fail(BadInput, "BT5117", "inputs", "there is no sample in them", "give at least one sample")
    sources = [ProjectFile(input_path(graph, node.name), npy_bytes(inputs[node.name])) for node in graph.inputs]
    sources += [ProjectFile(_plain_name(name), data) for name, data in sorted((attached or {}).items())]
    yield from sources
    yield ProjectFile(PLAN, plan_bytes(plan, sources))


def _plain_name(name: str) -> str:
    """The name of an attached file if it is one."""
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", name):
        fail(BadInput, "BT5118", f"attached file {name!r}", "it is not a plain file name",
             "use letters, digits, dots and dashes")
    return name


def plan_bytes(plan: P, sources: list[ProjectFile]) -> bytes:
    """The plan, bound by their SHA-256 to the files that the project was made from."""
    digests = {file.path: hashlib.sha256(file.data).hexdigest() for file in sources}
    return json_bytes({**plan.to_json(), "sources": digests})


def input_path(graph: Graph, name: str) -> str:
    """Where the project keeps the samples of an input."""
    index = [node.name for node in graph.inputs].index(name)
    return f"inputs/{index}_{re.sub(r'[^A-Za-z0-9_]+', '_', name)[:40]}.npy"


def npy_bytes(values: IntArray) -> bytes:
    """An array as the bytes of a NumPy file."""
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(values, "<i8"), allow_pickle=False)
    return buffer.getvalue()


def read_project(kind: ProjectKind[P], folder: Path, graph: Graph | None = None) -> Project[P]:
    """Read what a project was made from; `graph` stands in for a model file that is not there.

    Raises `BadInput` (BT5009, BT5010, or what the model's reader says), `Unsupported` when plan and model do not fit.
    """
    from ..ir.onnx import from_bytes  # whoever only writes projects reads no model

    path, plan = folder / MODEL, _plan(folder)
    if path.is_file():
        with _blaming(path):
            graph = from_bytes(path.read_bytes(), str(path))
    if graph is None:
        fail(BadInput, "BT5009", str(path), "there is no such file",
             "compile the project from a model file, or give the graph")
    attached = {name: _bytes(folder / name) for name in plan.sources if "/" not in name}
    with _blaming(folder / PLAN):
        made = kind.plan(graph, plan.options, folder / PLAN)
    return Project(folder, graph, made, _inputs(folder, graph), attached, plan.sources)


@contextmanager
def _blaming(path: Path) -> Iterator[None]:
    """Name the file that the values came from in whatever is wrong with them."""
    try:
        yield
    except BittrueError as error:
        named = (found if str(path) in found.where else replace(found, where=f"{path}, {found.where}")
                 for found in error.diagnostics)
        raise type(error)(*named) from error


@dataclass(frozen=True)
class _PlanFile:
    """What is read from the plan; the rest of it follows from these."""

    options: dict[str, Any]
    sources: dict[str, str]


def _plan(folder: Path) -> _PlanFile:
    try:
        value = json.loads(_bytes(folder / PLAN))
        plan = _PlanFile(dict(value["options"]), dict(value["sources"]))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        fail(BadInput, "BT5010", str(folder / PLAN), f"it is not a plan as bittrue writes it ({error})", EMIT_AGAIN)
    if not all(isinstance(part, str) and part not in ("", ".", "..") and "\0" not in part
               for item in plan.sources.items() for part in item):
        fail(BadInput, "BT5010", str(folder / PLAN), "its sources are not files with hashes", EMIT_AGAIN)
    for name in (name for name in plan.sources if not (folder / name).is_file()):
        fail(BadInput, "BT5010", f"{folder / PLAN}, sources", f"it names {name}, which is not there", EMIT_AGAIN)
    return plan


def _inputs(folder: Path, graph: Graph) -> Trace:
    arrays = {node.name: _samples(folder / input_path(graph, node.name), graph.types[node.name])
              for node in graph.inputs}
    with _blaming(folder / "inputs"):
        return checked_inputs(graph, arrays)


def _samples(path: Path, tensor: TensorType) -> IntArray:
    """Samples (N, *shape) from a NumPy file exactly as `npy_bytes` writes it."""
    data = _bytes(path)
    count = max(0, len(data) - NPY_HEADER) // (8 * tensor.size)
    body = data[NPY_HEADER:NPY_HEADER + count * 8 * tensor.size]
    values = np.frombuffer(body, "<i8").reshape(count, *tensor.shape).astype(np.int64)
    if npy_bytes(values) != data:
        fail(BadInput, "BT5010", str(path), f"it is not a NumPy file of samples {tensor} as bittrue writes it",
             EMIT_AGAIN)
    if not tensor.elem.holds(values):
        wrong = np.argwhere((values < tensor.elem.min) | (values > tensor.elem.max))[0]
        fail(BadInput, "BT5010", f"{path}, element {wrong.tolist()}", f"it is {values[tuple(wrong)]}, which is no "
             f"{tensor.elem} ({tensor.elem.min}..{tensor.elem.max})", EMIT_AGAIN)
    return values


def _bytes(path: Path) -> bytes:
    if not path.is_file():
        fail(BadInput, "BT5010", str(path), "there is no such file", EMIT_AGAIN)
    return path.read_bytes()
