"""Transposed convolution: every input element adds its weighted kernel to the output."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from ..op import Op, require
from ..types import I32, MAX_ELEMENTS, IntArray, IntType, Range, Shape, TensorType
from .conv import WEIGHTED, require_exact_sum
from .spatial import taps


@dataclass(frozen=True)
class ConvTranspose(Op):
    """Transposed convolution: x (I, *S), weight (I, O/groups, *K), bias (O) -> acc (O, *S'), for 1-D and 2-D images.

    Element s of x adds x[s] * weight[k] to element s * stride + k * dilation - pads_begin of the output, where that
    lies inside; S' = (S - 1) * stride + (K - 1) * dilation + 1 + output_padding - pads_begin - pads_end. `pads` are
    begins then ends. `acc` declares the accumulator: the range analysis proves that no sum leaves it.
    """

    stride: tuple[int, ...] = (1, 1)
    pads: tuple[int, ...] = (0, 0, 0, 0)
    output_padding: tuple[int, ...] = (0, 0)
    dilation: tuple[int, ...] = (1, 1)
    groups: int = 1
    acc: IntType = I32

    operands = WEIGHTED
    explicit = True

    def infer(self, *types: TensorType) -> TensorType:
        x, weight = types[0].shape, types[1].shape
        require(len(x) in (2, 3) and len(weight) == len(x) + 1,
                f"input {types[0]} and weight {types[1]} are not of the shapes (I, *S) and (I, O/groups, *K)",
                "give a 1-D (I, W) or 2-D (I, H, W) image and a weight of one more axis")
        require(self.groups >= 1 and x[0] == weight[0] and x[0] % self.groups == 0,
                f"{x[0]} input channels do not fit weight {types[1]} in {self.groups} groups",
                "make weight.shape[0] the input channels, a multiple of groups")
        outputs = weight[1] * self.groups
        require(len(types) < 3 or types[2].shape == (outputs,),
                f"the bias is {types[-1]}, not one value per output channel ({outputs})", "give a bias of shape (O,)")
        require_exact_sum(prod(weight[2:]) * x[0] // self.groups, *types)
        return TensorType((outputs, *self._output(x[1:], weight[2:])), self.acc)

    def run(self, *arrays: IntArray) -> IntArray:
        x, weight = arrays[:2]
        acc = self._sums(x, weight)
        return acc + arrays[2].reshape(-1, *(1,) * (x.ndim - 2)) if arrays[2:] else acc

    def bounds(self, *ranges: Range) -> Range:
        lo, hi, weight = ranges[0].lo[np.newaxis], ranges[0].hi[np.newaxis], ranges[1].lo
        positive, negative = np.maximum(weight, 0), np.minimum(weight, 0)
        low = self._sums(lo, positive) + self._sums(hi, negative)
        high = self._sums(hi, positive) + self._sums(lo, negative)
        bias = ranges[2].lo.reshape(-1, *(1,) * (lo.ndim - 2)) if ranges[2:] else np.int64(0)
        return Range((low + bias)[0], (high + bias)[0])

    def macs(self, *types: TensorType) -> int:
        return types[0].size * prod(types[1].shape[1:])

    def _full(self, size: Shape, kernel: Shape) -> Shape:
        """Output size before the pads are cut off."""
        return tuple((s - 1) * stride + (k - 1) * d + 1 + extra for s, k, stride, d, extra in
                     zip(size, kernel, self.stride, self.dilation, self.output_padding, strict=True))

    def _output(self, size: Shape, kernel: Shape) -> Shape:
        rank = len(size)
        require(len(self.stride) == len(self.dilation) == len(self.output_padding) == rank
                and len(self.pads) == 2 * rank,
                f"stride {self.stride}, dilation {self.dilation}, output_padding {self.output_padding}, pads "
                f"{self.pads} are not for {rank} spatial axes", f"give {rank} of each, and {2 * rank} pads")
        require(min(*self.stride, *self.dilation, *kernel) >= 1 and min(*self.pads, *self.output_padding) >= 0,
                f"stride {self.stride}, dilation {self.dilation}, output_padding {self.output_padding} or pads "
                f"{self.pads} is too small", "stride and dilation are at least 1, the others at least 0")
        limits = map(max, self.stride, self.dilation)
        require(all(extra < limit for extra, limit in zip(self.output_padding, limits, strict=True)),
                f"output_padding {self.output_padding} reaches stride {self.stride} and dilation {self.dilation}",
                "keep it below the larger of the two")
        full = self._full(size, kernel)
        require(prod(full) <= MAX_ELEMENTS, f"the output is {full} large", f"keep it below {MAX_ELEMENTS} elements")
        cut = [b + e for b, e in zip(self.pads[:rank], self.pads[rank:], strict=True)]
        require(all(f > c for f, c in zip(full, cut, strict=True)),
                f"pads {self.pads} leave nothing of the output {full}", "use smaller pads")
        return tuple(f - c for f, c in zip(full, cut, strict=True))

    def _sums(self, x: IntArray, weight: IntArray) -> IntArray:
        """The transposed convolution of x (N, I, *S), without bias: (N, O, *S')."""
        batch, size, kernel = x.shape[0], x.shape[2:], weight.shape[2:]
        grouped = x.reshape(batch, self.groups, -1, prod(size))
        flat = weight.reshape(self.groups, weight.shape[0] // self.groups, *weight.shape[1:])
        full = np.zeros((batch, self.groups * weight.shape[1], *self._full(size, kernel)), np.int64)
        for tap in np.ndindex(*kernel):
            part = np.einsum("ngip,gio->ngop", grouped, flat[(..., *tap)])
            where = (slice(None), slice(None), *taps(tap, size, self.stride, self.dilation))
            full[where] += part.reshape(batch, -1, *size)
        rank = len(size)
        inside = (slice(b, f - e) for b, e, f in zip(self.pads[:rank], self.pads[rank:], full.shape[2:], strict=True))
        return full[(slice(None), slice(None), *inside)]
