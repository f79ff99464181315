"""What the tests of the ONNX file share: running a graph in both executors, and data that provokes overflow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import strategies as st

from bittrue.engine.oracle import Oracle
from bittrue.engine.ort import OnnxRuntimeExecutor
from bittrue.errors import BittrueError
from bittrue.ir import Graph, GraphBuilder, IntArray, IntType, Op, Rounding, Scale, TensorType
from bittrue.ir.onnx import from_bytes, to_bytes, to_model
from bittrue.ir.ops import Conv, Flatten, Linear, Requant

U8, I8, I4 = IntType(8, False), IntType(8, True), IntType(4, True)
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
    """Oracle and ONNX Runtime agree in every tensor, for batches of 1 and 3; the file reads back as the same graph."""
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


PER_CHANNEL = Scale((0.25, 0.1, 3e-9), 0)


def small(*, scale: Scale | None = PER_CHANNEL, reverse: bool = False, name: str = "small") -> Graph:
    """Convolution, requantization, fully connected layer: plain ops and functions."""
    constants = [
        ("w", filled((4, 3, 3, 2), I8, "random"), "i8"), ("lw", filled((3, 48), I4, "random"), "i4"),
        ("b", [7, -9, 0, 3000], "i13"),
        ("m", [3, 5, 7, 9], "u4"), ("s", [9, 10, 11, 12], "u4"), ("o", [5, -3, 1000, 0], "i12")]
    builder = GraphBuilder(name)
    for constant in constants[::-1 if reverse else 1]:
        builder.constant(*constant)
    builder.input("x", (3, 5, 4), "u8", Scale((1 / 255,)))
    builder.add("conv", Conv((2, 1), (1, 0, 2, 1)), "x", "w", "b")
    builder.add("act", Requant(U8, 0, 255, Rounding.HALF_EVEN, 13, 8), "conv", "m", "o", "s", scale=Scale((0.5,)))
    builder.add("flat", Flatten(), "act")
    builder.add("logits", Linear(), "flat", "lw", scale=scale)
    return builder.build("logits", "act")


def codes(error: pytest.ExceptionInfo[BittrueError]) -> list[str]:
    return [diagnostic.code for diagnostic in error.value.diagnostics]
