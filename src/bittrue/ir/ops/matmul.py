"""Product of two activation tensors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..op import Op, require
from ..types import I32, IntArray, IntType, Range, TensorType
from .conv import require_exact_sum
from .elementwise import PAIR, broadcast_pair


@dataclass(frozen=True)
class MatMul(Op):
    """Matrix product of two activation tensors: a (*B, M, K), b (*B, K, N) -> acc (*B, M, N).

    Both samples have the same rank (at least 2); leading axes of length 1 are repeated (NumPy broadcasting). `acc`
    declares the accumulator: the range analysis proves that no sum leaves it.
    """

    acc: IntType = I32

    operands = PAIR
    explicit = True

    def infer(self, *types: TensorType) -> TensorType:
        a, b = types
        require(min(len(a.shape), len(b.shape)) >= 2 and a.shape[-1] == b.shape[-2],
                f"{a} and {b} are not of the shapes (*B, M, K) and (*B, K, N)",
                "give matrices with equal inner lengths; transpose one of them if needed")
        require_exact_sum(a.shape[-1], *types)
        return TensorType((*broadcast_pair(types, slice(-2)), a.shape[-2], b.shape[-1]), self.acc)

    def run(self, *arrays: IntArray) -> IntArray:
        product: IntArray = arrays[0] @ arrays[1]
        return product

    def bounds(self, *ranges: Range) -> Range:
        a, b = ranges
        low = high = np.int64(0)
        for k in range(a.lo.shape[-1]):  # one term of the sum after the other: each of the shape (*B, M, N)
            ends = np.stack([p[..., :, k, None] * q[..., None, k, :] for p in (a.lo, a.hi) for q in (b.lo, b.hi)])
            low, high = low + ends.min(axis=0), high + ends.max(axis=0)
        return Range(np.asarray(low), np.asarray(high))

    def macs(self, *types: TensorType) -> int:
        return self.infer(*types).size * types[0].shape[-1]
