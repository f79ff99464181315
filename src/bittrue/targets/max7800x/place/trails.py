"""How far behind its input an output may be written into the same memory.

A layer reads pixels in order and keeps what it needs of them; every output pixel is written when the last input pixel
that it depends on has been read. The output may take the place of input that has been read, as long as it never
reaches a pixel that is still to be read.
"""

from __future__ import annotations

import numpy as np

from ....ir import IntArray
from ..network import Dim, Layer, Operator
from ..placement import in_passes

MARGIN = 64
"""Words that an output stays further behind than it must."""


def trails(layer: Layer) -> bool:
    """Whether the order in which a layer reads and writes is known: no flattening, joining, cropping or dilation."""
    return not any((layer.flatten, layer.spatial_join, any(layer.crop), layer.dilation != (1, 1), layer.groups > 1,
                    layer.operands > 1 and in_passes(layer).count > 1))


def lag(layer: Layer, words_in: int, words_out: int) -> int:
    """Words by which the output must begin below the input; negative if it may begin above.

    `words_in` and `words_out` are the words of a pixel in their blocks.
    """
    pixels, left = layer.in_dim[0] * layer.in_dim[1], still_to_read(layer)
    written = np.arange(1, left.size + 1) * words_out
    lags = (written - left * words_in)[left < pixels]
    return int(lags.max(initial=-pixels * words_in)) + MARGIN


def still_to_read(layer: Layer) -> IntArray:
    """For every output pixel, in the order of writing, the first input pixel that is still to be read then."""
    rows, cols = layer.pooled_dim
    down, right = (_last_needed(layer, axis, (rows, cols)) for axis in (0, 1))
    below, beside = np.meshgrid(down, right + 1, indexing="ij")
    below, beside = np.where(beside < cols, below, below + 1), np.where(beside < cols, beside, 0)
    place = below * layer.pool.stride[0] * layer.in_dim[1] + beside * layer.pool.stride[1]
    left = np.where(below < rows, place, layer.in_dim[0] * layer.in_dim[1])
    return np.maximum.accumulate(left.ravel())


def _last_needed(layer: Layer, axis: int, dim: Dim) -> IntArray:
    """For every row (axis 0) or column of the output the last pooled one that it depends on."""
    places = np.arange(layer.out_dim[axis])
    if layer.operator is Operator.CONVTRANSPOSE2D:
        places = (places + layer.pad[axis]) // layer.stride[axis]
    elif layer.convolves:
        places = places * layer.stride[axis] + layer.kernel[axis] - 1 - layer.pad[axis]
    return np.clip(places, 0, dim[axis] - 1)
