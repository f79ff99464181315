"""Kernels of other sizes as the kernels that the device has: embedded in 3x3, groups written out as zeros."""

from __future__ import annotations

import numpy as np

from ....ir import IntArray


def dense(weight: IntArray, groups: int) -> IntArray:
    """Weights (O, I/groups, *K) of a grouped convolution as those of an ordinary one (O, I, *K), zeros elsewhere.

    >>> dense(np.array([[[2]], [[3]]]), 2).tolist()
    [[[2], [0]], [[0], [3]]]
    """
    outputs, part = weight.shape[:2]
    full = np.zeros((outputs, part * groups, *weight.shape[2:]), np.int64)
    for group in range(groups):
        rows = slice(group * outputs // groups, (group + 1) * outputs // groups)
        full[rows, group * part:(group + 1) * part] = weight[rows]
    return full


def embedded(weight: IntArray, pads: tuple[int, int, int, int]) -> tuple[IntArray, int] | None:
    """Weights (O, I, rows, cols) of at most 3x3 with `pads` (top, left, bottom, right) as 3x3 weights with one pad.

    The kernel is put where the zeros around it make up for unequal pads; None when no place and pad (0 to 2) does.
    """
    if weight.shape[2:] == (1, 1) and pads == (0, 0, 0, 0):
        return weight, 0
    if max(weight.shape[2:]) > 3:
        return None
    for pad in (0, 1, 2):
        row, col = pad - pads[0], pad - pads[1]
        if _fits(weight.shape[2], row, pad - pads[2]) and _fits(weight.shape[3], col, pad - pads[3]):
            full = np.zeros((*weight.shape[:2], 3, 3), np.int64)
            full[:, :, row:row + weight.shape[2], col:col + weight.shape[3]] = weight
            return full, pad
    return None


def _fits(size: int, before: int, after: int) -> bool:
    return before >= 0 and after >= 0 and before + size + after == 3


def identity(channels: int) -> IntArray:
    """Kernels (C, C, 1, 1) of 1 that copy every channel; they need 2 bits."""
    return np.eye(channels, dtype=np.int64)[:, :, np.newaxis, np.newaxis]
