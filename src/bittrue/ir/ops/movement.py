"""Ops that move elements and compute nothing: concatenation, padding, cropping, reshaping, transposition."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from ..op import Op, Operand, require
from ..types import IntArray, Range, TensorType
from .monotone import image


@dataclass(frozen=True)
class Concat(Op):
    """The operands one behind the other along `axis` of the sample. All have one type, and equal lengths elsewhere."""

    axis: int = 0

    operands = (Operand("x", variadic=True),)
    explicit = True

    def infer(self, *types: TensorType) -> TensorType:
        shape, axis = types[0].shape, self.axis
        require(0 <= axis < len(shape), f"axis {axis} is outside of {types[0]}", "name an axis of the sample")
        frames = {(len(t.shape), *t.shape[:axis], *t.shape[axis + 1:]) for t in types}
        require(len(frames) == 1, f"{', '.join(map(str, types))} differ beside axis {axis}",
                "make the other axes equally long")
        require(len({t.elem for t in types}) == 1, f"{', '.join(map(str, types))} have different integer types",
                "requantize them to one type and scale first")
        return TensorType((*shape[:axis], sum(t.shape[axis] for t in types), *shape[axis + 1:]), types[0].elem)

    def run(self, *arrays: IntArray) -> IntArray:
        return np.concatenate(arrays, axis=self.axis + 1)

    def bounds(self, *ranges: Range) -> Range:
        return image(self, *ranges)


@dataclass(frozen=True)
class Pad(Op):
    """x with `value` around it; `pads` are the begins of all axes of the sample, then the ends."""

    pads: tuple[int, ...]
    value: int = 0

    explicit = True

    def infer(self, *types: TensorType) -> TensorType:
        shape, elem = types[0].shape, types[0].elem
        require(len(self.pads) == 2 * len(shape) and all(p >= 0 for p in self.pads),
                f"pads {self.pads} are not a begin and an end of at least 0 for each of {len(shape)} axes",
                f"give {2 * len(shape)} pads: all begins, then all ends")
        require(elem.min <= self.value <= elem.max, f"{elem} cannot hold the padding {self.value}",
                f"pad with a value of {elem.min}..{elem.max}")
        return TensorType(tuple(b + s + e for s, (b, e) in zip(shape, self._sides(), strict=True)), elem)

    def run(self, *arrays: IntArray) -> IntArray:
        return np.pad(arrays[0], ((0, 0), *self._sides()), constant_values=self.value)

    def bounds(self, *ranges: Range) -> Range:
        return image(self, *ranges)

    def _sides(self) -> list[tuple[int, int]]:
        """(begin, end) of every axis."""
        rank = len(self.pads) // 2
        return list(zip(self.pads[:rank], self.pads[rank:], strict=True))


@dataclass(frozen=True)
class Slice(Op):
    """The elements starts[i] .. ends[i] - 1 of x along every axis i of the sample (all lengths explicit).

    To take every s-th row or column, use a MaxPool with a window of 1 and a stride of s.
    """

    starts: tuple[int, ...]
    ends: tuple[int, ...]

    explicit = True

    def infer(self, *types: TensorType) -> TensorType:
        shape = types[0].shape
        require(len(self.starts) == len(self.ends) == len(shape), f"starts {self.starts} and ends {self.ends} are not "
                f"one each for the {len(shape)} axes of {types[0]}", f"give {len(shape)} of each")
        require(all(0 <= b < e <= s for s, b, e in zip(shape, self.starts, self.ends, strict=True)),
                f"{self.starts} to {self.ends} is not a part of {types[0]}",
                "make 0 <= start < end <= length along every axis")
        return TensorType(tuple(e - b for b, e in zip(self.starts, self.ends, strict=True)), types[0].elem)

    def run(self, *arrays: IntArray) -> IntArray:
        return arrays[0][(slice(None), *map(slice, self.starts, self.ends))]

    def bounds(self, *ranges: Range) -> Range:
        return image(self, *ranges)


@dataclass(frozen=True)
class Reshape(Op):
    """The elements of x in row-major order, as a sample of the given shape (all lengths explicit)."""

    shape: tuple[int, ...]

    explicit = True

    def infer(self, *types: TensorType) -> TensorType:
        require(prod(self.shape) == types[0].size and all(d >= 1 for d in self.shape),
                f"{types[0]} does not have the {prod(self.shape)} elements of {list(self.shape)}",
                f"give lengths of at least 1 whose product is {types[0].size}")
        return TensorType(self.shape, types[0].elem)

    def run(self, *arrays: IntArray) -> IntArray:
        return arrays[0].reshape(arrays[0].shape[0], *self.shape)

    def bounds(self, *ranges: Range) -> Range:
        return image(self, *ranges)


@dataclass(frozen=True)
class Flatten(Op):
    """The elements of x in row-major order (channel, row, column), as one axis."""

    explicit = True

    def infer(self, *types: TensorType) -> TensorType:
        return TensorType((types[0].size,), types[0].elem)

    def run(self, *arrays: IntArray) -> IntArray:
        return arrays[0].reshape(arrays[0].shape[0], prod(arrays[0].shape[1:]))

    def bounds(self, *ranges: Range) -> Range:
        return image(self, *ranges)


@dataclass(frozen=True)
class Transpose(Op):
    """The axes of the sample in another order: axis i of y is axis perm[i] of x."""

    perm: tuple[int, ...]

    def infer(self, *types: TensorType) -> TensorType:
        shape = types[0].shape
        require(sorted(self.perm) == list(range(len(shape))), f"{self.perm} is no order of the {len(shape)} axes of "
                f"{types[0]}", "name every axis of the sample once")
        return TensorType(tuple(shape[p] for p in self.perm), types[0].elem)

    def run(self, *arrays: IntArray) -> IntArray:
        return arrays[0].transpose(0, *(p + 1 for p in self.perm))

    def bounds(self, *ranges: Range) -> Range:
        return image(self, *ranges)
