"""The accelerator's arithmetic in plain Python integers, on nested lists: what every test of a layer compares with.

Images are lists [channel][row][column]; 1-D data have one row.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import floor

Image = list[list[list[int]]]
Kernels = list[list[list[list[int]]]]


def limited(value: int, lo: int = -128, hi: int = 127) -> int:
    return max(lo, min(hi, value))


def flat(values: object) -> list[float]:
    return [v for part in values for v in flat(part)] if isinstance(values, list) else [values]  # type: ignore[list-item]


def smallest_power(magnitude: Fraction) -> int:
    """The smallest s with 2**s >= magnitude."""
    s = -40
    while Fraction(2) ** s < magnitude:
        s += 1
    return s


@dataclass(frozen=True)
class Weights:
    """Integer weights and biases, and how far sums are shifted right (left if negative)."""

    kernels: Kernels
    bias: list[int]
    right: int


def integers(weight: object, bias: list[float] | None, bits: int) -> Weights:
    """Quantize real weights (nested list) and biases: the output shift s covers all weights, and biases as far as their
    8 bits need it."""
    sizes = [abs(Fraction(v)) for v in flat(weight)]
    sizes += [abs(Fraction(b)) / 2 ** (8 - bits) for b in bias or []]
    s = smallest_power(max(sizes))
    step = Fraction(2) ** (s - (bits - 1))

    def whole(value: object, width: int) -> object:
        if isinstance(value, list):
            return [whole(v, width) for v in value]
        return limited(floor(Fraction(value) / step + Fraction(1, 2)), -(1 << width - 1), (1 << width - 1) - 1)

    return Weights(whole(weight, bits), whole(bias or [], 8), bits - 1 - s)  # type: ignore[arg-type]


def shifted(total: int, right: int) -> int:
    """floor(total / 2**right + 1/2), limited to 8 bits."""
    return limited(total << -right if right <= 0 else (total + (1 << right - 1)) >> right)


ACTIVATIONS = {"": lambda v: v, "ReLU": lambda v: max(v, 0), "Abs": lambda v: min(abs(v), 127)}


def convolution(image: Image, kernels: Kernels, pad: tuple[int, int], groups: int = 1) -> Image:
    """The sums of products, [output][row][column], of kernels [output][input of the group][row][column]."""
    rows, cols = len(image[0]), len(image[0][0])
    height, width = len(kernels[0][0]), len(kernels[0][0][0])
    per_group, outputs = len(image) // groups, len(kernels) // groups

    def at(channel: int, row: int, col: int) -> int:
        return image[channel][row][col] if 0 <= row < rows and 0 <= col < cols else 0

    def total(o: int, row: int, col: int) -> int:
        first = o // outputs * per_group
        return sum(at(first + i, row + y - pad[0], col + x - pad[1]) * kernels[o][i][y][x]
                   for i in range(per_group) for y in range(height) for x in range(width))

    return [[[total(o, row, col) for col in range(cols + 2 * pad[1] - width + 1)]
             for row in range(rows + 2 * pad[0] - height + 1)] for o in range(len(kernels))]


def transposed(image: Image, kernels: Kernels, pad: int, groups: int = 1) -> Image:
    """Stride 2, output padding 1: every input adds its kernel [input][output of the group][row][column] to the
    output."""
    rows, cols, size = len(image[0]), len(image[0][0]), len(kernels[0][0])
    outputs, inputs = len(kernels[0]), len(kernels) // groups
    height, width = (2 * (n - 1) - 2 * pad + size + 1 for n in (rows, cols))
    out = [[[0] * width for _ in range(height)] for _ in range(outputs * groups)]
    for i, channel in enumerate(image):
        for o, kernel in enumerate(kernels[i]):
            plane = out[i // inputs * outputs + o]
            for r in range(rows):
                for c in range(cols):
                    for y in range(size):
                        for x in range(size):
                            row, col = 2 * r + y - pad, 2 * c + x - pad
                            if 0 <= row < height and 0 <= col < width:
                                plane[row][col] += channel[r][c] * kernel[y][x]
    return out


def windows(channel: list[list[int]], size: tuple[int, int], stride: tuple[int, int]) -> list[list[list[int]]]:
    rows = range(0, len(channel) - size[0] + 1, stride[0])
    cols = range(0, len(channel[0]) - size[1] + 1, stride[1])
    return [[[channel[r + y][c + x] for y in range(size[0]) for x in range(size[1])] for c in cols] for r in rows]


def toward_zero(values: Iterable[int]) -> int:
    listed = list(values)
    total = sum(listed)
    return -(-total // len(listed)) if total < 0 else total // len(listed)


def half_away(values: Iterable[int]) -> int:
    listed = list(values)
    total, count = sum(listed), len(listed)
    size = (2 * abs(total) + count) // (2 * count)
    return -size if total < 0 else size


POOLS = {"Max": max, "Avg": toward_zero}


def pooled(image: Image, kind: str, size: tuple[int, int], stride: tuple[int, int]) -> Image:
    return [[[POOLS[kind](window) for window in row] for row in windows(channel, size, stride)] for channel in image]


def with_bias(sums: Image, bias: list[int]) -> Image:
    return [[[v + 128 * (bias[o] if bias else 0) for v in row] for row in plane] for o, plane in enumerate(sums)]


def output(sums: Image, right: int, activation: str) -> Image:
    return [[[ACTIVATIONS[activation](shifted(v, right)) for v in row] for row in plane] for plane in sums]
