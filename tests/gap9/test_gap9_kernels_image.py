"""Depthwise convolution, poolings and element-by-element kernels against plain Python and NumPy int64."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from bittrue.ir import Rounding
from bittrue.ir.ops import Requant
from bittrue.ir.types import IntType
from bittrue.targets.gap9.kernels import (
    ELEMENT_TYPES,
    NO_REQUANT,
    Kind,
    RequantTable,
    pack_bias,
    pack_depthwise,
    pack_lookup,
    plan_division,
    plan_requant,
)
from bittrue.targets.gap9.network import DTYPES
from gap9.kernel_builds import Call, Ints, output, structure, typed
from gap9.kernel_inputs import DEPTHWISE, WINDOWS, Window, above_zero, activations, tables, weights, window_fields
from gap9.kernel_reference import requantized, scaled, windows


@pytest.mark.parametrize("window", [*WINDOWS, *DEPTHWISE])
@pytest.mark.parametrize("signed", [True, False])
def test_depthwise(window: Window, signed: bool) -> None:
    size, kernel, *rest = window
    random = np.random.default_rng(sum(size))
    x, w = activations(random, signed, size), weights(random, 8, (size[2], *kernel))
    bias = random.integers(-1000, 1000, size[2])
    seen = windows(x, rest[0], kernel, *rest[1:])
    acc = np.einsum("yxhwc,chw->yxc", seen, w) + bias
    found = tables(size[2], random)
    for cores, table in zip((1, 2, 3, 8, 5, 4, 1, 6), (*found, *map(above_zero, (found[1], found[5]))), strict=True):
        call = Call("depthwise")
        raw = call.run(acc.size * table.element_bytes, cores, input=call.address(x), requant=call.requant(table),
                       weights=call.address(pack_depthwise(w)), bias=call.address(pack_bias(bias), np.int32),
                       is_signed=int(signed), **window_fields(*window))
        assert (output(raw, table, acc.shape) == scaled(acc, table)).all(), (cores, table.kind)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("signed", [True, False])
def test_max_pool(window: Window, signed: bool) -> None:
    size, kernel, *rest = window
    x = activations(np.random.default_rng(sum(size)), signed, size)
    largest = windows(x, rest[0], kernel, *rest[1:], filler=-999).max(axis=(2, 3))
    for cores in (1, 3, 8):
        call = Call("max_pool")
        raw = call.run(largest.size, cores, input=call.address(x), is_signed=int(signed), **window_fields(*window))
        assert (typed(raw, np.int8 if signed else np.uint8, largest.shape) == largest).all()


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("signed", [True, False])
def test_avg_pool(window: Window, signed: bool) -> None:
    size, kernel, *rest = window
    random = np.random.default_rng(sum(size))
    x = activations(random, signed, size)
    total = windows(x, rest[0], kernel, *rest[1:]).sum(axis=(2, 3))
    for cores, table in zip((1, 2, 3, 8, 5, 4), tables(size[2], random), strict=True):
        call = Call("avg_pool")
        raw = call.run(total.size * table.element_bytes, cores, input=call.address(x), requant=call.requant(table),
                       is_signed=int(signed), **window_fields(*window))
        assert (output(raw, table, total.shape) == scaled(total, table)).all(), (cores, table.kind)


def test_global_average_is_divided_by_the_area() -> None:
    """5 x 3 pixels of u8: the mean, rounded half up."""
    x = np.random.default_rng(3).integers(0, 256, (5, 3, 6))
    table = plan_division(15, Rounding.HALF_UP, 0, 255, (0, 255 * 15))
    call = Call("avg_pool")
    raw = call.run(6, 8, input=call.address(x), requant=call.requant(table), is_signed=0,
                   **window_fields((5, 3, 6), (5, 3), (1, 1), (1, 1), (0, 0), (1, 1)))
    assert raw.tolist() == [(2 * int(s) + 15) // 30 for s in x.sum(axis=(0, 1))]


def of_type(random: np.random.Generator, name: str, shape: tuple[int, ...], limit: int = 1 << 20) -> Ints:
    info = np.iinfo(DTYPES[name])
    return random.integers(max(info.min, -limit), min(info.max, limit) + 1, shape)


@pytest.mark.parametrize(("a_type", "b_type"), [("i8", "i8"), ("u8", "u8"), ("i8", "u8"), ("i32", "i16"),
                                                ("u16", "i32")])
def test_add(a_type: str, b_type: str) -> None:
    random = np.random.default_rng(7)
    a, b = of_type(random, a_type, (13, 9)), of_type(random, b_type, (13, 7))
    total = a[:, :7] + b
    for cores, table in zip((1, 2, 3, 8, 5, 4), tables(7, random), strict=True):
        if table.kind in (Kind.NARROW, Kind.PARTS) and "i32" in (a_type, b_type):
            continue  # sums of 21 bits leave one word
        call = Call("add")
        raw = call.run(total.size * table.element_bytes, cores, a=call.address(a, DTYPES[a_type]),
                       b=call.address(b, DTYPES[b_type]), requant=call.requant(table), pixels=13, channels=7,
                       a_pitch=9, b_pitch=7, out_pitch=7, a_type=ELEMENT_TYPES[a_type], b_type=ELEMENT_TYPES[b_type])
        assert (output(raw, table, total.shape) == scaled(total, table)).all(), (cores, table.kind)


@pytest.mark.parametrize("name", list(DTYPES))
def test_requantize(name: str) -> None:
    random = np.random.default_rng(8)
    x = of_type(random, name, (13, 6))
    for cores, table in zip((1, 2, 3, 8, 5, 4), tables(6, random), strict=True):
        if table.kind in (Kind.NARROW, Kind.PARTS) and name == "i32":
            continue
        call = Call("requantize")
        raw = call.run(x.size * table.element_bytes, cores, input=call.address(x, DTYPES[name]),
                       requant=call.requant(table), pixels=13, channels=6, in_pitch=6, out_pitch=6,
                       in_type=ELEMENT_TYPES[name])
        assert (output(raw, table, x.shape) == scaled(x, table)).all(), (cores, table.kind)


@pytest.mark.parametrize("rounding", list(Rounding))
def test_leaky_relu_of_every_value(rounding: Rounding) -> None:
    """slope 13/128 below zero: the record is that of the requantization x * 13 / 2**7, for negative x alone."""
    op = Requant(IntType(8, True), -128, 127, rounding)
    numbers = np.array([13]), np.array([0]), np.array([7])
    table = plan_requant(op, numbers, (np.array([-128]), np.array([-1])))
    assert table.kind in (Kind.NARROW, Kind.NARROW_EVEN)
    x = np.arange(-128, 128)
    call = Call("leaky_relu")
    raw = call.run(256, 3, input=call.address(x), requant=call.requant(table), count=256)
    wanted = [v if v >= 0 else requantized(v, (13, 0, 7), rounding, (-128, 127)) for v in range(-128, 128)]
    assert typed(raw, np.int8, (256,)).tolist() == wanted


@pytest.mark.parametrize("count", [256, 255, 3, 1])
@pytest.mark.parametrize("first", [-128, 0])
def test_lookup(count: int, first: int) -> None:
    random = np.random.default_rng(count)
    table, x = random.integers(-128, 128, 256), random.permutation(256)[:count] + first
    call = Call("lookup")
    raw = call.run(count, 5, input=call.address(x), table=call.address(pack_lookup(table, first)), count=count)
    assert typed(raw, np.int8, (count,)).tolist() == table[x - first].tolist()


def test_lookup_of_a_narrow_type() -> None:
    """A table for i4 lies at the bytes of -8..7."""
    call = Call("lookup")
    raw = call.run(4, 1, input=call.address(np.array([-8, -1, 0, 7])), count=4,
                   table=call.address(pack_lookup(np.arange(100, 116), -8)))
    assert raw.tolist() == [100, 107, 108, 115]


def test_concat() -> None:
    random = np.random.default_rng(2)
    images = [random.integers(-128, 128, (15, pitch)) for pitch in (3, 9, 1)]
    call = Call("concat")
    parts = (structure("bt_part") * 3)(*((call.address(image), c, image.shape[1])
                                         for image, c in zip(images, (3, 8, 1), strict=True)))

    raw = call.run(15 * 12, 4, parts=ctypes.addressof(parts), count=3, pixels=15, out_pitch=12)
    assert (typed(raw, np.int8, (15, 12)) == np.concatenate([images[0], images[1][:, :8], images[2]], axis=1)).all()


@pytest.mark.parametrize("pads", [(1, 2, 3, 0, 0, 0), (0, 0, 0, 0, 2, 3), (2, 0, 1, 5, 1, 0), (0, 0, 0, 0, 0, 0)])
@pytest.mark.parametrize("value", [0, -7, 255])
def test_pad(pads: tuple[int, ...], value: int) -> None:
    x = np.random.default_rng(4).integers(-128, 128, (3, 5, 6))
    top, bottom, left, right, front, back = pads
    wanted = np.full((3 + top + bottom, 5 + left + right, 6 + front + back), value)
    wanted[top:top + 3, left:left + 5, front:front + 6] = x
    for cores in (1, 3, 8):
        call = Call("pad")
        raw = call.run(wanted.size, cores, input=call.address(x), in_h=3, in_w=5, in_c=6, in_pitch=6, pad_top=top,
                       pad_bottom=bottom, pad_left=left, pad_right=right, pad_front=front, pad_back=back, value=value)
        assert (raw.reshape(wanted.shape) == wanted & 0xFF).all()


def test_no_requantization_of_sums() -> None:
    """BT_NONE stores the 32-bit sums: 4 windows of 2 x 2 pixels."""
    x = np.arange(-8, 8).reshape(4, 4, 1)
    call = Call("avg_pool")
    raw = call.run(16, 2, input=call.address(x), requant=call.requant(NO_REQUANT), is_signed=1,
                   **window_fields((4, 4, 1), (2, 2), (2, 2), (2, 2), (0, 0), (1, 1)))
    assert typed(raw, np.int32, (4,)).tolist() == [-22, -14, 10, 18]


def test_a_split_table_in_depthwise() -> None:
    """Two floors, per channel, in a kernel that has no special path for them."""
    x = np.arange(-60, 60).reshape(5, 6, 4)
    op = Requant(IntType(8, True), -128, 127, Rounding.HALF_AWAY, 1, 1)
    numbers = [(1 << 20, 3, 22), (-(1 << 20), 5, 22), (3 << 20, 0, 23), (3 << 20, 1 << 19, 24)]
    m, o, s = (np.array(column) for column in zip(*numbers, strict=True))
    table: RequantTable = plan_requant(op, (m, o, s), (np.full(4, -60), np.full(4, 59)))
    assert table.kind is Kind.SPLIT
    call = Call("depthwise")
    raw = call.run(120, 3, input=call.address(x), requant=call.requant(table), is_signed=1,
                   weights=call.address(pack_depthwise(np.ones((4, 1, 1), np.int64))), bias=None,
                   **window_fields((5, 6, 4), (1, 1), (5, 6), (1, 1), (0, 0), (1, 1)))
    wanted = [requantized(int(v), numbers[i % 4], Rounding.HALF_AWAY, (-128, 127), (1, 1))
              for i, v in enumerate(x.ravel())]
    assert typed(raw, np.int8, (120,)).tolist() == wanted
