"""Reading a project back: its model, its plan, its samples, its RTL."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...engine.base import Trace, checked_inputs
from ...errors import BadInput, declare, fail
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
    model: bytes | None

    @property
    def images(self) -> int:
        """Number of samples."""
        return len(next(iter(self.inputs.values())))


def read_project(folder: Path, graph: Graph | None = None) -> Project:
    """Read what a project was made from; `graph` stands in for a model file that is not there.

    Raises `BadInput` (BT5009, BT5010, or what the model's reader says), `Unsupported` when plan and model do not fit.
    """
    path = folder / MODEL
    model = path.read_bytes() if path.is_file() else None
    if model is not None:
        graph = from_bytes(model, str(path))
    if graph is None:
        fail(BadInput, "BT5009", str(path), "there is no such file",
             "compile the project from a model file, or give the graph")
    return Project(folder, graph, make_plan(graph, _options(folder)), _inputs(folder, graph), model)


def _options(folder: Path) -> dict[str, Any]:
    """The options that the plan was made with."""
    try:
        options = json.loads(_bytes(folder / PLAN))["options"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        fail(BadInput, "BT5010", str(folder / PLAN), f"it is not a plan as bittrue writes it ({error})", EMIT_AGAIN)
    if not isinstance(options, dict):
        fail(BadInput, "BT5010", str(folder / PLAN), "its options are not names with values", EMIT_AGAIN)
    return options


def _inputs(folder: Path, graph: Graph) -> Trace:
    arrays = {node.name: _samples(folder / input_path(graph, node.name), graph.types[node.name])
              for node in graph.inputs}
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
    return values


def _bytes(path: Path) -> bytes:
    if not path.is_file():
        fail(BadInput, "BT5010", str(path), "there is no such file", EMIT_AGAIN)
    return path.read_bytes()
