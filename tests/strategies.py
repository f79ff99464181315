"""Random valid graphs and inputs for property tests.

`graphs()` draws graphs of every op, in 1-D and 2-D, on images that are seldom square; `batch` makes inputs for one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from hypothesis import strategies as st

from bittrue.ir import I32, Graph, GraphBuilder, IntArray, IntType, Op, Range, Rounding, Scale, TensorType
from bittrue.ir.ops import (
    Abs,
    Add,
    AvgPool,
    BitOr,
    BitXor,
    Clip,
    Concat,
    Conv,
    ConvTranspose,
    Flatten,
    LeakyRelu,
    Linear,
    Lookup,
    MatMul,
    MaxPool,
    Pad,
    Relu,
    Requant,
    Reshape,
    Slice,
    Sub,
    Transpose,
)

Draw = Callable[[st.SearchStrategy[Any]], Any]

NARROW = [IntType.parse(t) for t in ("u1", "i2", "i3", "u4", "i4", "i8", "u8")]
"""Types of inputs, weights and activations."""
SLOPES = [(1, 0), (0, 0), (13, 8), (1, 3)]
"""Slopes of a requantization below zero: none, ReLU, two LeakyReLUs."""

roundings = st.sampled_from(list(Rounding))
narrow_types = st.sampled_from(NARROW)


def batch(graph: Graph, seed: int, size: int = 3) -> dict[str, IntArray]:
    """Random inputs for a graph: (size, *shape) each, the first sample at the upper ends of the types, the second at
    the lower ends."""
    rng = np.random.default_rng(seed)
    inputs = {}
    for node in graph.inputs:
        tensor = graph.types[node.name]
        values = rng.integers(tensor.elem.min, tensor.elem.max + 1, (size, *tensor.shape), dtype=np.int64)
        values[0], values[1:2] = tensor.elem.max, tensor.elem.min
        inputs[node.name] = values
    return inputs


def within(tensor: TensorType, seed: int, size: int = 3) -> IntArray:
    """Random values (size, *shape) of a tensor type."""
    rng = np.random.default_rng(seed)
    return rng.integers(tensor.elem.min, tensor.elem.max + 1, (size, *tensor.shape), dtype=np.int64)


@dataclass
class Making:
    """A graph in the making: what has been drawn so far."""

    draw: Draw
    builder: GraphBuilder = field(default_factory=lambda: GraphBuilder("random"))

    @property
    def graph(self) -> Graph:
        """The graph so far, without outputs."""
        return Graph("random", tuple(self.builder.nodes), self.builder.constants, ())

    def pick(self, *ranks: int, bits: int = 32) -> tuple[str, TensorType] | None:
        """One of the tensors of these ranks (of any, without) with at most so many bits, if there is one."""
        types = self.graph.types
        fit = [n.name for n in self.builder.nodes if len(types[n.name].shape) in (ranks or range(9))
               and types[n.name].elem.bits <= bits]
        name = self.draw(st.sampled_from(fit)) if fit else None
        return (name, types[name]) if name else None

    def integer(self, lo: int, hi: int) -> int:
        """An integer of lo..hi."""
        return int(self.draw(st.integers(lo, hi)))

    def integers(self, count: int, lo: int, hi: int) -> tuple[int, ...]:
        """`count` integers of lo..hi."""
        return tuple(self.integer(lo, hi) for _ in range(count))

    def constant(self, shape: Sequence[int], elem: IntType, lo: int | None = None, hi: int | None = None) -> str:
        """A constant with random values."""
        rng = np.random.default_rng(self.integer(0, 2**32))
        low, high = elem.min if lo is None else lo, elem.max if hi is None else hi
        return self.builder.constant(f"k{len(self.builder.constants)}",
                                     rng.integers(low, high + 1, tuple(shape), dtype=np.int64), elem)

    def add(self, op: Op, *inputs: str) -> None:
        """A node, sometimes with a scale."""
        scale = self.draw(st.none() | st.builds(Scale, st.tuples(st.floats(2**-20, 4)), st.integers(0, 1),
                                                st.sampled_from(Rounding), st.none() | st.just((0, 0))))
        self.builder.add(f"n{len(self.builder.nodes)}", op, *inputs, scale=scale)

    def bounds(self, op: Op, *inputs: str) -> Range:
        """Range of an op on existing tensors."""
        ranges, types = self.graph.ranges, self.graph.types
        return op.bounds(*(ranges[i].broadcast(types[i].shape) for i in inputs))

    def out_type(self, make: Callable[[IntType], Op], *inputs: str) -> IntType:
        """A type that holds what the op makes of these tensors."""
        reach = self.bounds(make(I32), *inputs)
        smallest = IntType.smallest(int(reach.lo.min()), int(reach.hi.max()))
        return smallest if smallest.bits > 31 or self.draw(st.booleans()) else I32


def _geometry(m: Making, size: Sequence[int], dilated: bool = True) -> dict[str, Any]:
    """Kernel, stride, pads and dilation of a window that fits; pads may be asymmetric."""
    rank = len(size)
    pads = m.integers(2 * rank, 0, 2)
    kernel, dilation = [], []
    for s, before, after in zip(size, pads[:rank], pads[rank:], strict=True):
        kernel.append(m.integer(1, min(3, s + before + after)))
        fits_twice = 2 * (kernel[-1] - 1) < s + before + after
        dilation.append(m.integer(1, 1 + (dilated and fits_twice)))
    return {"kernel": tuple(kernel), "stride": m.integers(rank, 1, 2), "pads": pads, "dilation": tuple(dilation)}


def _conv(m: Making) -> None:
    if picked := m.pick(2, 3, bits=8):
        name, (channels, *size) = picked[0], picked[1].shape
        groups = m.draw(st.sampled_from([g for g in range(1, channels + 1) if channels % g == 0]))
        geometry, outputs = _geometry(m, size), groups * m.integer(1, 2)
        kernel = geometry.pop("kernel")
        weight = m.constant((outputs, channels // groups, *kernel), m.draw(narrow_types))
        bias = [m.constant((outputs,), IntType(12, True))] * m.draw(st.booleans())
        m.add(Conv(**geometry, groups=groups), name, weight, *bias)


def _conv_transpose(m: Making) -> None:
    if picked := m.pick(2, 3, bits=8):
        name, (channels, *size) = picked[0], picked[1].shape
        rank = len(size)
        groups = m.draw(st.sampled_from([g for g in range(1, channels + 1) if channels % g == 0]))
        kernel, stride, dilation = m.integers(rank, 1, 3), m.integers(rank, 1, 2), m.integers(rank, 1, 2)
        extra = tuple(m.integer(0, max(s, d) - 1) for s, d in zip(stride, dilation, strict=True))
        full = [(n - 1) * s + (k - 1) * d + 1 + e
                for n, s, k, d, e in zip(size, stride, kernel, dilation, extra, strict=True)]
        begin = [m.integer(0, min(2, f - 1)) for f in full]
        end = [m.integer(0, min(2, f - 1 - b)) for f, b in zip(full, begin, strict=True)]
        weight = m.constant((channels, m.integer(1, 2), *kernel), m.draw(narrow_types))
        m.add(ConvTranspose(stride, (*begin, *end), extra, dilation, groups), name, weight)


def _linear(m: Making) -> None:
    if picked := m.pick(1, 2, 3, bits=8):
        outputs = m.integer(1, 4)
        weight = m.constant((outputs, picked[1].shape[-1]), m.draw(narrow_types))
        bias = [m.constant((outputs,), IntType(12, True))] * m.draw(st.booleans())
        m.add(Linear(), picked[0], weight, *bias)


def _matmul(m: Making) -> None:
    if picked := m.pick(2, 3, bits=8):
        name, shape = picked[0], picked[1].shape
        rank = len(shape)
        flipped = (*range(rank - 2), rank - 1, rank - 2)
        m.add(Transpose(flipped), name)
        m.add(MatMul(), name, m.builder.nodes[-1].name)


def _requant(m: Making) -> None:
    if picked := m.pick(1, 2, 3):
        name, tensor = picked
        axis = m.integer(0, len(tensor.shape) - 1)
        shape = (tensor.shape[axis],) if m.draw(st.booleans()) else (1,)
        out = m.draw(st.sampled_from([*NARROW, IntType(16, True), I32]))
        lo, hi = sorted(m.integers(2, out.min, out.max))
        multiplier, shift = m.draw(st.sampled_from(SLOPES))
        parameters = (m.constant(shape, IntType(12, True)), m.constant(shape, IntType(32, True), -2**20, 2**20),
                      m.constant(shape, IntType(5, False), 0, 24))
        m.add(Requant(out, lo, hi, m.draw(roundings), multiplier, shift, axis), name, *parameters)


def _elementwise(m: Making) -> None:
    if picked := m.pick():
        name, elem = picked[0], picked[1].elem
        lo, hi = sorted(m.integers(2, elem.min, elem.max))
        shift = m.integer(0, 8)
        leaky = LeakyRelu(m.integer(0, 1 << shift), shift, m.draw(roundings))
        m.add(m.draw(st.sampled_from([Relu(), Abs(), Clip(lo, hi), leaky])), name)


def _lookup(m: Making) -> None:
    if picked := m.pick(bits=8):
        name, elem = picked[0], picked[1].elem
        m.add(Lookup(elem.min), name, m.constant((1 << elem.bits,), m.draw(narrow_types)))


def _max_pool(m: Making) -> None:
    if picked := m.pick(2, 3):
        size = picked[1].shape[1:]
        geometry = _geometry(m, size, dilated=False)
        kernel = geometry["kernel"]
        geometry["pads"] = tuple(min(p, k - 1) for p, k in zip(geometry["pads"], kernel * 2, strict=True))
        if all(k <= s + b for k, s, b in zip(kernel, size, geometry["pads"], strict=False)):
            m.add(MaxPool(**geometry), picked[0])


def _avg_pool(m: Making) -> None:
    if picked := m.pick(2, 3, bits=24):
        geometry = _geometry(m, picked[1].shape[1:]) if m.draw(st.booleans()) else {}
        divisor, rounding = m.integer(0, 3), m.draw(roundings)

        def make(out: IntType) -> Op:
            return AvgPool(out, **geometry, divisor=divisor, rounding=rounding)

        m.add(make(m.out_type(make, picked[0])), picked[0])


def _sum(m: Making) -> None:
    if picked := m.pick(bits=24):
        name, types = picked[0], m.graph.types
        others = [n.name for n in m.builder.nodes if types[n.name].elem.bits <= 24
                  and _broadcasts(types[n.name].shape, picked[1].shape)]
        make, other = m.draw(st.sampled_from([Add, Sub])), m.draw(st.sampled_from(others))
        m.add(make(m.out_type(make, name, other)), name, other)


def _broadcasts(a: Sequence[int], b: Sequence[int]) -> bool:
    return len(a) == len(b) and all(p == q or 1 in (p, q) for p, q in zip(a, b, strict=True))


def _bitwise(m: Making) -> None:
    if picked := m.pick():
        name, types = picked[0], m.graph.types
        others = [n.name for n in m.builder.nodes if types[n.name].elem == picked[1].elem
                  and _broadcasts(types[n.name].shape, picked[1].shape)]
        m.add(m.draw(st.sampled_from([BitOr(), BitXor()])), name, m.draw(st.sampled_from(others)))


def _concat(m: Making) -> None:
    if picked := m.pick():
        tensor, axis = picked[1], m.integer(0, len(picked[1].shape) - 1)

        def frame(t: TensorType) -> tuple[object, ...]:
            return t.elem, len(t.shape), *t.shape[:axis], *t.shape[axis + 1:]

        types = m.graph.types
        fit = [n.name for n in m.builder.nodes if frame(types[n.name]) == frame(tensor)]
        m.add(Concat(axis), picked[0], *m.draw(st.lists(st.sampled_from(fit), max_size=2)))


def _pad(m: Making) -> None:
    if picked := m.pick():
        name, tensor = picked
        pads = m.integers(2 * len(tensor.shape), 0, 1)
        m.add(Pad(pads, m.integer(max(tensor.elem.min, -9), min(tensor.elem.max, 9))), name)


def _slice(m: Making) -> None:
    if picked := m.pick():
        spans = [(b, m.integer(b + 1, s)) for s in picked[1].shape for b in m.integers(1, 0, s - 1)]
        m.add(Slice(*zip(*spans, strict=True)), picked[0])


def _reorder(m: Making) -> None:
    if picked := m.pick():
        tensor = picked[1]
        perm = m.draw(st.permutations(range(len(tensor.shape))))
        shape = (tensor.shape[0], prod(tensor.shape[1:]))
        m.add(m.draw(st.sampled_from([Transpose(tuple(perm)), Flatten(), Reshape(shape)])), picked[0])


MAKERS: dict[str, Callable[[Making], None]] = {
    "conv": _conv, "conv_transpose": _conv_transpose, "linear": _linear, "matmul": _matmul, "requant": _requant,
    "elementwise": _elementwise, "lookup": _lookup, "max_pool": _max_pool, "avg_pool": _avg_pool, "sum": _sum,
    "bitwise": _bitwise, "concat": _concat, "pad": _pad, "slice": _slice, "reorder": _reorder,
}
"""What can be added to a graph; each maker adds a node if some tensor suits it."""

MAX_SIZE = 600
"""Nothing is added to a graph once a tensor has more elements, or the tests would be slow."""


@st.composite
def graphs(draw: Draw, makers: Sequence[str] = tuple(MAKERS), max_nodes: int = 6, dead: bool = False) -> Graph:
    """A verified graph of up to `max_nodes` steps drawn from `makers`. Its outputs are all tensors that nothing reads;
    with `dead`, any tensors, so that there may be unused nodes and constants."""
    m = Making(draw)
    for i in range(m.integer(1, 2)):
        rank = m.integer(1, 2)
        m.builder.input(f"x{i}", (m.integer(1, 4), *m.integers(rank, 1, 6)), draw(narrow_types))
    for _ in range(m.integer(1, max_nodes)):
        MAKERS[draw(st.sampled_from(makers))](m)
        if max(t.size for t in m.graph.types.values()) > MAX_SIZE:
            break
    if all(node.op.kind == "Input" for node in m.builder.nodes):
        m.add(Relu(), m.builder.nodes[0].name)
    names = [node.name for node in m.builder.nodes]
    users = m.graph.users
    sinks = [name for name in names if not users[name] and m.graph.node[name].op.kind != "Input"]
    return m.builder.build(*(draw(st.lists(st.sampled_from(names), min_size=1, unique=True)) if dead else sinks))
