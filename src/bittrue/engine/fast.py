"""The fast executor: the same integers as the oracle, by C kernels that are compiled at first use.

`run` returns every tensor, as all executors do; `predict` returns the outputs alone and fuses what nobody looks at.
Without a C compiler both run in NumPy, as exact and slower. Why it is exact is written in docs/engine.md.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache, cached_property
from threading import Lock
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import BadInput, ToolMissing, declare, fail
from ..ir import Graph
from .base import Trace, checked_inputs
from .compile import CompileError
from .native import BACKENDS, EXTERNAL_TYPES, Backend, Kernels, kernels
from .numpy_ops import NumpyPlan
from .plan import Plan
from .selftest import self_test

declare({
    "BT4201": "a backend of the fast engine is not available on this machine",
    "BT4202": "no backend of the fast engine has this name",
    "BT4203": "the number of threads is not positive",
})

NUMPY = "numpy"
BACKEND_NAMES = (*(backend.name for backend in BACKENDS), NUMPY)
"""What `FastExecutor` can run on, fastest first."""
BATCH = 64
"""Samples that run at once; larger batches run in parts, which bounds the memory."""


class FastExecutor:
    """Runs one graph fast. Safe to share between threads (calls take turns).

    `threads`: 1 to the number of CPUs that this process may use, which is the default. `keep`: what `run` returns, all
    tensors or the outputs. `backend`: one of `BACKEND_NAMES`; by default the fastest that works here. The attribute
    `backend` says which it is, `reasons` why faster ones were passed over.

    >>> from bittrue.ir import GraphBuilder
    >>> from bittrue.ir.ops import Linear
    >>> b = GraphBuilder("tiny")
    >>> graph = b.build(b.add("y", Linear(), b.input("x", (2,), "u4"), b.constant("w", [[1, -2]], "i4")))
    >>> FastExecutor(graph).predict({"x": np.array([[3, 1]])})["y"].tolist()
    [[1]]

    Raises `BadInput` (BT4202, BT4203) for arguments that make no sense and `ToolMissing` (BT4201) when the backend
    asked for does not work here.
    """

    name = "fast"

    def __init__(self, graph: Graph, threads: int | None = None, keep: Literal["all", "outputs"] = "all",
                 backend: str | None = None) -> None:
        if threads is not None and threads < 1:
            fail(BadInput, "BT4203", "threads", f"{threads} threads cannot run anything", "give 1 or more, or None")
        self.graph, self.keep, self.threads = graph, keep, threads or _cpus()
        self._kernels, self.reasons = _chosen(backend)
        self.backend = self._kernels.backend.name if self._kernels else NUMPY
        self._lock = Lock()

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Trace:
        """Every tensor of the graph (the outputs, if that is what to keep); see `Executor.run`."""
        if self.keep == "outputs":
            return self.predict(inputs)
        return self._run(self._whole, checked_inputs(self.graph, inputs))

    def predict(self, inputs: Mapping[str, NDArray[Any]]) -> Trace:
        """The outputs alone, int64 by name, for inputs as `run` takes them.

        Fastest from contiguous arrays of the input's own type (`uint8` for a `u8`).
        """
        return self._run(self._fused, self._admitted(inputs))

    @cached_property
    def _whole(self) -> Plan | NumpyPlan:
        return self._plan(tuple(node.name for node in self.graph.nodes), fused=False)

    @cached_property
    def _fused(self) -> Plan | NumpyPlan:
        return self._plan(self.graph.outputs, fused=True)

    def _plan(self, wanted: tuple[str, ...], fused: bool) -> Plan | NumpyPlan:
        if self._kernels is None:
            return NumpyPlan(self.graph, wanted)
        return Plan(self.graph, self._kernels, wanted, fused, self.threads)

    def _run(self, plan: Plan | NumpyPlan, inputs: Mapping[str, NDArray[Any]]) -> Trace:
        total = len(next(iter(inputs.values())))
        with self._lock:
            if total <= BATCH:
                return plan.run(inputs, total)
            parts = [plan.run({name: array[begin:begin + BATCH] for name, array in inputs.items()},
                              min(BATCH, total - begin)) for begin in range(0, total, BATCH)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _admitted(self, inputs: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
        """The inputs as they are where nothing can be wrong with them, else checked and converted."""
        types = {node.name: self.graph.types[node.name] for node in self.graph.inputs}
        fine = types.keys() == inputs.keys() and len({array.shape[:1] for array in inputs.values()}) == 1 and all(
            array.shape[1:] == types[name].shape and array.ndim and array.dtype in EXTERNAL_TYPES
            and _type_fits(array.dtype, types[name].elem.min, types[name].elem.max) for name, array in inputs.items())
        return inputs if fine else checked_inputs(self.graph, inputs)


def _type_fits(dtype: np.dtype[Any], lo: int, hi: int) -> bool:
    """Whether every value of a NumPy integer type lies within lo..hi."""
    info = np.iinfo(dtype)
    return lo <= info.min and info.max <= hi


def _cpus() -> int:
    """CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _chosen(name: str | None) -> tuple[Kernels | None, tuple[str, ...]]:
    """The kernels of the backend asked for (None: NumPy), or of the best; why better ones were passed over."""
    if name is None:
        return _best()
    if name not in BACKEND_NAMES:
        fail(BadInput, "BT4202", f"backend {name!r}", "there is none of this name", f"use {', '.join(BACKEND_NAMES)}")
    if name == NUMPY:
        return None, ()
    found = _working(next(backend for backend in BACKENDS if backend.name == name))
    if isinstance(found, str):
        fail(ToolMissing, "BT4201", f"backend {name}", found, "leave the choice to bittrue, or install what it misses")
    return found, ()


@cache
def _best() -> tuple[Kernels | None, tuple[str, ...]]:
    reasons: list[str] = []
    for backend in BACKENDS:
        found = _working(backend)
        if not isinstance(found, str):
            return found, tuple(reasons)
        reasons.append(f"{backend.name}: {found}")
    return None, tuple(reasons)


@cache
def _working(backend: Backend) -> Kernels | str:
    """The kernels of a backend, or why they cannot be used."""
    try:
        loaded = kernels(backend)
    except CompileError as problem:
        return str(problem)
    return self_test(loaded) or loaded
