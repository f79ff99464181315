"""The geometry that convolutions and poolings share: padding, windows, output sizes."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..op import require
from ..types import IntArray, Shape


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

    @property
    def area(self) -> int:
        """Number of taps of the window."""
        return prod(self.kernel)


def pad_spatial(x: IntArray, pads: tuple[int, ...], value: int) -> IntArray:
    """Pad the spatial axes of x (N, C, *S) with `value`; `pads` are begins then ends."""
    rank = len(pads) // 2
    if not any(pads):
        return x
    return np.pad(x, ((0, 0), (0, 0), *zip(pads[:rank], pads[rank:], strict=True)), constant_values=value)
