"""Small integer graphs for whole projects: nothing square, every kernel somewhere."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bittrue.ir import Graph, GraphBuilder, IntType, Rounding
from bittrue.ir.ops import Add, AvgPool, Concat, Conv, Flatten, LeakyRelu, Linear, Lookup, MaxPool, Pad, Requant


class Builder(GraphBuilder):
    """A graph with random weights; names are `kind` and number."""

    def __init__(self, name: str, seed: int) -> None:
        super().__init__(name)
        self.random = np.random.default_rng(seed)

    def requant(self, x: str, channels: int, elem: str = "u8", rounding: Rounding = Rounding.HALF_UP,
                gain: int = 9) -> str:
        """Per channel, with offsets; `gain` is about how many bits are dropped."""
        name, kind = f"q{len(self.nodes)}", IntType.parse(elem)
        parameters = (self.constant(f"{name}_m", self.random.integers(1 << 13, 1 << 14, channels), "i32"),
                      self.constant(f"{name}_o", self.random.integers(-1 << 16, 1 << 16, channels), "i32"),
                      self.constant(f"{name}_s", np.full(channels, 13 + gain), "i8"))
        return self.add(name, Requant(kind, kind.min, kind.max, rounding), x, *parameters)

    def conv(self, x: str, inputs: int, outputs: int, kernel: tuple[int, int], stride: tuple[int, int] = (1, 1),
             pads: tuple[int, int, int, int] = (0, 0, 0, 0), groups: int = 1, bits: int = 8, **rest: object) -> str:
        """A convolution and its requantization."""
        name = f"conv{len(self.nodes)}"
        weight = self.constant(f"{name}_w", self._weights((outputs, inputs // groups, *kernel), bits), f"i{bits}")
        bias = self.constant(f"{name}_b", self.random.integers(-500, 500, outputs), "i16")
        acc = self.add(name, Conv(stride, pads, groups=groups), x, weight, bias)
        return self.requant(acc, outputs, gain=bits, **rest)  # type: ignore[arg-type]

    def linear(self, x: str, inputs: int, outputs: int) -> str:
        """A linear layer, whose sums are the result."""
        name = f"linear{len(self.nodes)}"
        bias = self.constant(f"{name}_b", self.random.integers(-500, 500, outputs), "i16")
        return self.add(name, Linear(), x, self.constant(f"{name}_w", self._weights((outputs, inputs), 8), "i8"), bias)

    def _weights(self, shape: tuple[int, ...], bits: int) -> np.ndarray:
        return self.random.integers(-(1 << bits - 1), 1 << bits - 1, shape)


def chain(seed: int = 1) -> Graph:
    """Convolutions, a pooling, a pointwise convolution, a linear layer."""
    b = Builder("chain", seed)
    x = b.input("x", (3, 12, 16), "i8")
    x = b.conv(x, 3, 16, (3, 3), pads=(1, 1, 1, 1))
    x = b.conv(x, 16, 32, (3, 3), pads=(1, 1, 1, 1))
    x = b.add("pool", MaxPool((2, 2), (2, 2)), x)
    x = b.conv(x, 32, 44, (3, 2), pads=(1, 0, 1, 1), bits=4)
    x = b.conv(x, 44, 24, (1, 1), rounding=Rounding.HALF_EVEN)
    return b.build(b.linear(b.add("flat", Flatten(), x), 24 * 6 * 8, 10))


def branches(seed: int = 2) -> Graph:
    """A residual block, a concatenation, depthwise convolutions, averages, tables: many tensors live at once."""
    b = Builder("branches", seed)
    x = b.input("x", (5, 14, 9), "u8")
    stem = b.conv(x, 5, 24, (3, 3), (2, 1), (1, 1, 1, 1), elem="i8")
    deep = b.conv(stem, 24, 24, (3, 3), pads=(1, 1, 1, 1), groups=24, elem="i8")
    deep = b.conv(deep, 24, 24, (1, 1), elem="i8")
    total = b.requant(b.add("sum", Add(IntType.parse("i9")), stem, deep), 24, elem="i8", gain=1)
    leaky = b.add("leaky", LeakyRelu(13, 8), total)
    wide = b.conv(leaky, 24, 12, (3, 3), pads=(1, 1, 1, 1))
    slim = b.conv(leaky, 24, 7, (1, 1), bits=2)
    both = b.add("both", Concat(0), wide, slim)
    table = b.constant("curve", (np.arange(256) * np.arange(256)) // 256, "u8")
    curve = b.add("curved", Lookup(), both, table)
    padded = b.add("padded", Pad((0, 1, 0, 0, 0, 2), 3), curve)
    mean = b.add("mean", AvgPool(IntType.parse("u8"), (2, 3), (2, 2)), padded)
    return b.build(b.add("global", AvgPool(IntType.parse("u8")), mean), leaky)


GRAPHS: dict[str, Callable[[], Graph]] = {"chain": chain, "branches": branches}
