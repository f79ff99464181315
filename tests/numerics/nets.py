"""A small network with trained-looking float parameters, frozen by hand: graph, step models, ONNX bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from bittrue.ir import Graph, GraphBuilder, IntArray, IntType, Rounding
from bittrue.ir.onnx import to_bytes, to_model
from bittrue.ir.ops import Add, AvgPool, Conv, Flatten, Linear, MaxPool
from bittrue.numerics.certificate import Certificate
from bittrue.numerics.proof import prove
from bittrue.numerics.steps import BatchNorm, FloatArray, StepModel
from bittrue.numerics.synthesis import synthesize

I4, U4 = IntType(4, True), IntType(4, False)


@dataclass(frozen=True)
class Net:
    """A graph with its step models."""

    graph: Graph
    steps: dict[str, StepModel]

    @property
    def data(self) -> bytes:
        """Its ONNX file."""
        return to_bytes(to_model(self.graph))

    def proof(self) -> Certificate:
        """Its certificate."""
        return prove(self.graph, self.steps, self.data)


def f32(values: FloatArray) -> FloatArray:
    """Rounded to float32, held as float64."""
    return np.asarray(values, np.float32).astype(np.float64)


@dataclass
class Freezer:
    """Builds a network layer by layer."""

    builder: GraphBuilder
    rng: np.random.Generator
    steps: dict[str, StepModel]

    def constant(self, name: str, values: IntArray, elem: IntType | None = None) -> str:
        """A constant, of the smallest type without one."""
        smallest = IntType.smallest(min(int(values.min()), -1), max(int(values.max()), 1))
        return self.builder.constant(name, values, elem or smallest)

    def weight(self, name: str, *shape: int) -> str:
        """Random 4-bit weights."""
        return self.constant(f"{name}.weight", self.rng.integers(-7, 8, shape), I4)

    def requant(self, name: str, acc: str, out: IntType, model: StepModel, axis: int = 0) -> str:
        """The exact requantization of a model."""
        graph = Graph("", tuple(self.builder.nodes), self.builder.constants, ())
        bounds, rank = graph.ranges[acc], len(graph.types[acc].shape)
        others = tuple(a for a in range(rank) if a != axis or model.channels == 1)
        params = synthesize(model, bounds.lo.min(others).reshape(-1), bounds.hi.max(others).reshape(-1), layer=name)
        operands = [self.constant(f"{name}.{part}", getattr(params, part)) for part in
                    ("multiplier", "offset", "shift")]
        self.steps[name] = model
        return self.builder.add(name, params.op(out, axis), acc, *operands)

    def norm(self, channels: int) -> BatchNorm:
        """Batch norm with gammas of both signs, one of them zero."""
        gamma = self.rng.normal(0, 1, channels)
        gamma[-1] = 0
        return BatchNorm(f32(gamma), f32(self.rng.normal(0, 0.3, channels)), f32(self.rng.normal(0, 0.3, channels)),
                         f32(self.rng.random(channels) + 0.1), 1e-5)


def small_net(seed: int = 0, *, slope: float = 0.1, rounding: Rounding = Rounding.HALF_EVEN) -> Net:
    """Conv, batch norm, LeakyReLU, pooling, a residual convolution with ReLU6, global pooling, a linear layer."""
    f = Freezer(GraphBuilder("net"), np.random.default_rng(seed), {})
    b, rng = f.builder, f.rng
    x = b.input("x", (2, 5, 7), "u4")
    acc = b.add("conv1", Conv((1, 2), (1, 0, 1, 1)), x, f.weight("conv1", 3, 2, 3, 2))
    model = StepModel(3, (f32([0.041]), f32(rng.random(3) * 0.1 + 0.01)), f32([0.21]), rounding, -8, 7,
                      batch_norm=f.norm(3), slope=slope, source="conv1, bn1, act1")
    h = f.requant("act1", acc, I4, model)
    p = b.add("pool1", MaxPool((2, 2), (1, 1)), h)
    acc2 = b.add("conv2", Conv((1, 1), (0, 0, 0, 0)), p, f.weight("conv2", 3, 3, 1, 1))
    model2 = StepModel(3, (f32([0.21]), f32(rng.random(3) * 0.1 + 0.02)), f32([0.21]), rounding, -8, 7,
                       bias=f32(rng.normal(0, 1, 3)), clip=(0.0, 6.0), source="conv2, act2")
    h2 = f.requant("act2", acc2, I4, model2)
    total = b.add("sum", Add(IntType(5, True)), p, h2)
    pooled = b.add("gap", AvgPool(IntType(12, True), divisor=1), total)
    flat = b.add("flat", Flatten(), pooled)
    area = int(np.prod(Graph("", tuple(b.nodes), b.constants, ()).types["sum"].shape[1:]))
    mean = StepModel(1, (f32([0.21]),), f32([0.13]), Rounding.HALF_UP, -8, 7, divisor=area, source="pool, act3")
    h3 = f.requant("act3", flat, I4, mean)
    bias = f.constant("fc.bias", rng.integers(-99, 99, 4))
    logits = b.add("fc", Linear(), h3, f.weight("fc", 4, 3), bias)
    last = StepModel(4, (f32([0.13]), f32(rng.random(4) * 0.1 + 0.02)), f32([0.4]), rounding, 0, 15, source="fc")
    return Net(b.build(f.requant("out", logits, U4, last)), f.steps)


def with_constant(graph: Graph, name: str, change: Callable[[IntArray], IntArray]) -> Graph:
    """A copy with another constant."""
    old = graph.constants[name]
    values = change(old.values)
    elem = IntType.smallest(min(int(values.min()), -1), max(int(values.max()), 1))
    return replace(graph, constants={**graph.constants, name: replace(old, values=values, elem=elem)})
