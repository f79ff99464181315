"""Sums of products, exact: convolutions as matrix products in floating point that hold every sum as an integer."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .layer import STRETCH, Pair
from .memories import Ints

SINGLE = 1 << 24
"""Integers up to here are exact in 32-bit floating point, up to 2**53 in 64."""

LARGEST = 128
"""Largest size of a value of 8 bits."""

BLOCK = 1 << 21
"""Values that are gathered for one matrix product."""

Array = npt.NDArray[Any]
"""Values of any type."""


def padded(image: Array, pad: Pair, stretch: bool, kind: type) -> Array:
    """(channels, rows, columns), stretched by 2 with zeros, with zeros around it, as another type."""
    scale = STRETCH if stretch else 1
    channels, rows, columns = image.shape
    out = np.zeros((channels, rows * scale + 2 * pad[0], columns * scale + 2 * pad[1]), kind)
    out[:, pad[0]:pad[0] + rows * scale:scale, pad[1]:pad[1] + columns * scale:scale] = image
    return out


def convolve(image: Array, kernels: Array, size: Pair, pad: Pair,
             stretch: bool) -> Ints:
    """Convolve (channels, rows, columns) with (outputs, channels, weights): (outputs, rows, columns).

    One matrix product for a block of rows: the image from every weight's pixel on, below each other. What wraps around
    at the end of a row is cut off.
    """
    bound = LARGEST * LARGEST * kernels.shape[1] * kernels.shape[2]
    kind = np.float32 if bound < SINGLE else np.float64
    whole = padded(image, pad, stretch, kind)
    rows, columns, width = whole.shape[1] - size[0] + 1, whole.shape[2] - size[1] + 1, whole.shape[2]
    flat = whole.reshape(len(whole), -1)
    matrix = np.ascontiguousarray(kernels.astype(kind).transpose(0, 2, 1)).reshape(len(kernels), -1)
    starts = [row * width + column for row in range(size[0]) for column in range(size[1])]
    sums = np.empty((len(kernels), rows, columns), np.int64)
    block = max(BLOCK // (matrix.shape[1] * width), 1)
    for first in range(0, rows, block):
        count = min(block, rows - first)
        length = (count - 1) * width + columns
        stack = np.concatenate([flat[:, first * width + s:first * width + s + length] for s in starts])
        product = np.empty((len(kernels), count * width), kind)
        product[:, :length] = matrix @ stack
        sums[:, first:first + count] = product.reshape(len(kernels), count, width)[:, :, :columns]
    return sums


def convolve_each(image: Array, kernels: Array, size: Pair, pad: Pair,
                  stretch: bool) -> Ints:
    """Convolve every channel of (channels, rows, columns) with its own kernel of (channels, weights)."""
    whole = padded(image, pad, stretch, np.int32)
    rows, columns = whole.shape[1] - size[0] + 1, whole.shape[2] - size[1] + 1
    sums = np.zeros((len(whole), rows, columns), np.int32)
    for tap in range(kernels.shape[1]):
        row, column = divmod(tap, size[1])
        sums += whole[:, row:row + rows, column:column + columns] * kernels[:, tap, None, None].astype(np.int32)
    return sums.astype(np.int64)
