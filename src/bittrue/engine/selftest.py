"""Before a backend is used: does it agree with the ops' definitions on data that breaks wrong kernels?

The data are extremes: windows of 0s and 255s against weights of -128 and 127, where 16-bit intermediates saturate (as
`vpmaddubsw` does) and sums of 7-bit random data would not; channel counts and image sizes that leave every kind of tile
partly filled; requantizations at exact ties in all rounding modes.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..ir import Graph, GraphBuilder, IntArray, IntType, Rounding
from ..ir.ops import Conv, Linear, MaxPool, Requant
from .native import Kernels
from .oracle import Oracle
from .plan import Plan

BATCH = 3


def self_test(kernels: Kernels) -> str | None:
    """What the kernels get wrong, or None."""
    random = np.random.default_rng(0)
    for graph in _graphs(random):
        shape, elem = graph.types["x"].shape, graph.types["x"].elem
        x = random.choice(np.array([elem.min, elem.min, elem.max, elem.max, 1, 0]), (BATCH, *shape))
        x[0] = elem.max
        expected = Oracle(graph).run({"x": x})
        for fused, wanted in ((True, graph.outputs), (False, tuple(node.name for node in graph.nodes))):
            got = Plan(graph, kernels, wanted, fused, threads=2).run({"x": x}, BATCH)
            if wrong := [name for name in wanted if not np.array_equal(got[name], expected[name])]:
                return f"the self-test found wrong values in {wrong[0]} of {graph.name}"
    return None


def _graphs(random: np.random.Generator) -> Iterator[Graph]:
    weights = np.array([-128, -128, 127, 127, 3])
    kinds = (("u8", 40), ("i8", 8), ("u8", 17), ("i8", 33), ("i8", 40))
    for mode, (elem, outputs) in zip(Rounding, kinds, strict=True):
        b = GraphBuilder(f"selftest {mode} {elem}")
        b.constant("w", random.choice(weights, (outputs, 5, 3, 2)), "i8")
        b.constant("bias", random.integers(-999, 999, outputs), "i16")
        acc = b.add("acc", Conv((2, 1), (1, 0, 1, 1)), b.input("x", (5, 7, 4), elem), "w", "bias")
        narrow = _requant(b, acc, "y", outputs, mode, IntType.parse(elem))
        pooled = b.add("pooled", MaxPool((2, 2), (2, 2)), narrow)
        yield b.build(pooled)
    b = GraphBuilder("selftest vector")
    b.constant("w", random.choice(weights, (35, 150)), "i8")
    acc = b.add("acc", Linear(), b.input("x", (150,), "u8"), "w")
    yield b.build(_requant(b, acc, "y", 35, Rounding.HALF_EVEN, IntType.parse("u8")))


def _requant(b: GraphBuilder, acc: str, name: str, channels: int, mode: Rounding, out: IntType) -> str:
    """Powers of two and other multipliers in turn, so that all forms meet ties and steps."""
    even: IntArray = np.arange(channels) // 32 % 2 == 0
    b.constant("mul", np.where(even, 1, 1_234_567), "i32")
    b.constant("off", np.where(even, -64, 1 << 29), "i32")
    b.constant("shift", np.where(even, 9, 31), "u6")
    return b.add(name, Requant(out, out.min, out.max, mode), acc, "mul", "off", "shift")
