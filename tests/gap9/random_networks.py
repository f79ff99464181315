"""Random networks of a useful size for the cluster: every op that it has a kernel for, on images and rows of any shape,
with values that are seldom all clamped. A seed gives always the same graph and the same options."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from bittrue.errors import BittrueError
from bittrue.ir import I32, Graph, GraphBuilder, IntArray, IntType, Op, Rounding, TensorType
from bittrue.ir.op import RuleViolation
from bittrue.ir.ops import (
    Abs,
    Add,
    AvgPool,
    Clip,
    Concat,
    Conv,
    Flatten,
    LeakyRelu,
    Linear,
    Lookup,
    MaxPool,
    Pad,
    Relu,
    Requant,
    Reshape,
    Slice,
    Transpose,
)

BYTES = ("i8", "u8", "i8", "u8", "i4", "u4", "u2", "i7")
ENTRIES = (*BYTES, *BYTES, "i12", "u16", "i16", "i32")
SLOPES = ((1, 0), (1, 0), (0, 0), (13, 8), (3, 4))
MOST_ELEMENTS, MOST_MACS = 30_000, 2_000_000

SMALL = dict.fromkeys(("channels", "height", "width"), 6)
MIDDLE = {"channels": 40, "height": 24, "width": 30}
DEEP = {"channels": 200, "height": 4, "width": 5}
FLAT = {"channels": 7, "height": 70, "width": 50}
SIZES = (SMALL, MIDDLE, MIDDLE, DEEP, FLAT)


@dataclass
class Making:
    """A graph in the making. `rows` are the tensors whose last axis is the channels; of all others it is the first."""

    random: np.random.Generator
    builder: GraphBuilder = field(default_factory=lambda: GraphBuilder("random"))
    rows: set[str] = field(default_factory=set)

    @property
    def graph(self) -> Graph:
        """The graph so far, without outputs."""
        return Graph("random", tuple(self.builder.nodes), self.builder.constants, ())

    def number(self, lo: int, hi: int) -> int:
        """An integer of lo..hi."""
        return int(self.random.integers(lo, hi + 1))

    def numbers(self, count: int, lo: int, hi: int) -> tuple[int, ...]:
        """`count` integers of lo..hi."""
        return tuple(self.number(lo, hi) for _ in range(count))

    def often(self, share: float = 0.5) -> bool:
        """Whether something is done that is done in this share of cases."""
        return bool(self.random.random() < share)

    def one_of(self, values: Sequence[Any]) -> Any:
        """One of some values."""
        return values[self.number(0, len(values) - 1)]

    def pick(self, *ranks: int, bits: int = 8, rows: bool | None = None) -> tuple[str, TensorType] | None:
        """A tensor of these ranks (of any, without) and at most so many bits, mostly one of the last."""
        types = self.graph.types
        fit = [node.name for node in self.builder.nodes if len(types[node.name].shape) in (ranks or range(9))
               and types[node.name].elem.bits <= bits and rows in (None, node.name in self.rows)]
        if not fit:
            return None
        name = fit[-1 - min(len(fit) - 1, int(self.random.exponential(1.2)))]
        return name, types[name]

    def constant(self, values: IntArray, elem: IntType | str) -> str:
        """A constant."""
        return self.builder.constant(f"k{len(self.builder.constants)}", values, elem)

    def weights(self, shape: Sequence[int]) -> str:
        """Weights of some width, some of them rather small."""
        limit = self.one_of((1, 7, 7, 127, 127, 127))
        return self.constant(self.random.integers(-limit - (limit > 1), limit + 1, tuple(shape)),
                             IntType.smallest(-limit - 1, limit))

    def bias(self, outputs: int) -> list[str]:
        """Mostly a bias."""
        return [self.constant(self.random.integers(-999, 999, outputs), "i16")] * self.often(0.7)

    def add(self, op: Op, *inputs: str, rows: bool | None = None) -> str:
        """A node; as its operand are its values rows or not, if nothing else is said."""
        name = f"{op.kind.lower()}{len(self.builder.nodes)}"
        self.builder.add(name, op, *inputs)
        if inputs[0] in self.rows if rows is None else rows:
            self.rows.add(name)
        return name

    def behind(self, acc: str) -> None:
        """What stands behind sums: mostly a requantization, also activations before or instead of it, or nothing."""
        activated = self.often(0.15)
        if activated:
            acc = self.add(self.one_of((Relu(), Clip(-30_000, 25_000), LeakyRelu(13, 7))), acc)
        if self.often(0.97 if activated else 0.9):
            self.requant(acc)
        elif self.often():
            self.add(Clip(*sorted(self.numbers(2, -128, 127))), acc)

    def requant(self, acc: str) -> str:
        """A requantization that leaves values, by the sums' proven range."""
        graph, out = self.graph, IntType.parse(self.one_of(BYTES))
        shape, reach = graph.types[acc].shape, graph.ranges[acc]
        axis = len(shape) - 1 if acc in self.rows else 0
        count = shape[axis] if self.often(0.7) else 1
        bits = self.one_of((3, 10, 15, 24, 30))
        multiplier = self.random.integers(1 << bits - 1, 1 << bits, count)
        multiplier *= np.where(self.random.random(count) < 0.1, -1, 1)
        large = max(1, abs(int(reach.lo.min())), int(reach.hi.max()))
        shift = max(0, bits + large.bit_length() - out.bits - self.number(0, 4))
        offset = self.random.integers(-1 << max(0, shift + out.bits - 3), 1 << max(1, shift + out.bits - 3), count)
        lo, hi = (out.min, out.max) if self.often(0.8) else sorted(self.numbers(2, out.min, out.max))
        op = Requant(out, lo, hi, self.one_of([Rounding.HALF_UP] * 3 + list(Rounding)), *self.one_of(SLOPES), axis)
        return self.add(op, acc, self.constant(multiplier, "i32"), self.constant(offset, "i48"),
                        self.constant(np.full(count, shift), "u6"))


def _geometry(m: Making, size: Sequence[int], most: int = 5) -> dict[str, Any]:
    """Kernel, stride, pads and dilation of a window that fits; pads may be asymmetric."""
    rank = len(size)
    pads = m.numbers(2 * rank, 0, 2) if m.often(0.7) else (0,) * 2 * rank
    kernel, dilation = [], []
    for axis, length in enumerate(size):
        room = length + pads[axis] + pads[axis + rank]
        kernel.append(m.number(1, min(most, room)))
        dilation.append(1 if m.often(0.8) else min(2, (room - 1) // max(1, kernel[-1] - 1)))
    stride = (1,) * rank if m.often(0.6) else m.numbers(rank, 1, 3)
    return {"kernel": tuple(kernel), "stride": stride, "pads": pads, "dilation": tuple(max(1, d) for d in dilation)}


def _conv(m: Making) -> None:
    if picked := m.pick(2, 3, rows=False):
        channels, *size = picked[1].shape
        groups = m.one_of((1, 1, 1, channels, channels, *(g for g in (2, 3, 4) if channels % g == 0)))
        outputs = groups * m.number(1, m.one_of((1, 3, 48 // groups + 1)))
        geometry = _geometry(m, size) if m.often(0.7) else \
            {"stride": (1,) * len(size), "pads": (0, 0) * len(size), "dilation": (1,) * len(size)}
        kernel = geometry.pop("kernel", (1,) * len(size))
        m.behind(m.add(Conv(**geometry, groups=groups), picked[0],
                       m.weights((outputs, channels // groups, *kernel)), *m.bias(outputs)))


def _linear(m: Making) -> None:
    if picked := m.pick(1, 2, 3, rows=True) or m.pick(1):
        outputs = m.number(1, 40)
        m.behind(m.add(Linear(), picked[0], m.weights((outputs, picked[1].shape[-1])), *m.bias(outputs), rows=True))


def _flat_linear(m: Making) -> None:
    if picked := m.pick(2, 3):
        outputs = m.number(1, 24)
        flat = m.add(Flatten(), picked[0], rows=True)
        m.behind(m.add(Linear(), flat, m.weights((outputs, picked[1].size)), *m.bias(outputs), rows=True))


def _requant(m: Making) -> None:
    if picked := m.pick(bits=32):
        m.requant(picked[0])


def _function(m: Making) -> None:
    if picked := m.pick():
        elem = picked[1].elem
        table = m.random.integers(-128, 128, 1 << elem.bits)
        ops: list[tuple[Op, list[str]]] = [(Relu(), []), (Abs(), []), (LeakyRelu(m.number(0, 9), 4), []),
                                           (Clip(*sorted(m.numbers(2, elem.min, elem.max))), [])]
        op, constants = m.one_of(ops) if m.often() else (Lookup(elem.min), [m.constant(table, "i8")])
        m.add(op, picked[0], *constants)


def _max_pool(m: Making) -> None:
    if picked := m.pick(2, 3, rows=False):
        m.add(MaxPool(**_geometry(m, picked[1].shape[1:], 3)), picked[0])


def _avg_pool(m: Making) -> None:
    if picked := m.pick(2, 3, rows=False):
        geometry = _geometry(m, picked[1].shape[1:], 4) if m.often(0.7) else {}
        divided = m.often()
        pooled = m.add(AvgPool(picked[1].elem if divided else I32, **geometry, divisor=int(not divided),
                               rounding=m.one_of(list(Rounding))), picked[0])
        if not divided:
            m.behind(pooled)


def _sum(m: Making) -> None:
    if picked := m.pick(bits=30):
        types = m.graph.types
        same = [node.name for node in m.builder.nodes if types[node.name].shape == picked[1].shape
                and (node.name in m.rows) == (picked[0] in m.rows) and types[node.name].elem.bits <= 30]
        pair = (picked[0], m.one_of(same))
        m.behind(m.add(Add(IntType(max(types[name].elem.bits for name in pair) + 2, True)), *pair))


def _concat(m: Making) -> None:
    if picked := m.pick(1, 2, 3, bits=32):
        name, axis = picked[0], len(picked[1].shape) - 1 if picked[0] in m.rows else 0

        def frame(tensor: TensorType) -> tuple[object, ...]:
            return tensor.elem, len(tensor.shape), *tensor.shape[:axis], *tensor.shape[axis + 1:]

        types = m.graph.types
        fit = [node.name for node in m.builder.nodes if (node.name in m.rows) == (name in m.rows)
               and frame(types[node.name]) == frame(picked[1])]
        m.add(Concat(axis), name, *(m.one_of(fit) for _ in range(m.number(1, 3))))


def _pad(m: Making) -> None:
    if picked := m.pick():
        shape, elem = picked[1].shape, picked[1].elem
        channel = len(shape) - 1 if picked[0] in m.rows else 0
        pads = [m.number(0, 2) if axis % len(shape) != channel or m.often(0.3) else 0
                for axis in range(2 * len(shape))]
        m.add(Pad(tuple(pads), 0 if m.often() else m.number(max(elem.min, -9), min(elem.max, 9))), picked[0])


def _slice(m: Making) -> None:
    if picked := m.pick(bits=32):
        whole = [(0, length) for length in picked[1].shape]
        for axis, length in enumerate(picked[1].shape):
            if m.often(0.4):
                begin = m.number(0, length - 1)
                whole[axis] = begin, m.number(begin + 1, length)
        m.add(Slice(*zip(*whole, strict=True)), picked[0])


def _reorder(m: Making) -> None:
    if picked := m.pick(2, 3):
        name, shape = picked[0], picked[1].shape
        rows, rank = name in m.rows, len(shape)
        turned = (rank - 1, *range(rank - 1)) if rows else (*range(1, rank), 0)
        joined = (prod(shape[:-1]), shape[-1]) if rows else (shape[0], prod(shape[1:]))
        op, after = m.one_of(((Transpose(turned), not rows), (Reshape(joined), rows)))
        m.add(op, name, rows=after)


MAKERS: tuple[tuple[int, Callable[[Making], None]], ...] = (
    (6, _conv), (2, _linear), (1, _flat_linear), (1, _requant), (2, _function), (2, _max_pool), (2, _avg_pool),
    (2, _sum), (2, _concat), (1, _pad), (1, _slice), (1, _reorder))
"""What can be added, and how often; each maker adds something if some tensor suits it."""


def _inputs(m: Making) -> None:
    size = m.one_of(SIZES)
    for index in range(m.one_of((1, 1, 1, 2, 3))):
        if index == 0 or m.often(0.3):
            shape = tuple(m.number(1, size[axis]) for axis in ("channels", "height", "width"))
            shape = (-(-shape[0] // 4) * 4, *shape[1:]) if m.often(0.4) else shape
            kind = m.one_of(("image", "image", "image", "line", "rows", "vector"))
        shapes = {"image": shape, "line": (shape[0], shape[1] * shape[2]), "rows": (shape[1] * 2, shape[0]),
                  "vector": (prod(shape) // 4 + 1,)}
        name = m.builder.input(f"x{index}", shapes[kind], m.one_of(ENTRIES if index else BYTES))
        if kind == "rows":
            m.rows.add(name)


def _grown(m: Making) -> None:
    """Add something; undo what breaks a rule or is too large."""
    weights = np.array([count for count, _ in MAKERS], float)
    before, constants, rows = list(m.builder.nodes), dict(m.builder.constants), set(m.rows)
    try:
        MAKERS[int(m.random.choice(len(MAKERS), p=weights / weights.sum()))][1](m)
        graph = m.graph.types and m.builder.build(m.builder.nodes[-1].name)
        macs = sum(node.op.macs(*(graph.types[name] for name in node.inputs)) for node in graph.nodes)
        fits = macs <= MOST_MACS and max(graph.types[node.name].size for node in graph.nodes) <= MOST_ELEMENTS
    except (RuleViolation, BittrueError):
        fits = False
    if not fits:
        m.builder.nodes[:], m.rows = before, rows
        m.builder.constants.clear()
        m.builder.constants.update(constants)


def network(seed: int, most: int = 12) -> Graph:
    """A graph of up to `most` steps. All tensors that nothing reads are outputs, and some others."""
    m = Making(np.random.default_rng(seed))
    _inputs(m)
    for _ in range(m.number(1, most)):
        _grown(m)
    graph = m.graph
    names = [node.name for node in graph.nodes if node.inputs]
    outputs = [name for name in names if not graph.users[name] or m.often(0.05)]
    return m.builder.build(*(outputs or [m.add(Relu(), "x0")]))


def sample(graph: Graph, seed: int, size: int = 2) -> dict[str, IntArray]:
    """Random inputs (size, *shape); of all but the first sample only the ends of the types."""
    random, inputs = np.random.default_rng(seed), {}
    for node in graph.inputs:
        tensor = graph.types[node.name]
        values = random.integers(tensor.elem.min, tensor.elem.max + 1, (size, *tensor.shape))
        values[1:] = np.where(random.random(values[1:].shape) < 0.5, tensor.elem.min, tensor.elem.max)
        inputs[node.name] = values
    return inputs
