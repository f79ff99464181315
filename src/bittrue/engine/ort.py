"""The ONNX Runtime executor: an unrelated program that runs the graph's file as anybody would, and shows every tensor.

What it runs is the model that `bittrue.ir.onnx.to_model` writes (for a file: byte for byte the file's content), with
the outputs of all nodes declared as outputs of the model.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np

from ..errors import BadInput, ToolMissing, declare, fail
from ..ir import Graph, IntArray
from ..ir.onnx import load, to_bytes, to_model
from ..ir.onnx.messages import ModelProto
from .base import Trace, checked_inputs

declare({
    "BT4100": "ONNX Runtime is not installed",
    "BT4101": "ONNX Runtime does not accept a model",
    "BT4102": "ONNX Runtime failed while it ran a model",
})

ERRORS_ONLY = 3
"""ONNX Runtime's log severity; its warnings (unused initializers) mean nothing here."""


class OnnxRuntimeExecutor:
    """Runs a graph, or the file of one, under ONNX Runtime on the CPU.

    `threads` is the number of threads inside an op (0: ONNX Runtime's choice). `optimize` leaves ONNX Runtime's graph
    optimizations on, as every other user of the file has them; they do not change integers.

    Raises `ToolMissing` (BT4100), `BadInput` (BT4101), and for a file what `bittrue.ir.onnx.load` raises.

    >>> from bittrue.ir import GraphBuilder
    >>> from bittrue.ir.ops import Linear
    >>> b = GraphBuilder("tiny")
    >>> graph = b.build(b.add("y", Linear(), b.input("x", (2,), "u4"), b.constant("w", [[1, -2]], "i4")))
    >>> OnnxRuntimeExecutor(graph, threads=1).run({"x": np.array([[3, 1]])})["y"].tolist()
    [[1]]
    """

    name = "onnxruntime"

    def __init__(self, graph_or_path: Graph | str | os.PathLike[str], *, threads: int = 0,
                 optimize: bool = True) -> None:
        self._runtime = _runtime()
        self.graph = graph_or_path if isinstance(graph_or_path, Graph) else load(graph_or_path)
        self._tensors = [node.name for node in self.graph.nodes if node.op.operands]
        self._session = self._open(_with_all_outputs(to_model(self.graph)), threads, optimize)

    def run(self, inputs: Mapping[str, IntArray]) -> Trace:
        """Every tensor of the graph; see `Executor.run`. Raises also `BadInput` (BT4102)."""
        trace = checked_inputs(self.graph, inputs)
        feeds = {name: array.astype(self.graph.types[name].elem.dtype) for name, array in trace.items()}
        arrays = self._tensors and self._guarded("BT4102", self._session.run, self._tensors, feeds)
        return trace | {name: array.astype(np.int64) for name, array in zip(self._tensors, arrays, strict=True)}

    def _open(self, model: ModelProto, threads: int, optimize: bool) -> Any:
        options = self._runtime.SessionOptions()
        options.log_severity_level = ERRORS_ONLY
        options.intra_op_num_threads = threads
        levels = self._runtime.GraphOptimizationLevel
        options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimize else levels.ORT_DISABLE_ALL
        return self._guarded("BT4101", self._runtime.InferenceSession, to_bytes(model), options,
                             providers=["CPUExecutionProvider"])

    def _guarded(self, code: str, call: Any, *arguments: Any, **options: Any) -> Any:
        """`call(...)`; an exception of ONNX Runtime becomes a diagnostic."""
        try:
            return call(*arguments, **options)
        except _exceptions() as problem:
            fail(BadInput, code, f"graph {self.graph.name}", f"ONNX Runtime {self._runtime.__version__} says: "
                 f"{problem}", "install the newest onnxruntime; if it is, report the graph as a bug of bittrue")


def _runtime() -> Any:
    try:
        return import_module("onnxruntime")
    except ImportError as problem:
        fail(ToolMissing, "BT4100", "onnxruntime", f"it cannot be imported: {problem}", "pip install onnxruntime")


def _exceptions() -> tuple[type[Exception], ...]:
    """ONNX Runtime's exception classes, which have no common base of their own."""
    names = vars(import_module("onnxruntime.capi.onnxruntime_pybind11_state")).values()
    own = (t for t in names if isinstance(t, type) and issubclass(t, Exception))
    return (RuntimeError, *own)


def _with_all_outputs(model: ModelProto) -> ModelProto:
    """The same model with every tensor as an output."""
    model.graph.output.extend(model.graph.value_info)
    del model.graph.value_info[:]
    return model
