"""Random layers for the array, small projects, and changes to them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from project_support import refreshed_manifest

from bittrue.ir import I32, Graph, GraphBuilder, IntArray, IntType, Rounding
from bittrue.ir.onnx import to_bytes, to_model
from bittrue.ir.ops import Add, AvgPool, BitOr, BitXor, Concat, Conv, Flatten, Linear, MaxPool, Requant, Slice, Sub
from bittrue.targets.project import read_manifest
from bittrue.targets.systolic import TARGET

WIDE: dict[str, int | str] = {"act_bits": 8, "weight_bits": 8, "psum_bits": 24, "scaled_bits": 64,
                               "slope_bits": 31}
"""Widths that hold every random layer, so that one build of the RTL serves them all."""


@dataclass(frozen=True)
class LayerSpec:
    """A convolution (or linear layer) with or without requantization; weights and samples come from `seed`."""

    channels: tuple[int, int]
    image: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    pads: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int
    act: IntType
    weight: IntType
    bias: bool
    rounding: Rounding | None
    slope: tuple[int, int]
    out: IntType
    per_channel: bool
    seed: int


@st.composite
def layer_specs(draw: st.DrawFn) -> LayerSpec:
    """Any layer with a small image: 1-D or 2-D, every width from 1 to 8 bits, every rounding mode, any groups."""
    rank = draw(st.sampled_from((1, 2, 2, 2)))
    kernel = draw(st.sampled_from(((1,), (3,), (5,)) if rank == 1 else ((1, 1), (3, 3), (5, 1), (2, 3))))
    dilation = draw(st.tuples(*[st.integers(1, 2)] * rank))
    pads = draw(st.tuples(*[st.integers(0, 2)] * (2 * rank)))
    least = [max(1, (kernel[i] - 1) * dilation[i] + 1 - pads[i] - pads[i + rank]) for i in range(rank)]
    groups = draw(st.sampled_from((1, 1, 1, 2, 3)))
    return LayerSpec(
        channels=(groups * draw(st.integers(1, 21 // groups)), groups * draw(st.integers(1, 21 // groups))),
        image=tuple(size + draw(st.integers(0, 4)) for size in least), kernel=kernel,
        stride=draw(st.tuples(*[st.integers(1, 2)] * rank)), pads=pads, dilation=dilation, groups=groups,
        act=IntType(draw(st.integers(1, 8)), draw(st.booleans())), weight=IntType(draw(st.integers(1, 8)), True),
        bias=draw(st.booleans()), rounding=draw(st.sampled_from((None, *Rounding))),
        slope=draw(st.sampled_from(((1, 0), (0, 0), (13, 8), (1, 3), (205, 12)))),
        out=IntType(draw(st.integers(1, 8)), draw(st.booleans())), per_channel=draw(st.booleans()),
        seed=draw(st.integers(0, 2**32 - 1)),
    )


def random_values(rng: np.random.Generator, elem: IntType, shape: tuple[int, ...]) -> IntArray:
    """Any values of the type, its extremes often."""
    values = rng.integers(elem.min, elem.max, shape, endpoint=True)
    return np.where(rng.random(shape) < 0.1, rng.choice([elem.min, elem.max], shape), values)


def layers_graph(specs: Iterable[LayerSpec], samples: int = 2) -> tuple[Graph, dict[str, IntArray]]:
    """A graph with these layers side by side, each with its own input and output; and samples for it."""
    builder, specs = GraphBuilder("layers"), list(specs)
    inputs = {}
    for i, spec in enumerate(specs):
        shape = (spec.channels[0], *spec.image)
        builder.input(f"x{i}", shape, spec.act)
        inputs[f"x{i}"] = random_values(np.random.default_rng(spec.seed), spec.act, (samples, *shape))
    outputs = [_add_layer(builder, i, spec, np.random.default_rng(spec.seed + 1)) for i, spec in enumerate(specs)]
    return builder.build(*outputs), inputs


def _add_layer(builder: GraphBuilder, i: int, spec: LayerSpec, rng: np.random.Generator) -> str:
    inputs, outputs = spec.channels
    weights = random_values(rng, spec.weight, (outputs, inputs // spec.groups, *spec.kernel))
    operands = [f"x{i}", builder.constant(f"w{i}", weights, spec.weight)]
    if spec.bias:
        operands.append(builder.constant(f"b{i}", rng.integers(-999, 999, outputs), "i12"))
    conv = builder.add(f"conv{i}", Conv(spec.stride, spec.pads, spec.dilation, spec.groups), *operands)
    return conv if spec.rounding is None else _add_requant(builder, i, spec, rng, conv)


def _add_requant(builder: GraphBuilder, i: int, spec: LayerSpec, rng: np.random.Generator, conv: str) -> str:
    """A requantization that spreads typical accumulators over the output range; powers of two often, for ties."""
    size = spec.channels[1] if spec.per_channel else 1
    terms = spec.channels[0] // spec.groups * prod(spec.kernel)
    accumulator_bits = spec.act.bits + spec.weight.bits - 2 + terms.bit_length() // 2
    scale_bits = rng.integers(0, 12, size)
    multiplier = np.where(rng.random(size) < 0.5, 1 << scale_bits, rng.choice([-3, 3], size) << scale_bits >> 1)
    shift = np.clip(accumulator_bits + scale_bits + rng.integers(-2, 2, size) - spec.out.bits, 0, 40)
    offset = rng.integers(-1, 2, size) * rng.integers(0, 1 << shift + max(0, spec.out.bits - 2))
    lo, hi = (spec.out.min, spec.out.max) if rng.random() < 0.7 else (spec.out.min // 2, spec.out.max * 3 // 4)
    op = Requant(spec.out, lo, hi, spec.rounding or Rounding.FLOOR, *spec.slope)
    return builder.add(f"requant{i}", op, conv, builder.constant(f"m{i}", multiplier, "i13"),
                       builder.constant(f"o{i}", offset, "i50"), builder.constant(f"s{i}", shift, "u6"))


def small_network() -> tuple[Graph, dict[str, IntArray]]:
    """Non-square, two layers, more channels than rows and columns; weights and samples are never zero."""
    rng = np.random.default_rng(7)
    builder = GraphBuilder("small")
    x = builder.input("x", (3, 5, 4), "u4")
    conv = builder.add("conv", Conv((1, 2), (1, 0, 0, 1)), x, builder.constant("w", _nonzero(rng, (5, 3, 2, 3)), "i4"),
                       builder.constant("b", rng.integers(-40, 40, 5), "i8"))
    act = builder.add("act", Requant(IntType(4, True), -8, 7, Rounding.HALF_EVEN, 13, 8), conv,
                      builder.constant("m", rng.integers(3, 30, 5), "i8"),
                      builder.constant("o", rng.integers(-60, 60, 5), "i8"),
                      builder.constant("s", rng.integers(5, 8, 5), "u4"))
    head = builder.add("head", Conv(), act, builder.constant("w2", _nonzero(rng, (3, 5, 1, 1)), "i4"))
    return builder.build(head), {"x": rng.integers(1, 16, (2, 3, 5, 4))}


def _nonzero(rng: np.random.Generator, shape: tuple[int, ...]) -> IntArray:
    values: IntArray = rng.integers(1, 8, shape) * rng.choice([-1, 1], shape)
    return values


def linear_graph(rows: tuple[int, ...] = ()) -> tuple[Graph, dict[str, IntArray]]:
    """A linear layer with requantization on inputs of shape (*rows, 11)."""
    rng = np.random.default_rng(3)
    builder = GraphBuilder("linear")
    x = builder.input("x", (*rows, 11), "i5")
    acc = builder.add("fc", Linear(I32), x, builder.constant("w", rng.integers(-16, 16, (10, 11)), "i5"),
                      builder.constant("b", rng.integers(-99, 99, 10), "i8"))
    out = builder.add("q", Requant(IntType(6, True), -32, 31, Rounding.HALF_AWAY, axis=len(rows)), acc,
                      builder.constant("m", rng.integers(1, 9, 10), "i8"),
                      builder.constant("o", rng.integers(-9, 9, 10), "i8"),
                      builder.constant("s", rng.integers(2, 7, 10), "u4"))
    return builder.build(out), {"x": rng.integers(-16, 16, (3, *rows, 11))}


def host_graph() -> Graph:
    """Between two layers what the output stages cannot do: rounding towards zero, bits and parts of tensors."""
    builder, i4, rng = GraphBuilder("host"), IntType(4, True), np.random.default_rng(1)
    x = builder.input("x", (3, 4, 5), "i4")
    acc = builder.add("acc", Conv(), x, builder.constant("w", rng.integers(-8, 8, (4, 3, 1, 1)), "i4"))
    unit = [builder.constant(name, [value], "u4") for name, value in (("m", 1), ("o", 3), ("s", 4))]
    q = builder.add("q", Requant(i4, -8, 7, Rounding.TOWARD_ZERO), acc, *unit)
    mean = builder.add("mean", AvgPool(i4, (2, 2), rounding=Rounding.TOWARD_ZERO), q)
    parts = [builder.add(f"part{i}", Slice((2 * i, 0, 0), (2 * i + 2, 3, 4)), mean) for i in range(2)]
    bits = [builder.add("or", BitOr(), *parts), builder.add("xor", BitXor(), *parts)]
    weight = builder.constant("v", rng.integers(-8, 8, (2, 4, 1, 1)), "i4")
    return builder.build(builder.add("last", Conv(), builder.add("cat", Concat(), *bits), weight))


@st.composite
def networks(draw: st.DrawFn) -> Graph:
    """Networks of layers that hand their results on: convolutions, poolings, sums, concatenations, linear layers, on
    small images that are seldom square, so that a layer often begins before the one before it is through."""
    net = _Network(draw, GraphBuilder("network"))
    bits = draw(st.integers(1, 8))
    x = net.builder.input("x", (draw(st.integers(1, 9)), *draw(st.tuples(st.integers(1, 7), st.integers(1, 7)))),
                          IntType(bits, draw(st.booleans())))
    for _ in range(draw(st.integers(1, 6))):
        x = draw(st.sampled_from((net.conv, net.conv, net.max_pool, net.avg_pool, net.residual, net.concat)))(x)
    flat = net.builder.add("flat", Flatten(), x)
    return net.builder.build(net.linear(flat) if draw(st.booleans()) else net.conv(x))


@dataclass
class _Network:
    """A network in the making; every step returns the name of its result."""

    draw: st.DrawFn
    builder: GraphBuilder
    count: int = 0

    def name(self, kind: str) -> str:
        self.count += 1
        return f"{kind}{self.count}"

    def shape(self, tensor: str) -> tuple[int, ...]:
        return Graph("", tuple(self.builder.nodes), self.builder.constants, ()).types[tensor].shape

    def type(self, tensor: str) -> IntType:
        return Graph("", tuple(self.builder.nodes), self.builder.constants, ()).types[tensor].elem

    def random(self, low: int, high: int, shape: tuple[int, ...]) -> IntArray:
        return np.random.default_rng(self.draw(st.integers(0, 2**32 - 1))).integers(low, high, shape)

    def window(self, size: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """A kernel of 1 to 3 with strides, pads and dilation that leave at least one output."""
        kernel = tuple(self.draw(st.integers(1, 3)) for _ in size)
        pads = tuple(self.draw(st.integers(0, k - 1)) for k in (*kernel, *kernel))
        dilation = tuple(self.draw(st.integers(1, 2)) for _ in size)
        fits = all((k - 1) * d + 1 <= s + b + e for k, d, s, b, e in zip(kernel, dilation, size, pads, pads[2:],
                                                                         strict=False))
        if not fits:
            kernel, pads, dilation = (1,) * len(size), (0,) * 2 * len(size), (1,) * len(size)
        return {"kernel": kernel, "stride": tuple(self.draw(st.integers(1, 2)) for _ in size), "pads": pads,
                "dilation": dilation}

    def conv(self, x: str, outputs: int | None = None, *, plain: bool = False, elem: IntType | None = None) -> str:
        channels, *size = self.shape(x)
        outputs = outputs or self.draw(st.integers(1, 20))
        window = {"kernel": (1, 1)} if plain else self.window(tuple(size))
        kernel = window.pop("kernel")
        bits = self.draw(st.integers(1, 8))
        weights = self.random(-1 << bits - 1, 1 << bits - 1, (outputs, channels, *kernel))
        name = self.name("conv")
        acc = self.builder.add(name, Conv(**window), x, self.builder.constant(f"{name}.w", weights, f"i{bits}"),
                               self.builder.constant(f"{name}.b", self.random(-99, 99, (outputs,)), "i8"))
        return self.requant(acc, outputs, elem)

    def requant(self, acc: str, channels: int, elem: IntType | None = None, axis: int = 0) -> str:
        name, out = self.name("q"), elem or IntType(self.draw(st.integers(1, 8)), self.draw(st.booleans()))
        constants = [self.builder.constant(f"{name}.{part}", self.random(low, high, (channels,)), bits)
                     for part, low, high, bits in (("m", -9, 40, "i8"), ("o", -99, 99, "i8"), ("s", 4, 11, "u4"))]
        op = Requant(out, out.min, out.max, self.draw(st.sampled_from(list(Rounding))),
                     *self.draw(st.sampled_from(((1, 0), (0, 0), (13, 8)))), axis)
        return self.builder.add(name, op, acc, *constants)

    def max_pool(self, x: str) -> str:
        window = self.window(self.shape(x)[1:])
        pads, kernel, dilation = window["pads"], window["kernel"], window["dilation"]
        # No window may lie in the padding alone.
        if any(p > 0 and (k == 1 or d > 1) for p, k, d in zip(pads, kernel * 2, dilation * 2, strict=True)) \
                or any(k > s for k, s in zip(kernel, self.shape(x)[1:], strict=True)):
            window |= {"pads": (0, 0, 0, 0), "kernel": (1, 1)}
        return self.builder.add(self.name("max"), MaxPool(**window), x)

    def avg_pool(self, x: str) -> str:
        size, elem = self.shape(x)[1:], self.type(x)
        divisor = self.draw(st.sampled_from((1, 1, 2, 4, 3)))
        area = size[0] * size[1]
        op = AvgPool(IntType.smallest(min(0, elem.min) * area, elem.max * area), divisor=divisor,
                     rounding=self.draw(st.sampled_from(list(Rounding))))
        acc = self.builder.add(self.name("avg"), op, x)
        return self.requant(acc, self.shape(x)[0])

    def residual(self, x: str) -> str:
        elem = IntType(self.draw(st.integers(1, 6)), self.draw(st.booleans()))  # a sum has two bits more
        channels = self.shape(x)[0]
        a, b = (self.requant(x, channels, elem), self.conv(x, channels, plain=True, elem=elem))
        op = self.draw(st.sampled_from((Add, Sub)))(IntType(elem.bits + 2, True))
        total = self.builder.add(self.name("sum"), op, a, b)
        return self.requant(total, channels) if self.draw(st.booleans()) else total

    def concat(self, x: str) -> str:
        elem = IntType(self.draw(st.integers(1, 8)), self.draw(st.booleans()))
        parts = [self.conv(x, plain=True, elem=elem) for _ in range(self.draw(st.integers(2, 3)))]
        return self.builder.add(self.name("cat"), Concat(), *parts)

    def linear(self, x: str) -> str:
        inputs = self.shape(x)[0]
        weights = self.random(-8, 8, (self.draw(st.integers(1, 12)), inputs))
        return self.builder.add("linear", Linear(), x, self.builder.constant("linear.w", weights, "i4"))


def emitted(graph: Graph, inputs: dict[str, IntArray], folder: Path, *, with_model: bool = False,
            **options: object) -> Path:
    """The project of a graph."""
    attached = {"model.onnx": to_bytes(to_model(graph))} if with_model else None
    TARGET.emit(graph, TARGET.plan(graph, options), inputs, folder, attached)
    return folder


def refresh(project: Path) -> None:
    """Make the manifest agree with the files as they are."""
    if set(read_manifest(project, "systolic").files) <= {str(p.relative_to(project)) for p in project.rglob("*")}:
        refreshed_manifest(project, "systolic")
