"""Pooling over windows of 1-D and 2-D images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..op import Op, require
from ..rounding import Rounding, round_div
from ..types import IntArray, IntType, Range, Shape, TensorType
from .monotone import image
from .spatial import Spatial, pad_spatial


def require_image(x: TensorType) -> None:
    """Raise `RuleViolation` unless x is a 1-D (C, W) or 2-D (C, H, W) image."""
    require(len(x.shape) in (2, 3), f"{x} is not an image (C, W) or (C, H, W)", "reshape it, channels first")


@dataclass(frozen=True)
class MaxPool(Op):
    """Largest value of every window of x (C, *S) -> (C, *S'), of the type of x.

    `pads` are begins then ends of the spatial axes. Padding never wins: it acts as minus infinity, and every window
    holds at least one element of x.
    """

    kernel: tuple[int, ...]
    stride: tuple[int, ...] = (1, 1)
    pads: tuple[int, ...] = (0, 0, 0, 0)
    dilation: tuple[int, ...] = (1, 1)

    explicit = True

    @property
    def window(self) -> Spatial:
        """The geometry of the sliding window."""
        return Spatial(self.kernel, self.stride, self.pads, self.dilation)

    def infer(self, *types: TensorType) -> TensorType:
        require_image(types[0])
        channels, *size = types[0].shape
        spatial = self.window.output(tuple(size))
        require(self.window.covers(tuple(size)), f"with pads {self.pads} a window of {self.kernel} lies in the padding "
                "alone, which has no largest value", "use smaller pads than the window's extent")
        return TensorType((channels, *spatial), types[0].elem)

    def run(self, *arrays: IntArray) -> IntArray:
        padded = pad_spatial(arrays[0], self.pads, np.iinfo(np.int64).min)
        largest: IntArray = self.window.columns(padded).max(axis=self.window.tap_axes)
        return largest

    def bounds(self, *ranges: Range) -> Range:
        return image(self, *ranges)


@dataclass(frozen=True)
class AvgPool(Op):
    """round(sum of a window / divisor) of x (C, *S) -> (C, *S'), of the type `out`.

    `divisor` 0 stands for the window's area, 1 gives the exact sum. Padding counts as zeros, in the sum and in the
    area. An empty `kernel` stands for the whole image (global pooling, S' is 1 everywhere); empty `stride` and
    `dilation` for ones, empty `pads` (begins then ends of the spatial axes) for none.
    """

    out: IntType
    kernel: tuple[int, ...] = ()
    stride: tuple[int, ...] = ()
    pads: tuple[int, ...] = ()
    divisor: int = 0
    rounding: Rounding = Rounding.HALF_UP
    dilation: tuple[int, ...] = ()

    version = 2
    explicit = True

    def window(self, size: Shape) -> Spatial:
        """The geometry of the sliding window on an image of spatial size `size`, with all lengths explicit."""
        ones = (1,) * len(size)
        return Spatial(self.kernel or size, self.stride or ones, self.pads or (0, 0) * len(size),
                       self.dilation or ones)

    def divides_by(self, size: Shape) -> int:
        """What the sum of a window is divided by."""
        return self.divisor or self.window(size).area

    def infer(self, *types: TensorType) -> TensorType:
        require_image(types[0])
        channels, *size = types[0].shape
        require(bool(self.kernel) or not any((*self.pads, *(s - 1 for s in (*self.stride, *self.dilation)))),
                f"a global average has stride {self.stride}, pads {self.pads} and dilation {self.dilation}",
                "leave them out, or give a kernel")
        require(0 <= self.divisor < 1 << 31, f"the divisor is {self.divisor}",
                "use 0 for the window's area, or 1 to 2**31-1")
        return TensorType((channels, *self.window(tuple(size)).output(tuple(size))), self.out)

    def run(self, *arrays: IntArray) -> IntArray:
        size = arrays[0].shape[2:]
        window = self.window(size)
        total: IntArray = window.columns(pad_spatial(arrays[0], window.pads, 0)).sum(axis=window.tap_axes)
        mean: IntArray = round_div(total, np.int64(self.divides_by(size)), self.rounding)
        return mean

    def bounds(self, *ranges: Range) -> Range:
        return image(self, *ranges)
