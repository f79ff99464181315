"""The ONNX Runtime executor: traces, options, and what can go wrong."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from onnx_support import codes, single, small
from strategies import batch

from bittrue.engine import ort
from bittrue.engine.oracle import Oracle
from bittrue.engine.ort import OnnxRuntimeExecutor
from bittrue.errors import BadInput, ToolMissing
from bittrue.ir import GraphBuilder, IntType, TensorType
from bittrue.ir.onnx import save, to_model
from bittrue.ir.ops import Linear


@pytest.mark.parametrize("threads", [0, 1, 2])
@pytest.mark.parametrize("optimize", [True, False])
def test_a_trace_has_every_tensor(threads, optimize):
    graph = small()
    inputs = batch(graph, 3, size=5)
    trace = OnnxRuntimeExecutor(graph, threads=threads, optimize=optimize).run(inputs)
    assert list(trace) == ["x", "conv", "act", "flat", "logits"]
    for name, tensor in Oracle(graph).run(inputs).items():
        assert trace[name].dtype == np.int64
        np.testing.assert_array_equal(trace[name], tensor)


@pytest.mark.parametrize("float_outputs", [True, False])
def test_a_file_runs_like_its_graph(tmp_path, float_outputs):
    graph = small()
    save(graph, tmp_path / "a.onnx", float_outputs=float_outputs)
    executor = OnnxRuntimeExecutor(tmp_path / "a.onnx")
    assert executor.graph == graph
    assert executor.name == "onnxruntime"
    np.testing.assert_array_equal(executor.run(batch(graph, 1))["logits"], Oracle(graph).run(batch(graph, 1))["logits"])


def test_a_graph_without_ops():
    builder = GraphBuilder("nothing")
    graph = builder.build(builder.input("x", (2, 3), "i4"))
    np.testing.assert_array_equal(OnnxRuntimeExecutor(graph).run(batch(graph, 1))["x"], batch(graph, 1)["x"])


def test_inputs_are_checked():
    with pytest.raises(BadInput) as error:
        OnnxRuntimeExecutor(small()).run({"x": np.full((1, 3, 5, 4), 256)})
    assert codes(error) == ["BT4003"]
    with pytest.raises(BadInput) as error:
        OnnxRuntimeExecutor(small()).run({})
    assert codes(error) == ["BT4001"]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BadInput) as error:
        OnnxRuntimeExecutor(tmp_path / "missing.onnx")
    assert codes(error) == ["BT1101"]


def test_without_onnx_runtime(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ToolMissing, match="pip install onnxruntime") as error:
        OnnxRuntimeExecutor(small())
    assert codes(error) == ["BT4100"]


def test_a_model_that_onnx_runtime_refuses(monkeypatch):
    def broken(graph):
        model = to_model(graph)
        model.graph.node[0].op_type = "NoSuchOp"
        return model

    monkeypatch.setattr(ort, "to_model", broken)
    with pytest.raises(BadInput, match="NoSuchOp") as error:
        OnnxRuntimeExecutor(small())
    assert codes(error) == ["BT4101"]


def test_a_model_that_fails_while_it_runs(monkeypatch):
    def broken(graph):
        model = to_model(graph)
        del model.graph.initializer[:], model.graph.value_info[:], model.graph.output[:]
        model.graph.output.add(name="out").type.tensor_type.elem_type = 6
        model.graph.node[0].input[1] = model.graph.node[0].input[0]
        return model

    monkeypatch.setattr(ort, "to_model", broken)
    graph = single(Linear(), TensorType((3,), IntType(4, False)), ("w", [[1, 2, 3]], IntType(4, False)))
    executor = OnnxRuntimeExecutor(graph)
    with pytest.raises(BadInput, match="ONNX Runtime") as error:
        executor.run({"in0": np.ones((2, 3), np.int64)})
    assert codes(error) == ["BT4102"]
