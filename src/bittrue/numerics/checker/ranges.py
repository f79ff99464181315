"""Interval analysis, written again: what every tensor can hold, element by element, from the weights in the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from math import prod
from operator import or_, xor
from typing import Any

import numpy as np

from .bits import Function, extremes
from .file import Array, File, Node, Unreadable
from .integers import Requantization, divide

Interval = tuple[Array, Array]
"""Smallest and largest value of every element of a sample."""

Attributes = dict[str, Any]
MOST_ELEMENTS = 1 << 28
Rule = Callable[[Attributes, list[Interval], list[Array]], Interval]


def intervals(file: File) -> dict[str, Interval]:
    """The interval of every input and node. Raises `Unreadable` for kinds and sizes that are unknown."""
    types = [*file.inputs.values(), *(node.type for node in file.nodes)]
    if sum(prod(t.shape) for t in types) > MOST_ELEMENTS:
        raise Unreadable(f"its tensors have more than {MOST_ELEMENTS} elements")
    known: dict[str, Interval] = {
        name: (np.full(t.shape, t.limits[0], np.int64), np.full(t.shape, t.limits[1], np.int64))
        for name, t in file.inputs.items()}
    for node in file.nodes:
        tensors = [known[name] for name in node.inputs if name in known]
        constants = [file.constants[name] for name in node.inputs if name in file.constants]
        if node.kind == "Requant":
            known[node.name] = _requant(file, node, *tensors[0])
        elif node.kind in RULES:
            known[node.name] = RULES[node.kind](node.attributes, tensors, constants)
        else:
            raise Unreadable(f"node {node.name} has the unknown kind {node.kind}")
        if known[node.name][0].shape != node.type.shape:
            raise Unreadable(f"node {node.name} has the shape {known[node.name][0].shape}, declared is {node.type}")
    return known


def per_channel(interval: Interval, axis: int, channels: int = 0) -> Interval:
    """Bounds of every channel along an axis, or of everything when there is one channel."""
    lo, hi = (np.moveaxis(end, axis, 0).reshape(1 if channels == 1 else end.shape[axis], -1) for end in interval)
    return lo.min(1), hi.max(1)


def _requant(file: File, node: Node, lo: Array, hi: Array) -> Interval:
    axis, channels = node.attributes["axis"], node.type.shape[node.attributes["axis"]]
    numbers = Requantization.of(file, node, channels)
    if not numbers.fits(lo, hi):
        raise Unreadable(f"requantization {node.name} leaves 64-bit arithmetic")
    channel = np.broadcast_to(np.arange(channels).reshape(-1, *(1,) * (lo.ndim - 1 - axis)), lo.shape)
    ends = numbers.apply(lo, channel), numbers.apply(hi, channel)
    return np.minimum(*ends), np.maximum(*ends)


def _monotone(function: Callable[..., Array]) -> Rule:
    """The rule of a function that never falls: lower ends to the lower end, upper ends to the upper end."""
    return lambda a, tensors, _: (function(a, *(t[0] for t in tensors)), function(a, *(t[1] for t in tensors)))


def _linear(sums: Callable[..., Array]) -> Rule:
    """The rule of a sum of products: positive weights carry an end to the same end, negative ones to the other."""
    def rule(a: Attributes, tensors: list[Interval], constants: list[Array]) -> Interval:
        (lo, hi), weight = tensors[0], constants[0]
        terms = max(weight.size // weight.shape[0], weight.size // weight.shape[1])
        if max(int(np.abs(lo).max()), int(np.abs(hi).max())) * int(np.abs(weight).max()) * terms >= 1 << 62:
            raise Unreadable("a sum of products can leave 64 bits")
        up, down = np.maximum(weight, 0), np.minimum(weight, 0)
        bias = constants[1] if constants[1:] else np.zeros(1, np.int64)
        return sums(a, lo, up, hi, down, bias), sums(a, hi, up, lo, down, bias)
    return rule


def _fully_connected(_: Attributes, x: Array, up: Array, other: Array, down: Array, bias: Array) -> Array:
    return np.asarray(x @ up.T + other @ down.T + bias)


def _convolution(a: Attributes, tensors: list[Interval], constants: list[Array]) -> Interval:
    """One bound per output channel: every input channel at its end over all positions (zero included if padded)."""
    lo, hi = per_channel(tensors[0], 0)
    if any(a["pads"]):
        lo, hi = np.minimum(lo, 0), np.maximum(hi, 0)
    bounds = _linear(_channel_sums)(a, [(lo, hi)], constants)
    size = [(n + b + e - (k - 1) * d - 1) // s + 1 for n, b, e, k, d, s in zip(
        tensors[0][0].shape[1:], a["pads"][:len(a["stride"])], a["pads"][len(a["stride"]):], constants[0].shape[2:],
        a["dilation"], a["stride"], strict=True)]
    low, high = (np.array(np.broadcast_to(end.reshape(-1, *(1,) * len(size)), (len(end), *size))) for end in bounds)
    return low, high


def _channel_sums(a: Attributes, x: Array, up: Array, other: Array, down: Array, bias: Array) -> Array:
    taps, per_group = tuple(range(2, up.ndim)), up.shape[0] // a["groups"]
    source = np.arange(up.shape[0])[:, None] // per_group * up.shape[1] + np.arange(up.shape[1])
    return np.asarray((up.sum(taps) * x[source] + down.sum(taps) * other[source]).sum(1) + bias)


def _transposed(a: Attributes, x: Array, up: Array, other: Array, down: Array, bias: Array) -> Array:
    """Exact per element: every tap adds its products where it falls."""
    rank, groups = x.ndim - 1, a["groups"]
    full = [(n - 1) * s + (k - 1) * d + 1 + extra for n, k, s, d, extra in zip(
        x.shape[1:], up.shape[2:], a["stride"], a["dilation"], a["output_padding"], strict=True)]
    total = np.zeros((up.shape[1] * groups, *full), np.int64)
    inputs, outputs = x.shape[0] // groups, up.shape[1]
    for group, tap in product(range(groups), np.ndindex(*up.shape[2:])):
        rows = slice(group * inputs, (group + 1) * inputs)
        terms = sum(np.tensordot(w[(rows, slice(None), *tap)], t[rows], axes=(0, 0))
                    for w, t in ((up, x), (down, other)))
        where = tuple(slice(t * d, t * d + (n - 1) * s + 1, s) for t, d, n, s in
                      zip(tap, a["dilation"], x.shape[1:], a["stride"], strict=True))
        total[(slice(group * outputs, (group + 1) * outputs), *where)] += terms
    inside = tuple(slice(b, f - e) for b, e, f in zip(a["pads"][:rank], a["pads"][rank:], full, strict=True))
    return total[(slice(None), *inside)] + bias.reshape(-1, *(1,) * rank)


def _windows(x: Array, kernel: list[int], stride: list[int], pads: list[int], dilation: list[int], fill: int
             ) -> Iterator[Array]:
    """One shifted and strided view of the padded image for every tap of the window."""
    rank = len(kernel)
    padded = np.pad(x, ((0, 0), *zip(pads[:rank], pads[rank:], strict=True)), constant_values=fill)
    size = [(n - (k - 1) * d - 1) // s + 1
            for n, k, d, s in zip(padded.shape[1:], kernel, dilation, stride, strict=True)]
    for tap in np.ndindex(*kernel):
        yield padded[(slice(None), *(slice(t * d, t * d + (n - 1) * s + 1, s)
                                     for t, d, n, s in zip(tap, dilation, size, stride, strict=True)))]


def _max_pool(a: Attributes, x: Array) -> Array:
    views = _windows(x, a["kernel"], a["stride"], a["pads"], a["dilation"], -(1 << 62))
    return np.asarray(np.maximum.reduce(list(views)), np.int64)


def _avg_pool(a: Attributes, x: Array) -> Array:
    rank = x.ndim - 1
    kernel = a["kernel"] or list(x.shape[1:])
    ones = [1] * rank
    total = sum(_windows(x, kernel, a["stride"] or ones, a["pads"] or [0] * 2 * rank, a["dilation"] or ones, 0))
    return divide(np.asarray(total), np.int64(a["divisor"] or prod(kernel)), a["rounding"])


def _leaky(a: Attributes, x: Array) -> Array:
    slow = divide(x * a["slope_multiplier"], np.int64(1 << a["slope_shift"]), a["rounding"])
    return np.where(x < 0, slow, x)


def _pad(a: Attributes, x: Array) -> Array:
    sides = zip(a["pads"][:x.ndim], a["pads"][x.ndim:], strict=True)
    return np.pad(x, tuple(sides), constant_values=a["value"])


def _cut(a: Attributes, x: Array) -> Array:
    for axis, (begin, end) in enumerate(zip(a["starts"], a["ends"], strict=True)):
        x = np.take(x, range(begin, end), axis)
    return x


def _bitwise(function: Function) -> Rule:
    return lambda a, tensors, _: extremes(function, *tensors)


def _abs(_: Attributes, tensors: list[Interval], __: list[Array]) -> Interval:
    lo, hi = tensors[0]
    return np.maximum(np.maximum(lo, -hi), 0), np.maximum(-lo, hi)


def _sub(_: Attributes, tensors: list[Interval], __: list[Array]) -> Interval:
    (a_lo, a_hi), (b_lo, b_hi) = tensors
    return a_lo - b_hi, a_hi - b_lo


def _matmul(_: Attributes, tensors: list[Interval], __: list[Array]) -> Interval:
    low: Any = 0
    high: Any = 0
    (a_lo, a_hi), (b_lo, b_hi) = tensors
    for k in range(a_lo.shape[-1]):
        terms = [a[..., :, k:k + 1] * b[..., k:k + 1, :] for a, b in product((a_lo, a_hi), (b_lo, b_hi))]
        low, high = low + np.minimum.reduce(terms), high + np.maximum.reduce(terms)
    return low, high


def _lookup(a: Attributes, tensors: list[Interval], constants: list[Array]) -> Interval:
    (lo, hi), table = tensors[0], constants[0]
    ends = list(zip((lo - a["first"]).ravel().tolist(), (hi - a["first"]).ravel().tolist(), strict=True))
    least = {(x, y): (int(table[x:y + 1].min()), int(table[x:y + 1].max())) for x, y in set(ends)}
    pairs = np.array([least[pair] for pair in ends], np.int64).reshape(*lo.shape, 2)
    return pairs[..., 0], pairs[..., 1]


RULES: dict[str, Rule] = {
    "Conv": _convolution,
    "ConvTranspose": _linear(_transposed),
    "Linear": _linear(_fully_connected),
    "MatMul": _matmul,
    "Relu": _monotone(lambda a, x: np.maximum(x, 0)),
    "LeakyRelu": _monotone(_leaky),
    "Clip": _monotone(lambda a, x: np.clip(x, a["lo"], a["hi"])),
    "Abs": _abs,
    "MaxPool": _monotone(_max_pool),
    "AvgPool": _monotone(_avg_pool),
    "Add": _monotone(lambda a, x, y: x + y),
    "Sub": _sub,
    "BitOr": _bitwise(or_),
    "BitXor": _bitwise(xor),
    "Concat": _monotone(lambda a, *parts: np.concatenate(parts, axis=a["axis"])),
    "Pad": _monotone(_pad),
    "Slice": _monotone(_cut),
    "Reshape": _monotone(lambda a, x: x.reshape(a["shape"])),
    "Flatten": _monotone(lambda a, x: x.reshape(-1)),
    "Transpose": _monotone(lambda a, x: x.transpose(a["perm"])),
    "Lookup": _lookup,
}
"""How an interval passes through a node, by kind (`Requant` needs the whole node; see `intervals`)."""
