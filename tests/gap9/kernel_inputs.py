"""Random operands of kernels, requantizations of every kind, and the integer fields of calls."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bittrue.ir import Rounding
from bittrue.targets.gap9.kernels import NO_REQUANT, Columns, Kind, RequantTable, pack_bias
from gap9.kernel_builds import Ints
from gap9.kernel_reference import Pair

WINDOWS = [
    # (H, W, C), kernel, (OH, OW), stride, pad, dilation
    ((5, 7, 8), (3, 3), (5, 7), (1, 1), (1, 1), (1, 1)),
    ((6, 5, 5), (3, 2), (3, 5), (2, 1), (1, 0), (1, 1)),
    ((9, 8, 3), (2, 3), (5, 4), (1, 1), (0, 2), (3, 2)),
    ((4, 11, 4), (1, 5), (4, 4), (1, 3), (0, 2), (1, 1)),
    ((3, 3, 6), (5, 5), (3, 3), (1, 1), (2, 2), (1, 1)),
    ((7, 6, 9), (4, 3), (2, 2), (3, 2), (0, 0), (1, 1)),
    ((2, 9, 4), (3, 3), (2, 5), (1, 2), (1, 1), (1, 1)),
    ((8, 9, 12), (2, 2), (4, 4), (2, 2), (0, 0), (1, 1)),
    ((6, 7, 7), (6, 7), (1, 1), (1, 1), (0, 0), (1, 1)),
]
DEPTHWISE = [
    # the ways through the depthwise convolution: two rows at once, by threes and what is left of them
    ((3, 12, 8), (3, 3), (3, 12), (1, 1), (1, 1), (1, 1)),
    ((4, 13, 4), (3, 3), (4, 13), (1, 1), (1, 1), (1, 1)),
    ((5, 16, 6), (2, 3), (4, 14), (1, 1), (0, 0), (1, 1)),
    ((1, 17, 4), (1, 3), (1, 17), (1, 1), (0, 1), (1, 1)),
    ((2, 15, 3), (3, 3), (4, 17), (1, 1), (2, 2), (1, 1)),
    # one row: strides, four rows of the kernel, dilation of the rows
    ((6, 14, 5), (3, 3), (6, 6), (1, 2), (1, 0), (1, 1)),
    ((9, 13, 8), (3, 3), (4, 6), (2, 2), (0, 0), (1, 1)),
    ((7, 6, 9), (4, 3), (5, 6), (1, 1), (1, 1), (1, 1)),
    ((8, 5, 4), (3, 3), (4, 5), (1, 1), (0, 1), (2, 1)),
    # four windows at once, the last four of them
    ((6, 9, 5), (5, 5), (6, 9), (1, 1), (2, 2), (1, 1)),
    ((5, 8, 4), (7, 2), (1, 4), (1, 2), (1, 1), (1, 1)),
    ((4, 6, 8), (1, 1), (4, 6), (1, 1), (0, 0), (1, 1)),
    ((12, 11, 6), (9, 3), (3, 7), (2, 1), (1, 0), (1, 1)),
]
Window = tuple[tuple[int, int, int], Pair, Pair, Pair, Pair, Pair]


def parts(numbers: tuple[int, int, int], bits: int) -> tuple[int, int, int]:
    """The record of two parts; the low one is signed."""
    multiplier, offset, shift = numbers
    low = (multiplier + (1 << bits >> 1)) % (1 << bits) - (1 << bits >> 1)
    rest = offset % (1 << bits)
    return (multiplier - low) >> bits, (offset >> bits << 32) + low % (1 << 32), shift - bits + (rest << 5)


def tables(channels: int, random: np.random.Generator) -> list[RequantTable]:
    """No requantization, and one of each way through the kernels: per channel and for all."""
    def scales(m: int, s: int, count: int) -> tuple[tuple[int, int, int], ...]:
        return tuple((int(random.integers(1, m)), int(random.integers(-(1 << s), 1 << s)), s) for _ in range(count))

    wide = tuple((m, o << 20, 5) for m, o, _ in scales(1 << 28, 12, channels))
    split = tuple(parts((m - 40_000, o, s), 8) for m, o, s in scales(80_000, 22, channels))
    return [NO_REQUANT, RequantTable(Kind.NARROW, scales(40, 9, channels), (), True, -128, 127),
            RequantTable(Kind.WIDE, wide, (), True, 0, 127), RequantTable(Kind.WIDE, wide[:1], (), False, -99, 98),
            RequantTable(Kind.GENERAL, scales(90, 11, channels), (), True, -128, 127, Rounding.HALF_EVEN),
            RequantTable(Kind.PARTS, split, (), True, -128, 126, slope_shift=8)]


def activations(random: np.random.Generator, signed: bool, shape: tuple[int, ...]) -> Ints:
    """Bytes, the extremes among them."""
    lo, hi = (-128, 127) if signed else (0, 255)
    x = random.integers(lo, hi + 1, shape)
    x[random.random(shape) < 0.2] = lo
    x[random.random(shape) < 0.2] = hi
    return x


def weights(random: np.random.Generator, bits: int, shape: tuple[int, ...]) -> Ints:
    limit = 1 << (bits - 1)
    w = random.integers(-limit, limit, shape)
    w[random.random(shape) < 0.2] = -limit
    return w


def above_zero(table: RequantTable) -> RequantTable:
    """The same with a clamp from 0 on."""
    return replace(table, lo=0, hi=117)


def packed_bias(random: np.random.Generator, count: int) -> bytes:
    """A bias as the kernels read it."""
    return bytes(pack_bias(random.integers(-999, 999, count)).astype(np.int32).tobytes())


def bytes_of(values: Ints) -> bytes:
    """Values of i8 or u8 as bytes."""
    return bytes((values & 255).astype(np.uint8).tobytes())


def conv_fields(x: Ints, w: Ints, out: Pair, stride: Pair, pad: Pair, dilation: Pair, bits: int,
                signed: bool, columns: Columns = Columns.OWN) -> dict[str, int]:
    """The sizes of a convolution."""
    return {"in_h": x.shape[0], "in_w": x.shape[1], "in_c": x.shape[2], "in_pitch": x.shape[2], "out_h": out[0],
            "out_w": out[1], "out_c": w.shape[0], "out_pitch": w.shape[0], "kernel_h": w.shape[2],
            "kernel_w": w.shape[3], "stride_h": stride[0], "stride_w": stride[1], "pad_top": pad[0],
            "pad_left": pad[1], "dilation_h": dilation[0], "dilation_w": dilation[1], "is_signed": int(signed),
            "weight_bits": bits, "columns": int(columns)}


def window_fields(size: tuple[int, int, int], kernel: Pair, out: Pair, stride: Pair, pad: Pair,
                  dilation: Pair) -> dict[str, int]:
    """The sizes of a depthwise convolution or a pooling of an image (H, W, C)."""
    return {"in_h": size[0], "in_w": size[1], "channels": size[2], "in_pitch": size[2], "out_h": out[0],
            "out_w": out[1], "out_pitch": size[2], "kernel_h": kernel[0], "kernel_w": kernel[1],
            "stride_h": stride[0], "stride_w": stride[1], "pad_top": pad[0], "pad_left": pad[1],
            "dilation_h": dilation[0], "dilation_w": dilation[1]}
