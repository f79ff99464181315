"""Frozen graphs as a user's model gives them: data of 8 bits, requantizations by shifts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bittrue.ir import Graph, GraphBuilder
from bittrue.ir.op import Op
from bittrue.ir.ops import Add, AvgPool, Concat, Conv, ConvTranspose, Flatten, Linear, MaxPool, Requant
from bittrue.ir.rounding import Rounding
from bittrue.ir.types import IntType

I8 = IntType(8, True)


@dataclass
class Net:
    """Builds a graph step by step; methods return the name of the tensor that they made."""

    rng: np.random.Generator
    builder: GraphBuilder = field(default_factory=lambda: GraphBuilder("net"))
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    count: int = 0

    def input(self, *shape: int) -> str:
        self.shapes["x"] = shape
        return self.builder.input("x", shape, I8)

    def add(self, op: Op, *inputs: str) -> str:
        self.count += 1
        return self.builder.add(f"n{self.count}", op, *inputs)

    def constant(self, values: Any, elem: str) -> str:
        self.count += 1
        return self.builder.constant(f"c{self.count}", values, elem)

    def requant(self, acc: str, shift: Any = 9, lo: int = 0, hi: int = 127, multiplier: Any = 1, offset: Any = 0,
                rounding: Rounding = Rounding.HALF_UP, axis: int = 0) -> str:
        parts = [np.atleast_1d(np.asarray(v)) for v in (multiplier, offset, shift)]
        size = max(p.size for p in parts)
        names = [self.constant(np.broadcast_to(p, size), t) for p, t in zip(parts, ("i16", "i32", "u6"), strict=True)]
        return self.add(Requant(I8, lo, hi, rounding, axis=axis), acc, *names)

    def conv(self, x: str, channels: int, outputs: int, kernel: tuple[int, ...] = (3, 3), bits: int = 8,
             bias: bool = True, **geometry: Any) -> str:
        """A convolution's sums."""
        groups = geometry.get("groups", 1)
        shape = (outputs, channels // groups, *kernel)
        weight = self.constant(self.rng.integers(-(1 << bits - 1), 1 << bits - 1, shape), f"i{bits}")
        names = [x, weight]
        if bias:
            names.append(self.constant(128 * self.rng.integers(-128, 128, outputs), "i16"))
        return self.add(Conv(**geometry), *names)

    def transpose(self, x: str, channels: int, outputs: int, **changes: Any) -> str:
        weight = self.constant(self.rng.integers(-128, 128, (channels, outputs, 3, 3)), "i8")
        geometry = {"stride": (2, 2), "pads": (1, 1, 1, 1), "output_padding": (1, 1)} | changes
        return self.add(ConvTranspose(**geometry), x, weight)

    def linear(self, x: str, inputs: int, outputs: int) -> str:
        return self.add(Linear(), x, self.constant(self.rng.integers(-128, 128, (outputs, inputs)), "i8"))

    def saturated_sum(self, *tensors: str) -> str:
        total = tensors[0]
        for tensor in tensors[1:]:
            total = self.add(Add(IntType(12, True)), total, tensor)
        return self.requant(total, 0, -128, 127)

    def max_pool(self, x: str, size: int = 2, stride: int = 2) -> str:
        return self.add(MaxPool((size, size), (stride, stride)), x)

    def avg_pool(self, x: str, size: int = 2, rounding: Rounding = Rounding.TOWARD_ZERO) -> str:
        return self.add(AvgPool(I8, (size, size), (size, size), rounding=rounding), x)

    def concat(self, *tensors: str) -> str:
        return self.add(Concat(0), *tensors)

    def flatten(self, x: str) -> str:
        return self.add(Flatten(), x)

    def build(self, *outputs: str) -> Graph:
        return self.builder.build(*outputs)
