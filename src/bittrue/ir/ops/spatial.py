"""The geometry that convolutions and poolings share: padding, windows, output sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..op import require
from ..types import MAX_ELEMENTS, IntArray, Shape


@dataclass(frozen=True)
class Spatial:
    """A sliding window over 1 or 2 spatial axes; `pads` are begins then ends, as in ONNX."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    pads: tuple[int, ...]
    dilation: tuple[int, ...]

    def output(self, size: Shape) -> Shape:
        """Output size for an input of spatial size `size`; raises `RuleViolation` when nothing fits."""
        rank = len(size)
        require(len(self.kernel) == len(self.stride) == len(self.dilation) == rank and len(self.pads) == 2 * rank,
                f"kernel {self.kernel}, stride {self.stride}, dilation {self.dilation}, pads {self.pads} are not for "
                f"{rank} spatial axes", f"give {rank} strides and dilations and {2 * rank} pads")
        require(all(v >= 1 for v in (*self.kernel, *self.stride, *self.dilation)) and all(p >= 0 for p in self.pads),
                f"kernel {self.kernel}, stride {self.stride}, dilation {self.dilation} or pads {self.pads} is too "
                "small",
                "kernel, stride and dilation are at least 1, pads at least 0")
        padded = [s + b + e for s, b, e in zip(size, self.pads[:rank], self.pads[rank:], strict=True)]
        require(prod(padded) <= MAX_ELEMENTS, f"the padded input is {padded} large", "use less padding")
        extent = [(k - 1) * d + 1 for k, d in zip(self.kernel, self.dilation, strict=True)]
        require(all(p >= e for p, e in zip(padded, extent, strict=True)),
                f"the window {extent} is larger than the padded input {padded}", "use a smaller kernel or more padding")
        return tuple((p - e) // s + 1 for p, e, s in zip(padded, extent, self.stride, strict=True))

    def columns(self, padded: IntArray) -> IntArray:
        """All windows of an already padded x (N, C, *S): a view of shape (N, C, *S', *K)."""
        rank = len(self.kernel)
        axes = tuple(range(2, 2 + rank))
        extent = tuple((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilation, strict=True))
        windows = sliding_window_view(padded, extent, axes)
        step = tuple(slice(None, None, s) for s in (*self.stride, *self.dilation))
        return windows[(slice(None), slice(None), *step)]

    def covers(self, size: Shape) -> bool:
        """Whether every window holds at least one element of an input of spatial size `size`, not padding alone."""
        axes = zip(size, self.output(size), self.kernel, self.stride, self.pads, self.dilation, strict=False)
        return all(_covered(*axis) for axis in axes)

    @property
    def tap_axes(self) -> tuple[int, ...]:
        """The axes of `columns` that hold the taps."""
        return tuple(range(-len(self.kernel), 0))

    @property
    def area(self) -> int:
        """Number of taps of the window."""
        return prod(self.kernel)


@dataclass(frozen=True)
class Window:
    """A sliding window on rows and columns, also for images of one axis, which have a single row.

    `pads` are top, left, bottom, right; below zero that much of the image is left out.
    """

    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: tuple[int, int] = (1, 1)

    @classmethod
    def of(cls, kernel: Sequence[int], stride: Sequence[int], pads: Sequence[int], dilation: Sequence[int]) -> Window:
        """From an op's attributes, of 1-D or 2-D images."""
        top, left, bottom, right = (0, pads[0], 0, pads[1]) if len(pads) == 2 else pads
        return cls(_two(kernel), _two(stride), (top, left, bottom, right), _two(dilation))


def _two(lengths: Sequence[int]) -> tuple[int, int]:
    return (1, lengths[0]) if len(lengths) == 1 else (lengths[0], lengths[1])


def taps(tap: Shape, size: Shape, stride: Shape, dilation: Shape) -> tuple[slice, ...]:
    """Where, along each axis, one tap of a window meets its `size` elements: tap * dilation + 0, stride, 2 stride..."""
    starts = [t * d for t, d in zip(tap, dilation, strict=True)]
    return tuple(slice(b, b + (n - 1) * s + 1, s) for b, n, s in zip(starts, size, stride, strict=True))


def _covered(size: int, outputs: int, kernel: int, stride: int, pad: int, dilation: int) -> bool:
    """Whether, along one axis, every window has a tap on an element of the input."""
    start = np.arange(outputs, dtype=np.int64) * stride - pad
    tap = np.maximum(-(start // dilation), 0)  # the first one that is not left of the input
    return bool(((tap < kernel) & (start + tap * dilation < size)).all())


def pad_spatial(x: IntArray, pads: tuple[int, ...], value: int) -> IntArray:
    """Pad the spatial axes of x (N, C, *S) with `value`; `pads` are begins then ends."""
    rank = len(pads) // 2
    if not any(pads):
        return x
    return np.pad(x, ((0, 0), (0, 0), *zip(pads[:rank], pads[rank:], strict=True)), constant_values=value)
