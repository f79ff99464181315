"""Weights, biases and tables in the order in which the kernels read them (`source/bt_dot.h`)."""

from __future__ import annotations

from math import prod

import numpy as np

from ....errors import BadInput, declare, fail
from ....ir import IntArray

declare({"BT5531": "weights are wider than the kernel's weights"})

BLOCK = 4
"""Channels of one block."""
WEIGHT_BITS = (8, 4, 2)


def padded(values: IntArray, multiple: int, axis: int = 0) -> IntArray:
    """The array with zeros after it along an axis, up to a multiple.

    >>> padded(np.array([1, 2, 3]), 4).tolist()
    [1, 2, 3, 0]
    """
    widths = [(0, 0)] * values.ndim
    widths[axis] = (0, -values.shape[axis] % multiple)
    return np.pad(values, widths)


def row_bytes(length: int, weight_bits: int) -> int:
    """Activations of one row that `length` weights are filled up to.

    >>> [row_bytes(27, bits) for bits in (8, 4, 2)]
    [28, 32, 32]
    """
    per_word = 32 // weight_bits
    return -(-length // per_word) * per_word


def pack_matrix(weight: IntArray, weight_bits: int, where: str = "weights") -> bytes:
    """Weights (O, K) in blocks of 4 channels with interleaved words; O and K are filled up with zeros.

    Raises `BadInput` (BT5531) for values that do not fit `weight_bits` (8, 4 or 2) signed bits.
    """
    limit = 1 << (weight_bits - 1)
    if weight_bits not in WEIGHT_BITS or weight.min(initial=0) < -limit or weight.max(initial=0) >= limit:
        fail(BadInput, "BT5531", where, f"they are {weight.min()}..{weight.max()}, the kernel takes signed "
             f"{weight_bits} bits", f"use one of {WEIGHT_BITS} bits that holds them")
    parts = 8 // weight_bits
    full = padded(padded(weight, BLOCK), 4 * parts, 1)
    words = full.reshape(full.shape[0], -1, parts, 4)  # channel, word, part, byte
    shifts = np.array([8 - weight_bits * (part + 1) for part in range(parts)]).reshape(-1, 1)
    whole = ((words & ((1 << weight_bits) - 1)) << shifts).sum(axis=2).astype(np.uint8)  # channel, word, byte
    blocks = whole.reshape(-1, BLOCK, *whole.shape[1:]).transpose(0, 2, 1, 3)
    return bytes(blocks.tobytes())


def pack_conv(weight: IntArray, weight_bits: int, where: str = "weights") -> bytes:
    """Weights (O, I, KH, KW) of `bt_conv` or `bt_pointwise`: rows of the kernel first, channels last."""
    return pack_matrix(weight.transpose(0, 2, 3, 1).reshape(weight.shape[0], -1), weight_bits, where)


def pack_linear(weight: IntArray, weight_bits: int, image: tuple[int, int, int] | None = None,
                where: str = "weights") -> bytes:
    """Weights (O, K) of `bt_linear`. After a flattened image (C, H, W) the inputs lie in the order H, W, C."""
    if image is not None:
        weight = weight.reshape(-1, *image).transpose(0, 2, 3, 1).reshape(weight.shape[0], prod(image))
    return pack_matrix(weight, weight_bits, where)


def pack_depthwise(weight: IntArray) -> bytes:
    """8-bit weights (C, KH, KW) of `bt_depthwise`: columns, each filled up to a multiple of 4; channels too."""
    columns = padded(weight.transpose(0, 2, 1), 4, 2)
    return padded(columns, BLOCK).astype(np.int8).tobytes()


def pack_bias(bias: IntArray) -> IntArray:
    """A bias per channel, filled up to whole blocks."""
    return padded(bias, BLOCK)


def pack_lookup(table: IntArray, first: int) -> bytes:
    """A table of 2**bits entries that starts at the value `first`, as 256 bytes by unsigned byte.

    >>> list(pack_lookup(np.arange(-128, 128), -128)[126:130])
    [126, 127, 128, 129]
    """
    places = (np.arange(table.size) + first) & 0xFF
    out = np.zeros(256, np.uint8)
    out[places] = table & 0xFF
    return out.tobytes()
