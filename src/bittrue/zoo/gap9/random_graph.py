"""The networks as integer graphs with random weights, on images that are not square: NumPy alone, at once.

Requantizations are made for what random samples give, so every tensor uses the range of its type and no output is
constant. They differ in rounding, in the bits of their multipliers, and in being per channel or not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ...ir import Graph, GraphBuilder, IntArray, IntType, Op, Rounding
from ...ir.ops import Add, AvgPool, Concat, Conv, Flatten, Linear, MaxPool, Pad, Requant, Transpose
from .table import NETWORKS
from .topology import Kind, Shape, Step

U8, I8, I32 = IntType(8, False), IntType(8, True), IntType(32, True)
LONG, SHORT = 29, 6
"""Bits of multipliers, at least."""
SEVERAL, SEVERAL_BELOW = 8, 1_000_000
"""Random samples, in networks of few multiply-accumulates; else one."""
PER_CHANNEL = 0.75
"""How many requantizations have numbers for every channel."""
ROUNDINGS = ((SHORT, Rounding.HALF_UP), (SHORT, Rounding.FLOOR), (LONG, Rounding.HALF_UP), (LONG, Rounding.HALF_EVEN),
             (LONG, Rounding.HALF_AWAY), (LONG, Rounding.TOWARD_ZERO), (LONG, Rounding.FLOOR))
"""What a requantization is drawn from. Short multipliers meet ties, with which only some roundings are fast."""


def random_graph(name: str, seed: int = 0, scale: float = 1.0) -> Graph:
    """The network `name` of `NETWORKS` with random weights, channels and image times `scale`, the image made wider."""
    network = NETWORKS[name]
    topology = network.topology(scale, not_square(network.input, scale, network.least))
    drawing = _Drawing(f"{name}_{seed}", np.random.default_rng(seed))
    drawing.input(topology.input, 1 if topology.macs > SEVERAL_BELOW else SEVERAL)
    for step in topology.steps:
        drawing.step(step)
    return drawing.builder.build(drawing.names[topology.steps[-1].name])


def small_graph(name: str, seed: int = 0) -> Graph:
    """`random_graph` at the scale that is meant for tests."""
    return random_graph(name, seed, NETWORKS[name].small)


def not_square(shape: Shape, scale: float, least: int) -> Shape:
    """An image (C, H, W) times `scale`, a quarter wider; rows (tokens, features) and vectors just scaled.

    >>> not_square((3, 32, 32), 0.5, 8), not_square((1, 49, 10), 0.1, 8), not_square((640,), 0.1, 8)
    ((3, 16, 20), (1, 8, 11), (64,))
    """
    if len(shape) < 3:
        return tuple(max(4, round(length * scale)) for length in shape)
    channels, height, width = shape
    rows = max(least, round(height * scale))
    columns = max(least, round(width * scale * 1.25))
    return channels, rows, columns if columns != rows else rows + 3


def channel_axis(values: IntArray) -> int:
    """The axis of the sample that counts channels: the last of rows (tokens, features), else the first."""
    return 1 if values.ndim == 3 else 0


@dataclass
class _Drawing:
    """A graph in the making, with the values that random samples have in it."""

    name: str
    random: np.random.Generator
    values: dict[str, IntArray] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    """The tensor that each step gives."""
    types: dict[str, IntType] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.builder = GraphBuilder(self.name)

    def input(self, shape: Shape, samples: int) -> None:
        """The input "x": unsigned bytes."""
        self.builder.input("x", shape, U8)
        self.values["x"], self.names["x"] = self.random.integers(0, 256, (samples, *shape)), "x"
        self.types["x"] = U8

    def step(self, step: Step) -> None:
        """Add what a step needs."""
        sources = [self.names[source] for source in step.sources]
        self.names[step.name] = MAKERS[step.kind](self, step, *sources)

    def add(self, name: str, op: Op, elem: IntType, *operands: str) -> str:
        """A node whose value has the type `elem`."""
        arrays = [self.values[o] if o in self.values else self.builder.constants[o].values for o in operands]
        self.values[name], self.types[name] = op.run(*arrays), elem
        return self.builder.add(name, op, *operands)

    def constant(self, name: str, values: object) -> str:
        """A constant of the smallest type."""
        array = np.asarray(values, np.int64)
        return self.builder.constant(name, array, IntType.smallest(int(array.min()), int(array.max())))

    def requant(self, name: str, acc: str, relu: bool) -> str:
        """A requantization that brings the values of `acc` to the whole range of a byte."""
        out, axis = (U8 if relu else I8), channel_axis(self.values[acc])
        bits, rounding = ROUNDINGS[self.random.integers(len(ROUNDINGS))]
        step = self.largest(acc, axis) / out.max / self.random.uniform(0.9, 1.3)
        shift = np.maximum(bits + np.floor(np.log2(step)).astype(np.int64), 0)
        offset = np.rint(self.random.uniform(-9, 9, len(step)) * 2.0 ** shift)
        parameters = (self.constant(f"{name}_multiplier", np.maximum(np.rint(2.0 ** shift / step), 1)),
                      self.constant(f"{name}_offset", offset), self.constant(f"{name}_shift", shift))
        return self.add(name, Requant(out, out.min, out.max, rounding, axis=axis), out, acc, *parameters)

    def largest(self, acc: str, axis: int) -> NDArray[np.float64]:
        """The largest magnitude of every channel, or of all."""
        channels = np.moveaxis(np.abs(self.values[acc]), axis + 1, 0).reshape(self.values[acc].shape[axis + 1], -1)
        found = channels.max(axis=1) if self.random.random() < PER_CHANNEL else channels.max(keepdims=True)[0]
        largest: NDArray[np.float64] = np.maximum(found, 1).astype(np.float64)
        return largest

    def layer(self, step: Step, op: Op, x: str) -> str:
        """A layer with weights; the last one gives its sums."""
        kernel = step.kernel or ()
        shape = (step.outputs, step.inputs // step.groups, *kernel)
        weights = np.clip(np.rint(self.random.normal(0, 40, shape)), -127, 127)
        bias = self.random.integers(-2000, 2000, step.outputs)
        acc = self.add(step.name, op, I32, x, self.constant(f"{step.name}_weight", weights),
                       self.constant(f"{step.name}_bias", bias))
        return self.requant(f"{step.name}_quant", acc, step.relu) if step.relu or step.norm else acc

    def conv(self, step: Step, x: str) -> str:
        return self.layer(step, Conv(step.stride, step.padding * 2, groups=step.groups), x)

    def linear(self, step: Step, x: str) -> str:
        return self.layer(step, Linear(), x)

    def max_pool(self, step: Step, x: str) -> str:
        return self.add(step.name, MaxPool(step.kernel or (), step.stride), self.types[x], x)

    def avg_pool(self, step: Step, x: str) -> str:
        """The exact sum, then a requantization, which divides."""
        whole = step.kernel is None
        op = AvgPool(I32, divisor=1) if whole else AvgPool(I32, step.kernel or (), step.stride, divisor=1)
        return self.requant(f"{step.name}_quant", self.add(step.name, op, I32, x), not self.types[x].signed)

    def sum(self, step: Step, a: str, b: str) -> str:
        out = IntType.smallest(self.types[a].min + self.types[b].min, self.types[a].max + self.types[b].max)
        return self.requant(f"{step.name}_quant", self.add(step.name, Add(out), out, a, b), True)

    def cat(self, step: Step, *operands: str) -> str:
        return self.add(step.name, Concat(), self.types[operands[0]], *operands)

    def pad(self, step: Step, x: str) -> str:
        top, left, bottom, right = step.pads
        return self.add(step.name, Pad((0, top, left, 0, bottom, right)), self.types[x], x)

    def flatten(self, step: Step, x: str) -> str:
        return self.add(step.name, Flatten(), self.types[x], x)

    def transpose(self, step: Step, x: str) -> str:
        return self.add(step.name, Transpose((1, 0)), self.types[x], x)


MAKERS: Mapping[Kind, Callable[..., str]] = {
    Kind.CONV: _Drawing.conv, Kind.LINEAR: _Drawing.linear, Kind.MAX_POOL: _Drawing.max_pool,
    Kind.AVG_POOL: _Drawing.avg_pool, Kind.ADD: _Drawing.sum, Kind.CAT: _Drawing.cat, Kind.PAD: _Drawing.pad,
    Kind.FLATTEN: _Drawing.flatten, Kind.TRANSPOSE: _Drawing.transpose,
}
