"""The two layouts of a transposed convolution's weights: PyTorch's, and that of the same convolution with a stretched
image, which the device and `network.Weights` have."""

from __future__ import annotations

import numpy as np

from ...ir import IntArray


def transposed(values: IntArray, groups: int) -> IntArray:
    """Weights (I, O/groups, *K) as (O, I/groups, *K) with flipped kernels, or the other way round: its own inverse.

    >>> w = np.arange(6).reshape(1, 2, 3)
    >>> transposed(w, 1).tolist(), bool((transposed(transposed(w, 1), 1) == w).all())
    ([[[2, 1, 0]], [[5, 4, 3]]], True)
    """
    split = values.reshape(groups, -1, *values.shape[1:]).swapaxes(1, 2)
    return np.ascontiguousarray(np.flip(split.reshape(-1, *split.shape[2:]), axis=tuple(range(2, values.ndim))))
