"""What the tests of the ONNX file share: running a graph in both executors, and data that provokes overflow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from bittrue.engine.oracle import Oracle
from bittrue.engine.ort import OnnxRuntimeExecutor
from bittrue.ir import Graph, GraphBuilder, IntArray, IntType, Op, TensorType
from bittrue.ir.onnx import from_bytes, to_bytes, to_model

FILLS = ("random", "lowest", "highest", "alternating")


def filled(shape: Sequence[int], elem: IntType, fill: str, seed: int = 0) -> IntArray:
    """An array of values of `elem`: random ones, or the extremes."""
    extremes = np.array([elem.min, elem.max], np.int64)
    if fill == "random":
        return np.random.default_rng(seed).integers(elem.min, elem.max, shape, np.int64, endpoint=True)
    picks = {"lowest": np.zeros, "highest": np.ones}.get(fill)
    index = np.indices(shape).sum(axis=0) % 2 if picks is None else picks(shape, np.int64)
    return np.asarray(extremes[index], np.int64)


def assert_same_integers(graph: Graph, *, fills: Sequence[str] = FILLS, optimize: bool = True) -> None:
    """Oracle and ONNX Runtime agree in every tensor, for batches of 1 and 3; the file is read back as the same graph."""
    data = to_bytes(to_model(graph))
    again = from_bytes(data)
    assert again == graph
    assert to_bytes(to_model(again)) == data
    executor = OnnxRuntimeExecutor(graph, threads=1, optimize=optimize)
    for position, fill in enumerate(fills):
        batch = (1, 3)[position % 2]
        inputs = {node.name: filled((batch, *node.op.tensor.shape), node.op.tensor.elem, fill, position)
                  for node in graph.inputs}
        expected, got = Oracle(graph).run(inputs), executor.run(inputs)
        assert expected.keys() == got.keys()
        for name, tensor in expected.items():
            assert got[name].dtype == np.int64
            np.testing.assert_array_equal(got[name], tensor, err_msg=f"{name}, {fill}")


def single(op: Op, *operands: TensorType | tuple[str, IntArray, IntType]) -> Graph:
    """A graph of one op; an operand is an input's type, or the name, values and type of a constant."""
    builder = GraphBuilder("single")
    names = [builder.input(f"in{i}", o.shape, o.elem) if isinstance(o, TensorType) else
             builder.constant(*o) for i, o in enumerate(operands)]
    return builder.build(builder.add("out", op, *names))


def int_types(max_bits: int = 32, min_bits: int = 1) -> st.SearchStrategy[IntType]:
    """Integer types; 8 and 16 bits, where storage and kernels change, come up often."""
    borders = [b for b in (7, 8, 9, 16, 17) if min_bits <= b <= max_bits]
    bits = st.sampled_from(borders) | st.integers(min_bits, max_bits) if borders else st.integers(min_bits, max_bits)
    return st.builds(IntType, bits, st.booleans())
