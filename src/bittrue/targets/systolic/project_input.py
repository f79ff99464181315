"""Reading a project back: its model, its plan, its samples, its RTL."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...engine.base import Trace, checked_inputs
from ...errors import BadInput, BittrueError, declare, fail
from ...ir import Graph, IntArray, TensorType
from ...ir.onnx import from_bytes
from ..project import EMIT_AGAIN
from .emit import MODEL, PLAN, input_path, npy_bytes
from .plan import SystolicPlan, make_plan

declare({
    "BT5009": "a project holds no model, and none was given",
    "BT5010": "a file that a project is made from is missing or damaged",
})

NPY_HEADER = 128
"""Bytes before the data in a NumPy file of few axes."""


@dataclass(frozen=True, eq=False)
class Project:
    """What a project was made from."""

    folder: Path
    graph: Graph
    plan: SystolicPlan
    inputs: Trace
    attached: Mapping[str, bytes]
    sources: Mapping[str, str]
    """SHA-256 of the files that the project was made from, as the plan records them."""

    @property
    def images(self) -> int:
        """Number of samples."""
        return len(next(iter(self.inputs.values())))


def read_project(folder: Path, graph: Graph | None = None) -> Project:
    """Read what a project was made from; `graph` stands in for a model file that is not there.

    Raises `BadInput` (BT5009, BT5010, or what the model's reader says), `Unsupported` when plan and model do not fit.
    """
    path, plan = folder / MODEL, _plan(folder)
    if path.is_file():
        with _blaming(path):
            graph = from_bytes(path.read_bytes(), str(path))
    if graph is None:
        fail(BadInput, "BT5009", str(path), "there is no such file",
             "compile the project from a model file, or give the graph")
    attached = {name: _bytes(folder / name) for name in plan.sources if "/" not in name}
    with _blaming(folder / PLAN):
        made = make_plan(graph, plan.options)
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
