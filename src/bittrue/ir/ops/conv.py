"""Sums of products: convolution and fully connected layers, exact in the declared accumulator type."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from ..op import Kind, Op, Operand, require
from ..types import I32, IntArray, IntType, Range, TensorType
from .spatial import Spatial, pad_spatial

WEIGHTED = (Operand("x"), Operand("weight", Kind.CONSTANT), Operand("bias", Kind.CONSTANT, optional=True))


def require_exact_sum(terms: int, *types: TensorType) -> None:
    """Raise `RuleViolation` unless sums of `terms` products of these types (and a bias) stay within 64-bit arithmetic,
    on which `run` and `bounds` rely."""
    bits = types[0].elem.bits + types[1].elem.bits + terms.bit_length()
    require(bits <= 62 and all(t.elem.bits <= 62 for t in types[2:]),
            f"{terms} products of {types[0].elem} and {types[1].elem} (and a bias) can leave 64-bit arithmetic",
            "declare the operands as narrow as their values are")


@dataclass(frozen=True)
class Conv(Op):
    """Convolution: x (I, *S), weight (O, I/groups, *K), bias (O) -> acc (O, *S'), for 1-D and 2-D images.

    `pads` are begin then end of each spatial axis, as in ONNX; padding is with zeros. `acc` declares the accumulator:
    the range analysis proves that no sum leaves it.
    """

    stride: tuple[int, ...] = (1, 1)
    pads: tuple[int, ...] = (0, 0, 0, 0)
    dilation: tuple[int, ...] = (1, 1)
    groups: int = 1
    acc: IntType = I32

    operands = WEIGHTED

    def window(self, kernel: tuple[int, ...]) -> Spatial:
        """The geometry of the sliding window."""
        return Spatial(kernel, self.stride, self.pads, self.dilation)

    def infer(self, *types: TensorType) -> TensorType:
        x, weight = types[0].shape, types[1].shape
        require(len(x) in (2, 3) and len(weight) == len(x) + 1,
                f"input {types[0]} and weight {types[1]} are not of the shapes (I, *S) and (O, I/groups, *K)",
                "give a 1-D (I, W) or 2-D (I, H, W) image and a weight of one more axis")
        require(x[0] == weight[1] * self.groups and weight[0] % self.groups == 0,
                f"{x[0]} input and {weight[0]} output channels do not fit weight {types[1]} in {self.groups} groups",
                "make weight.shape[1] * groups equal the input channels, and the output channels a multiple of groups")
        require(len(types) < 3 or types[2].shape == weight[:1], f"the bias is {types[-1]}, not one value per output "
                f"channel ({weight[0]})", "give a bias of shape (O,)")
        require_exact_sum(prod(weight[1:]), *types)
        return TensorType((weight[0], *self.window(weight[2:]).output(x[1:])), self.acc)

    def run(self, *arrays: IntArray) -> IntArray:
        x, weight = arrays[:2]
        kernel = weight.shape[2:]
        columns = self.window(kernel).columns(pad_spatial(x, self.pads, 0))  # (N, I, *S', *K)
        batch, spatial = x.shape[0], columns.shape[2:2 + len(kernel)]
        rows = columns.reshape(batch, self.groups, x.shape[1] // self.groups, prod(spatial), prod(kernel))
        flat = weight.reshape(self.groups, weight.shape[0] // self.groups, weight.shape[1], prod(kernel))
        acc: IntArray = np.einsum("ngcpk,gock->ngop", rows, flat, optimize=True)
        acc = acc.reshape(batch, weight.shape[0], *spatial)
        return acc + arrays[2].reshape(-1, *(1,) * len(kernel)) if arrays[2:] else acc

    def bounds(self, *ranges: Range) -> Range:
        x, weight = ranges[0].including(0) if any(self.pads) else ranges[0], ranges[1].lo
        outputs, rank = weight.shape[0], weight.ndim - 2
        lo, hi = (self._per_weight(bound, weight) for bound in (x.lo.min(axis=tuple(range(1, rank + 1))),
                                                                x.hi.max(axis=tuple(range(1, rank + 1)))))
        axes = tuple(range(1, weight.ndim))
        low, high = np.minimum(weight * lo, weight * hi).sum(axes), np.maximum(weight * lo, weight * hi).sum(axes)
        shape = (outputs,) + (1,) * rank
        bias = (ranges[2].lo if ranges[2:] else np.zeros(outputs, np.int64)).reshape(shape)
        return Range(low.reshape(shape) + bias, high.reshape(shape) + bias)

    def macs(self, *types: TensorType) -> int:
        return self.infer(*types).size * prod(types[1].shape[1:])

    def _per_weight(self, bound: IntArray, weight: IntArray) -> IntArray:
        """Per input channel bounds (I) laid out like the weight they meet: (O, I/groups, *1)."""
        grouped = np.broadcast_to(bound, (weight.shape[1] * self.groups,)).reshape(self.groups, 1, weight.shape[1])
        per_output = np.broadcast_to(grouped, (self.groups, weight.shape[0] // self.groups, weight.shape[1]))
        return per_output.reshape(*weight.shape[:2], *(1,) * (weight.ndim - 2))


@dataclass(frozen=True)
class Linear(Op):
    """Fully connected layer on the last axis: x (*B, I), weight (O, I), bias (O) -> acc (*B, O)."""

    acc: IntType = I32

    operands = WEIGHTED

    def infer(self, *types: TensorType) -> TensorType:
        x, weight = types[0].shape, types[1].shape
        require(len(weight) == 2 and len(x) >= 1 and x[-1] == weight[1],
                f"input {types[0]} does not fit weight {types[1]}",
                "give a weight (outputs, inputs) whose inputs equal the input's last axis; flatten images first")
        require(len(types) < 3 or types[2].shape == weight[:1], f"the bias is {types[-1]}, not one value per output "
                f"({weight[0]})", "give a bias of shape (O,)")
        require_exact_sum(weight[1], *types)
        return TensorType((*x[:-1], weight[0]), self.acc)

    def run(self, *arrays: IntArray) -> IntArray:
        acc = arrays[0] @ arrays[1].T
        return acc + arrays[2] if arrays[2:] else acc

    def bounds(self, *ranges: Range) -> Range:
        weight = ranges[1].lo
        x = ranges[0].broadcast(np.broadcast_shapes(ranges[0].lo.shape, (weight.shape[1],)))
        positive, negative = np.maximum(weight, 0).T, np.minimum(weight, 0).T
        bias = ranges[2].lo if ranges[2:] else np.zeros(weight.shape[0], np.int64)
        return Range(x.lo @ positive + x.hi @ negative + bias, x.hi @ positive + x.lo @ negative + bias)

    def macs(self, *types: TensorType) -> int:
        return types[0].size * types[1].shape[0]
