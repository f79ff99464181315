"""Random networks for the engine's tests: wider and deeper than those of `strategies`, and with extreme values."""

from __future__ import annotations

import numpy as np

from bittrue.ir import Graph, GraphBuilder, IntArray, IntType, Rounding
from bittrue.ir.ops import (
    Abs,
    Add,
    AvgPool,
    BitOr,
    BitXor,
    Clip,
    Concat,
    Conv,
    Flatten,
    LeakyRelu,
    Linear,
    Lookup,
    MaxPool,
    Relu,
    Requant,
    Slice,
    Sub,
)

EXTREMES = np.array([-128, -128, 127, 127, 0, 5])
NARROW = [IntType.parse(text) for text in ("u8", "i8", "u4", "i4")]


class Net:
    """Builds a random network node by node; every choice comes from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.builder = GraphBuilder(f"net {seed}")

    def name(self, kind: str) -> str:
        """A fresh name."""
        return f"{kind}{len(self.builder.nodes)}"

    def constant(self, values: IntArray, elem: str) -> str:
        """A constant under a fresh name."""
        return self.builder.constant(f"k{len(self.builder.constants)}", values, elem)

    def shape(self, x: str) -> tuple[int, ...]:
        """Shape of a tensor that exists."""
        return Graph("", tuple(self.builder.nodes), self.builder.constants, ()).types[x].shape

    def input(self) -> str:
        """An input image."""
        channels, height, width = (int(v) for v in self.random.integers(1, (12, 10, 10)))
        return self.builder.input("x", (channels, height, width), str(self.random.choice(["u8", "i8", "u5", "i3"])))

    def weight(self, *shape: int) -> str:
        """Random or extreme 8-bit weights."""
        values = (self.random.choice(EXTREMES, shape) if self.random.random() < 0.5
                  else self.random.integers(-128, 128, shape))
        return self.constant(values, "i8")

    def conv(self, x: str) -> str:
        """A convolution with any geometry that fits."""
        channels, *size = self.shape(x)
        pads = self.random.integers(0, 3, 4)
        kernel = [int(self.random.integers(1, min(4, s + pads[i] + pads[i + 2] + 1))) for i, s in enumerate(size)]
        dilation = [1 + int(self.random.random() < 0.2 and 2 * k - 1 <= s) for k, s in zip(kernel, size, strict=True)]
        groups = int(self.random.choice([g for g in (1, 1, 1, 2, channels) if channels % g == 0]))
        outputs = groups * int(self.random.integers(1, max(2, 70 // groups)))
        bias = [self.constant(self.random.integers(-5000, 5000, outputs), "i16")] * int(self.random.random() < 0.5)
        stride = tuple(int(s) for s in self.random.integers(1, 3, 2))
        op = Conv(stride, tuple(int(p) for p in pads), tuple(dilation), groups)
        return self.builder.add(self.name("conv"), op, x, self.weight(outputs, channels // groups, *kernel), *bias)

    def requant(self, x: str, out: IntType | None = None) -> str:
        """A requantization that uses the range of the output, with any rounding, slope and kind of multiplier."""
        graph = Graph("", tuple(self.builder.nodes), self.builder.constants, ())
        channels, reach = graph.types[x].shape[0], graph.ranges[x]
        out = out or NARROW[self.random.integers(len(NARROW))]
        count = channels if self.random.random() < 0.7 else 1
        widest = max(1, int(reach.hi.max()), -int(reach.lo.min()))
        scale = self.random.uniform(2, 12, count) * (out.max + 1) / widest
        kind = self.random.integers(3)
        shift = np.clip(np.floor(-np.log2(scale)) + (0, 7, 20)[kind], 0, 40).astype(np.int64)
        mul = np.maximum(np.rint(scale * 2.0**shift), 1).astype(np.int64)
        if self.random.random() < 0.2:
            mul[0] *= -1
        off = self.random.integers(-3, 4, count) * (1 << shift) // 2
        lo = 0 if self.random.random() < 0.3 else out.min
        slope = [(1, 0), (1, 0), (0, 0), (13, 8)][self.random.integers(4)]
        rounding = list(Rounding)[self.random.integers(len(Rounding))]
        return self.builder.add(self.name("requant"), Requant(out, lo, out.max, rounding, *slope), x,
                                self.constant(mul, "i45"), self.constant(off, "i60"), self.constant(shift, "u6"))

    def pointwise(self, x: str) -> str:
        """An activation of a narrow or wide tensor."""
        graph = Graph("", tuple(self.builder.nodes), self.builder.constants, ())
        elem = graph.types[x].elem
        choice = [Relu(), LeakyRelu(13, 7), Clip(elem.min // 2, elem.max // 2), Abs()][self.random.integers(4)]
        if elem.bits <= 8 and self.random.random() < 0.4:
            table = self.constant(self.random.integers(-128, 128, 1 << elem.bits), "i8")
            return self.builder.add(self.name("lookup"), Lookup(elem.min), x, table)
        return self.builder.add(self.name("act"), choice, x)

    def pool(self, x: str) -> str:
        """A maximum or an average pool."""
        size = self.shape(x)[1:]
        kernel = tuple(int(self.random.integers(1, min(s, 3) + 1)) for s in size)
        stride = tuple(int(s) for s in self.random.integers(1, 3, 2))
        pads = tuple(int(self.random.integers(0, k)) for k in (*kernel, *kernel))
        if self.random.random() < 0.6:
            return self.builder.add(self.name("max"), MaxPool(kernel, stride, pads), x)
        rounding = list(Rounding)[self.random.integers(len(Rounding))]
        return self.builder.add(self.name("avg"), AvgPool(IntType(10, True), kernel, stride, pads, 0, rounding), x)

    def crop(self, x: str) -> str:
        """A part of a tensor."""
        starts = [int(self.random.integers(0, s)) for s in self.shape(x)]
        ends = [int(self.random.integers(b + 1, s + 1)) for b, s in zip(starts, self.shape(x), strict=True)]
        return self.builder.add(self.name("crop"), Slice(tuple(starts), tuple(ends)), x)

    def join(self, x: str) -> str:
        """Two branches of a tensor, added, subtracted, concatenated or joined bit by bit."""
        out = NARROW[self.random.integers(len(NARROW))]
        a, b = self.requant(x, out), self.requant(x, out)
        op = [Add(IntType(12, True)), Sub(IntType(12, True)), Concat(0), BitOr(), BitXor()][self.random.integers(5)]
        return self.builder.add(self.name("join"), op, a, b)


def random_net(seed: int) -> Graph:
    """A network of convolutions, activations, pools, branches, and a fully connected end."""
    net = Net(seed)
    x = net.input()
    for _ in range(int(net.random.integers(1, 4))):
        acc = net.conv(x)
        if net.random.random() < 0.2:
            acc = net.pointwise(acc)
        x = net.requant(acc)
        for step in (net.pointwise, net.pool, net.join, net.crop):
            if net.random.random() < 0.35:
                x = net.requant(step(x))
    kept = [x] * int(net.random.random() < 0.3)
    x = net.builder.add("flat", Flatten(), x)
    x = net.builder.add("fc", Linear(), x, net.weight(int(net.random.integers(1, 40)), net.shape(x)[0]))
    return net.builder.build(net.requant(x) if net.random.random() < 0.5 else x, *kept)


def random_batch(graph: Graph, seed: int, size: int) -> dict[str, IntArray]:
    """Inputs for a graph, half of them at the ends of the type."""
    random = np.random.default_rng(seed)
    tensor = graph.types["x"]
    values = random.integers(tensor.elem.min, tensor.elem.max + 1, (size, *tensor.shape))
    ends = random.choice([tensor.elem.min, tensor.elem.max], values.shape)
    return {"x": np.where(random.random((size, 1, 1, 1)) < 0.5, ends, values)}
