"""Integer types, tensor types and value ranges: what a tensor of the graph can hold."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
"""Every executor's view of a tensor: int64, with the values of the tensor's integer type."""

Shape = tuple[int, ...]

MAX_ELEMENTS = 1 << 28
"""No tensor has more elements per sample; larger ones are mistakes, and would only exhaust the memory."""

MAX_TOTAL_ELEMENTS = 1 << 27
"""Most elements of all activations of a graph together, for one sample."""


@dataclass(frozen=True, order=True)
class IntType:
    """A two's complement (`signed`) or plain binary integer type.

    Tensors have 1 to 32 bits; constants that never leave the 64-bit inside of an op (a requantization's offset) may
    have up to 63.

    >>> IntType.parse("i4").min, IntType.parse("i4").max, str(IntType(8, False))
    (-8, 7, 'u8')
    """

    bits: int
    signed: bool

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= 63:
            raise ValueError(f"an integer type has 1 to 63 bits, not {self.bits}")

    @property
    def min(self) -> int:
        """Smallest value."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def max(self) -> int:
        """Largest value."""
        return (1 << (self.bits - self.signed)) - 1

    @property
    def dtype(self) -> np.dtype[Any]:
        """Smallest NumPy type that holds it; files and ONNX tensors use this one."""
        width = next(w for w in (8, 16, 32, 64) if w >= self.bits)
        return np.dtype(f"{'int' if self.signed else 'uint'}{width}")

    def holds(self, array: IntArray) -> bool:
        """Whether every element of `array` is a value of this type."""
        return array.size == 0 or (int(array.min()) >= self.min and int(array.max()) <= self.max)

    @classmethod
    def parse(cls, text: str) -> IntType:
        """Read `i8`, `u4`, ... Raises ValueError on anything else."""
        match = re.fullmatch(r"([iu])(\d{1,2})", text)
        if match is None:
            raise ValueError(f"{text!r} is no integer type; write i1..i63 or u1..u63")
        return cls(int(match[2]), match[1] == "i")

    @classmethod
    def smallest(cls, lo: int, hi: int) -> IntType:
        """The narrowest type that holds `lo`..`hi` (unsigned when `lo` >= 0). Raises ValueError beyond 63 bits.

        >>> str(IntType.smallest(-1, 1)), str(IntType.smallest(0, 16))
        ('i2', 'u5')
    >>> str(IntType.smallest(-8, -8))
    'i4'
        """
        signed = lo < 0
        return cls(max(1, max(hi, 0).bit_length() + signed, (~lo).bit_length() + 1 if signed else 0), signed)

    def __str__(self) -> str:
        return f"{'i' if self.signed else 'u'}{self.bits}"


I32 = IntType(32, True)


@dataclass(frozen=True)
class TensorType:
    """Shape *of one sample* and element type. Activations carry one more leading axis, the batch, at run time.

    >>> str(TensorType((8, 4, 6), IntType(4, False)))
    'u4[8,4,6]'
    """

    shape: Shape
    elem: IntType

    @property
    def size(self) -> int:
        """Number of elements of one sample."""
        return prod(self.shape)

    @classmethod
    def parse(cls, text: str) -> TensorType:
        """Read the form that `str` prints. Raises ValueError on anything else."""
        match = re.fullmatch(r"([iu]\d{1,2})\[((?:\d+(?:,\d+)*)?)\]", text)
        if match is None:
            raise ValueError(f"{text!r} is no tensor type; write for example u8[3,32,32]")
        return cls(tuple(int(d) for d in match[2].split(",") if d), IntType.parse(match[1]))

    def __str__(self) -> str:
        return f"{self.elem}[{','.join(map(str, self.shape))}]"


@dataclass(frozen=True)
class Range:
    """Proven bounds of a tensor: `lo <= x <= hi` for every input.

    Both are int64 arrays with the rank of one sample; each axis is as long as the sample's or 1 (the same bound for the
    whole axis): per channel bounds of an image (C, H, W) have the shape (C, 1, 1). A constant is its own range.
    """

    lo: IntArray
    hi: IntArray

    @classmethod
    def of_type(cls, tensor: TensorType) -> Range:
        """Everything the type can hold."""
        rank = (1,) * len(tensor.shape)
        return cls(np.full(rank, tensor.elem.min, np.int64), np.full(rank, tensor.elem.max, np.int64))

    @classmethod
    def exactly(cls, array: IntArray) -> Range:
        """The range of a constant."""
        return cls(array, array)

    def within(self, elem: IntType) -> bool:
        """Whether every value in the range is a value of `elem`."""
        return elem.holds(self.lo) and elem.holds(self.hi)

    def including(self, value: int) -> Range:
        """The smallest range that also holds `value` (zero padding, for example)."""
        return Range(np.minimum(self.lo, value), np.maximum(self.hi, value))

    def broadcast(self, shape: Shape) -> Range:
        """The same range with explicit bounds for every element of `shape`."""
        return Range(np.broadcast_to(self.lo, shape), np.broadcast_to(self.hi, shape))

    def compact(self) -> Range:
        """The same range with every axis along which the bounds do not change cut down to length 1.

        >>> Range.exactly(np.array([[1, 1], [2, 2]])).compact().lo.tolist()
        [[1], [2]]
        """
        lo, hi = self.lo, self.hi
        for axis in range(lo.ndim):
            first_lo, first_hi = lo.take([0], axis), hi.take([0], axis)
            if bool((lo == first_lo).all()) and bool((hi == first_hi).all()):
                lo, hi = first_lo, first_hi
        return Range(lo, hi)
