"""Weights as the kernels take them: how many bits, which kernel, how many groups in one layer."""

from __future__ import annotations

from math import prod

import numpy as np

from ....ir import I32, IntArray, Range
from .walk import Refused

WIDTHS = (2, 4, 8)
AROUND = 128
"""What a pixel of one layer costs beside its products, in products: copying what a window sees, setting up loops."""


def narrowest(weight: IntArray, bias: IntArray, sums: Range) -> tuple[int, ...]:
    """The widths that the weights can be stored in, narrowest first. Raises `Refused` (BT5541).

    Sums of 4-bit and 2-bit weights are held times 16 and 64, so they and the bias must leave room for it.

    >>> one = Range(np.array([-1 << 26]), np.array([1 << 26]))
    >>> narrowest(np.array([1, -2]), np.array([0]), one), narrowest(np.array([127]), np.array([0]), one)
    ((4, 8), (8,))
    """
    low, high = (int(f([f(a, initial=0) for a in pair])) for f, pair in
                 ((np.min, (sums.lo, bias)), (np.max, (sums.hi, bias))))
    if low < I32.min or high > I32.max:
        raise Refused("BT5542", f"its sums and biases are {low}..{high}, the kernels' have {I32}",
                      "use smaller weights, biases, or fewer products")
    fit = [bits for bits in WIDTHS if _fits(weight.min(initial=0), weight.max(initial=0), bits)
           and _fits(low, high, 24 + bits)]
    if not fit:
        raise Refused("BT5541", f"its weights are {weight.min()}..{weight.max()}; the kernels take signed bytes",
                      "quantize weights symmetrically: -127..127")
    return tuple(fit)


def _fits(low: int, high: int, bits: int) -> bool:
    return -(1 << bits - 1) <= low and high < 1 << bits - 1


def conv_kernel(weight: IntArray, padded: bool, widths: tuple[int, ...]) -> tuple[str, int]:
    """The kernel of a convolution with these weights (O, I, KH, KW), and the width of its weights.

    A 1x1 kernel is pointwise at the narrowest width that fills words with input channels, even where narrower weights
    exist: a convolution would copy every pixel for the few products that it has, and unpacking costs cycles, too.

    >>> conv_kernel(np.zeros((1, 12, 1, 1)), False, (2, 4, 8)), conv_kernel(np.zeros((1, 9, 1, 1)), False, (2, 4, 8))
    (('pointwise', 8), ('conv', 2))
    """
    if weight.shape[2:] == (1, 1) and not padded:
        for bits in widths:
            if weight.shape[1] % (32 // bits) == 0:
                return "pointwise", bits
    return "conv", widths[0]


def together(groups: int, shape: tuple[int, ...]) -> int:
    """How many groups of a convolution with weights (O, I/groups, KH, KW) one layer computes, zeros between them.

    Sums go over words of 4 products in blocks of 4 outputs, so small groups cost as much as a few of them together.

    >>> together(8, (8, 1, 3, 3)), together(2, (64, 64, 3, 3)), together(2, (4, 3, 1, 1))
    (4, 1, 2)
    """
    outputs, inputs, taps = shape[0] // groups, shape[1], prod(shape[2:])

    def cost(count: int) -> int:
        return groups // count * (_filled(count * inputs * taps) * _filled(count * outputs) + AROUND)

    return min((k for k in range(1, groups + 1) if groups % k == 0), key=cost)


def _filled(count: int) -> int:
    return -(-count // 4) * 4


def side_by_side(weight: IntArray, groups: int) -> IntArray:
    """Weights (O, I/groups, KH, KW) of some groups as those of one convolution (O, I, KH, KW).

    >>> side_by_side(np.array([[[[2]]], [[[3]]]]), 2)[..., 0, 0].tolist()
    [[2, 0], [0, 3]]
    """
    outputs, inputs = weight.shape[0] // groups, weight.shape[1]
    whole = np.zeros((weight.shape[0], groups * inputs, *weight.shape[2:]), np.int64)
    for g in range(groups):
        rows = slice(g * outputs, (g + 1) * outputs)
        whole[rows, g * inputs:(g + 1) * inputs] = weight[rows]
    return whole
