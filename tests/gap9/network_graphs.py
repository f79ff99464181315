"""Graphs written down in a line per node, with random weights, for the tests of what is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bittrue.ir import Graph, GraphBuilder, IntType, Op, Rounding
from bittrue.ir.ops import Conv, Flatten, Linear, Requant

U8, I8 = IntType(8, False), IntType(8, True)


@dataclass
class Net:
    """A graph in the making; every method returns the new node's name."""

    seed: int = 0
    builder: GraphBuilder = field(default_factory=lambda: GraphBuilder("net"))

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)

    def input(self, *shape: int, name: str = "x", elem: str = "i8") -> str:
        return self.builder.input(name, shape, elem)

    def add(self, name: str, op: Op, *inputs: str) -> str:
        return self.builder.add(name, op, *inputs)

    def constant(self, shape: Sequence[int], lo: int, hi: int) -> str:
        name = f"k{len(self.builder.constants)}"
        return self.builder.constant(name, self.random.integers(lo, hi + 1, tuple(shape)), IntType.smallest(lo, hi))

    def conv(self, name: str, x: str, weight: tuple[int, ...], limit: int = 127, bias: bool = True, **op: Any) -> str:
        """A convolution with weights (O, I/groups, *K) of -limit..limit."""
        rank = len(weight) - 2
        whole = {"stride": (1,) * rank, "pads": (0, 0) * rank, "dilation": (1,) * rank} | op
        operands = [self.constant(weight, -limit, limit)] + [self.constant(weight[:1], -999, 999)] * bias
        return self.add(name, Conv(**whole), x, *operands)

    def linear(self, name: str, x: str, outputs: int, inputs: int, limit: int = 127) -> str:
        """A linear layer."""
        return self.add(name, Linear(), x, self.constant((outputs, inputs), -limit, limit),
                        self.constant((outputs,), -999, 999))

    def requant(self, name: str, x: str, channels: int = 1, elem: IntType = I8, shift: int = 17, **op: Any) -> str:
        """A requantization of sums to 8 bits, by about 2**(10 - shift)."""
        numbers = (self.constant((channels,), 900, 1100), self.constant((channels,), -5000, 5000),
                   self.constant((channels,), shift, shift + 1))
        whole = {"lo": elem.min, "hi": elem.max, "rounding": Rounding.HALF_UP} | op
        return self.add(name, Requant(elem, **whole), x, *numbers)

    def flatten(self, name: str, x: str) -> str:
        return self.add(name, Flatten(), x)

    def build(self, *outputs: str) -> Graph:
        return self.builder.build(*outputs)
