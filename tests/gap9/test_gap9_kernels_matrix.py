"""Convolution, pointwise and linear kernels in plain C against sums written with NumPy int64."""

from __future__ import annotations

import numpy as np
import pytest

from bittrue.errors import BadInput
from bittrue.targets.gap9.kernels import (
    KERNELS,
    NO_REQUANT,
    Columns,
    pack_bias,
    pack_conv,
    pack_linear,
    pack_matrix,
    row_bytes,
)
from gap9.kernel_builds import Call, output, typed
from gap9.kernel_inputs import activations, conv_fields, tables, weights
from gap9.kernel_reference import Pair, convolve, scaled

SHAPES = [
    # (H, W, I), O, kernel, (OH, OW), stride, pad, dilation
    ((5, 7, 3), 8, (3, 3), (5, 7), (1, 1), (1, 1), (1, 1)),
    ((6, 5, 4), 5, (3, 2), (3, 5), (2, 1), (1, 0), (1, 1)),
    ((9, 8, 5), 4, (2, 3), (5, 4), (1, 1), (0, 2), (3, 2)),
    ((4, 11, 8), 7, (1, 5), (4, 4), (1, 3), (0, 2), (1, 1)),
    ((3, 3, 2), 9, (5, 5), (3, 3), (1, 1), (2, 2), (1, 1)),
    ((7, 4, 1), 1, (4, 4), (2, 1), (3, 2), (0, 0), (1, 1)),
    ((1, 1, 16), 12, (3, 3), (1, 1), (1, 1), (1, 1), (1, 1)),
    ((4, 4, 6), 4, (1, 1), (4, 4), (1, 1), (0, 0), (1, 1)),
    # several pairs of pixels at once, an odd last pixel; windows that lie outside of the image as a whole
    ((9, 11, 3), 16, (3, 3), (9, 11), (1, 1), (1, 1), (1, 1)),
    ((9, 9, 1), 10, (7, 5), (5, 5), (2, 2), (3, 2), (1, 1)),
    ((2, 2, 4), 8, (2, 2), (7, 7), (1, 1), (3, 3), (1, 1)),
    ((3, 4, 2), 8, (3, 2), (9, 8), (1, 1), (5, 4), (2, 2)),
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("bits", "signed"), [(8, True), (8, False), (4, True), (4, False), (2, True), (2, False)])
def test_conv(shape: tuple[tuple[int, int, int], int, Pair, Pair, Pair, Pair, Pair], bits: int, signed: bool) -> None:
    size, outputs, kernel, *geometry = shape
    random = np.random.default_rng(sum(size) + bits + signed)
    x, w = activations(random, signed, size), weights(random, bits, (outputs, size[2], *kernel))
    bias = random.integers(-1000, 1000, outputs)
    acc = convolve(x, w, *geometry) + bias
    for cores, table in zip((1, 2, 3, 8, 5, 4), tables(outputs, random), strict=True):
        call = Call("conv")
        raw = call.run(acc.size * table.element_bytes, cores, input=call.address(x), requant=call.requant(table),
                       weights=call.address(pack_conv(w, bits)), bias=call.address(pack_bias(bias), np.int32),
                       **conv_fields(x, w, *geometry, bits, signed))
        assert (output(raw, table, acc.shape) == scaled(acc, table)).all(), (cores, table.kind)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("bits", [8, 4, 2])
def test_conv_with_columns_that_are_kept(shape: tuple[tuple[int, int, int], int, Pair, Pair, Pair, Pair, Pair],
                                         bits: int) -> None:
    """The first channels' call makes all of the im2col matrix; a call for more channels has no other input."""
    size, outputs, kernel, *geometry = shape
    random = np.random.default_rng(sum(size) + bits)
    x, w = activations(random, False, size), weights(random, bits, (outputs + 6, size[2], *kernel))
    for cores in (1, 2, 3, 5, 8):
        call = Call("conv")
        matrix = call.address(np.full(geometry[0][0] * geometry[0][1] * row_bytes(w[0].size, bits), 0xA5))
        for columns, image, part in ((Columns.MAKE, call.address(x), w[:outputs]),
                                     (Columns.KEPT, None, w[outputs:])):
            raw = call.run(geometry[0][0] * geometry[0][1] * len(part) * 4, cores, input=image, scratch=matrix,
                           weights=call.address(pack_conv(part, bits)), requant=call.requant(NO_REQUANT),
                           **conv_fields(x, part, *geometry, bits, False, columns))
            expected = convolve(x, part, *geometry)
            assert (typed(raw, np.int32, expected.shape) == expected).all(), (cores, columns)


def test_conv_of_a_slice_of_channels() -> None:
    """Two groups: each reads and writes its slice of the channels (pitches), without a bias."""
    random = np.random.default_rng(5)
    x, w = activations(random, True, (5, 6, 7)), weights(random, 8, (6, 3, 3, 3))
    geometry = ((5, 6), (1, 1), (1, 1), (1, 1))
    memory = np.zeros((5, 6, 11), np.int64)
    for first, out_first in ((0, 1), (4, 5)):
        part, kernels = x[:, :, first:first + 3], w[3 * (first > 0):][:3]
        call = Call("conv")
        fields = conv_fields(part, kernels, *geometry, 8, True) | {"in_pitch": 7, "out_pitch": 11}
        start = call.address(x)
        assert start is not None
        raw = call.run(30 * 11 * 4, 4, input=start + first, requant=call.requant(NO_REQUANT), bias=None,
                       weights=call.address(pack_conv(kernels, 8)), **fields)
        written = typed(raw, np.int32, (5, 6, 11))
        memory[:, :, out_first:out_first + 3] = written[:, :, :3]
        assert (written[:, :, 3:] == np.uint32(0xA5A5A5A5).astype(np.int32)).all(), "written beside the slice"
        assert (memory[:, :, out_first:out_first + 3] == convolve(part, kernels, *geometry)).all()


@pytest.mark.parametrize(("bits", "inputs", "signed"), [(8, 12, True), (8, 4, False), (4, 16, True), (4, 8, False),
                                                        (2, 32, True), (2, 16, False)])
def test_pointwise(bits: int, inputs: int, signed: bool) -> None:
    random = np.random.default_rng(inputs)
    for outputs, stride, out in ((8, (1, 1), (5, 3)), (6, (2, 1), (3, 3)), (1, (1, 2), (5, 2)), (8, (1, 3), (5, 1))):
        x, w = activations(random, signed, (5, 3, inputs)), weights(random, bits, (outputs, inputs, 1, 1))
        bias = random.integers(-1000, 1000, outputs)
        acc = convolve(x, w, out, stride, (0, 0), (1, 1)) + bias
        for cores, table in zip((1, 3, 8, 2, 7, 5), tables(outputs, random), strict=True):
            call = Call("pointwise")
            raw = call.run(acc.size * table.element_bytes, cores, input=call.address(x), requant=call.requant(table),
                           weights=call.address(pack_conv(w, bits)), bias=call.address(pack_bias(bias), np.int32),
                           in_w=3, in_c=inputs, in_pitch=inputs, out_h=out[0], out_w=out[1], out_c=outputs,
                           out_pitch=outputs, stride_h=stride[0], stride_w=stride[1], is_signed=int(signed),
                           weight_bits=bits)
            assert (output(raw, table, acc.shape) == scaled(acc, table)).all(), (cores, table.kind)


@pytest.mark.parametrize("bits", [8, 4, 2])
@pytest.mark.parametrize(("rows", "inputs", "outputs", "signed"), [
    (1, 64, 24, True), (1, 33, 11, False), (1, 7, 4, True), (2, 16, 8, False), (5, 20, 10, True), (3, 1, 1, False),
    (13, 20, 16, False)])
def test_linear(bits: int, rows: int, inputs: int, outputs: int, signed: bool) -> None:
    random = np.random.default_rng(rows + inputs)
    pitch = inputs + 3
    x, w = activations(random, signed, (rows, pitch)), weights(random, bits, (outputs, inputs))
    bias = random.integers(-1000, 1000, outputs)
    acc = x[:, :inputs] @ w.T + bias
    slack = np.append(x.ravel(), np.full(16, 77))  # what lies after the last row meets zeros
    for cores, table in zip((1, 2, 8, 3, 5, 4), tables(outputs, random), strict=True):
        call = Call("linear")
        raw = call.run(acc.size * table.element_bytes, cores, input=call.address(slack), requant=call.requant(table),
                       weights=call.address(pack_linear(w, bits)), bias=call.address(pack_bias(bias), np.int32),
                       rows=rows, in_c=inputs, in_pitch=pitch, out_c=outputs, out_pitch=outputs,
                       is_signed=int(signed), weight_bits=bits)
        assert (output(raw, table, acc.shape) == scaled(acc, table)).all(), (cores, table.kind)


def test_largest_sums() -> None:
    """2**31 - 1 is reached: 65,536 products of 255 * 128 and a bias, and the same downwards."""
    x = np.full((2, 65_536), 255)
    w = np.stack([np.full(65_536, -128), np.full(65_536, 127)])
    bias = np.array([-(1 << 31) + 255 * 128 * 65_536, (1 << 31) - 1 - 255 * 127 * 65_536])
    call = Call("linear")
    raw = call.run(16, 2, input=call.address(x), requant=call.requant(NO_REQUANT), rows=2, in_c=65_536,
                   in_pitch=65_536, weights=call.address(pack_linear(w, 8)),
                   bias=call.address(pack_bias(bias), np.int32), out_c=2, out_pitch=2, is_signed=0, weight_bits=8)
    assert typed(raw, np.int32, (2, 2)).tolist() == [[-(1 << 31), (1 << 31) - 1]] * 2


def test_weights_of_a_flattened_image() -> None:
    """A graph flattens (C, H, W), the chip's memory holds (H, W, C)."""
    random = np.random.default_rng(1)
    w, image = weights(random, 8, (3, 24)), random.integers(-128, 128, (2, 3, 4))
    assert pack_linear(w, 8, (2, 3, 4)) == pack_linear(w.reshape(3, 2, 3, 4).transpose(0, 2, 3, 1).reshape(3, 24), 8)
    flat = np.frombuffer(pack_linear(w, 8, (2, 3, 4)), np.int8).reshape(6, 4, 4).transpose(1, 0, 2).reshape(4, 24)
    assert (flat[:3].astype(np.int64) @ image.transpose(1, 2, 0).ravel() == w @ image.ravel()).all()


def test_packed_order_by_hand() -> None:
    """One block, 8 weights a channel: words of channels 0 to 3, then their second words; nibbles as bt_dot.h says."""
    w = np.arange(24).reshape(3, 8)
    assert list(pack_matrix(w, 8)) == [*range(4), *range(8, 12), *range(16, 20), 0, 0, 0, 0,
                                       *range(4, 8), *range(12, 16), *range(20, 24), 0, 0, 0, 0]
    assert list(pack_matrix(np.array([[1, 2, 3, 4, 5, 6, 7, -8]]), 4)) == [0x15, 0x26, 0x37, 0x48] + [0] * 12
    two = np.array([[1, 0, 0, 0, -1, 0, 0, 0, -2, 0, 0, 0, 1, 1]])
    assert list(pack_matrix(two, 2)) == [0b01_11_10_01, 0b00_00_00_01, 0, 0] + [0] * 12
    with pytest.raises(BadInput, match="BT5531"):
        pack_matrix(np.array([[8]]), 4)


def test_scratch_and_macs_by_hand() -> None:
    """3x3 kernel, 3 channels: 27 activations, filled up to 28 (4-bit weights: 32). 576 bytes hold 10 (9) pairs of rows:
    so many for each of 8 cores with many pixels, so many for a single core with 20 pixels."""
    values = {"kernel_h": 3, "kernel_w": 3, "in_c": 3, "out_c": 10, "out_h": 4, "out_w": 5, "columns": 0}
    conv = KERNELS["conv"]
    assert [conv.scratch({**values, "weight_bits": bits}, 8) for bits in (8, 4)] == [20 * 28, 18 * 32]
    many = {**values, "out_h": 40}
    assert [conv.scratch({**many, "weight_bits": bits}, 8) for bits in (8, 4)] == [8 * 20 * 28, 8 * 18 * 32]
    assert conv.scratch({**values, "weight_bits": 8, "out_h": 1, "out_w": 4}, 8) == 6 * 2 * 28, "two cores are idle"
    assert conv.scratch({**many, "weight_bits": 8, "in_c": 64}, 8) == 8 * 2 * 576
    assert [conv.scratch({**values, "weight_bits": 8, "columns": kept}, 8) for kept in (1, 2)] == [20 * 28] * 2
    assert conv.macs(values) == 4 * 5 * 10 * 27
