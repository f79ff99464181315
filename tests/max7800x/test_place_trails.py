"""Outputs that take the place of their inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bittrue.errors import Unsupported
from bittrue.targets.max7800x.network import INPUT, Layer, Network, Operator, Pool, Weights
from bittrue.targets.max7800x.place import PlaceOptions, place
from bittrue.targets.max7800x.place.trails import MARGIN, lag
from bittrue.targets.max7800x.placement import instances

from .wired import OLD, Wired

OPERATORS = (Operator.CONV2D, Operator.CONVTRANSPOSE2D, Operator.PASSTHROUGH)


def needed(layer: Layer, row: int, col: int) -> list[tuple[int, int]]:
    """The pooled pixels that an output pixel depends on."""
    if layer.operator is Operator.PASSTHROUGH:
        return [(row, col)]
    rows, cols = layer.pooled_dim
    taps = [(r, c) for r in range(layer.kernel[0]) for c in range(layer.kernel[1])]
    if layer.operator is Operator.CONVTRANSPOSE2D:  # pixel (y, x) is at (2 y, 2 x) of what is convolved
        before = layer.kernel[0] - 1 - layer.pad[0]
        spots = [(row + r - before, col + c - before) for r, c in taps]
        spots = [(y // 2, x // 2) for y, x in spots if y % 2 == 0 and x % 2 == 0]
    else:
        spots = [(row + r - layer.pad[0], col + c - layer.pad[1]) for r, c in taps]
    return [(y, x) for y, x in spots if 0 <= y < rows and 0 <= x < cols]


def damaged(layer: Layer, words_in: int, words_out: int, distance: int) -> bool:
    """Whether an output that begins `distance` words below the input overwrites a word before it is read.

    Pooled pixels are read one after the other, and only as far as the output pixel that is written next needs them.
    """
    (rows, cols), (out_rows, out_cols) = layer.pooled_dim, layer.out_dim
    windows = [[(y * layer.pool.stride[0] + r, x * layer.pool.stride[1] + c) for r in range(layer.pool.window[0])
                for c in range(layer.pool.window[1])] for y in range(rows) for x in range(cols)]
    last_reader: dict[int, int] = {}
    for number, window in enumerate(windows):
        last_reader.update(dict.fromkeys((y * layer.in_dim[1] + x for y, x in window), number))
    read = -1
    for row in range(out_rows):
        for col in range(out_cols):
            read = max([read, *(y * cols + x for y, x in needed(layer, row, col))])
            for word in range(words_out):
                hit = ((row * out_cols + col) * words_out + word - distance) // words_in
                if hit >= 0 and last_reader.get(hit, -1) > read:
                    return True
    return False


@st.composite
def layers(draw: st.DrawFn) -> Layer:
    operator = draw(st.sampled_from(OPERATORS))
    size = 3 if operator is Operator.CONVTRANSPOSE2D else draw(st.sampled_from([1, 3]))
    window = draw(st.integers(1, 3)) if operator is not Operator.CONVTRANSPOSE2D else 1
    stride = draw(st.integers(1, window))
    dim = (draw(st.integers(max(3, window + 2), 9)), draw(st.integers(max(3, window + 2), 9)))
    changes: dict[str, Any] = {"pool": Pool(False, (window, window), (stride, stride))}
    if operator is not Operator.PASSTHROUGH:
        changes |= {"kernel": (size, size), "pad": (size // 2, size // 2),
                    "weights": Weights(np.ones((8, 4, size, size), np.int64), 8)}
    if operator is Operator.CONVTRANSPOSE2D:
        changes |= {"stride": (2, 2), "output_pad": (1, 1)}
    return Layer("layer", operator, (INPUT,), 4, dim, **changes)


@given(layers(), st.integers(1, 4), st.integers(1, 4))
def test_an_output_that_keeps_its_distance_damages_nothing(layer: Layer, words_in: int, words_out: int) -> None:
    distance = lag(layer, words_in, words_out) - MARGIN
    assert not damaged(layer, words_in, words_out, distance)
    assert not damaged(layer, words_in, words_out, distance + 5)


@given(layers(), st.integers(1, 4), st.integers(1, 4))
def test_one_word_less_is_too_little_where_pixels_are_read_once(layer: Layer, words_in: int, words_out: int) -> None:
    rows, cols = (pooled * step for pooled, step in zip(layer.pooled_dim, layer.pool.stride, strict=True))
    if layer.pool.window == layer.pool.stride and (rows, cols) == layer.in_dim \
            and min(layer.pooled_dim) > 2 and layer.operator is not Operator.CONVTRANSPOSE2D:
        assert damaged(layer, words_in, words_out, lag(layer, words_in, words_out) - MARGIN - 1)


def large_image() -> Network:
    """48 channels of 88 x 86 pixels, and 64 of them: 27 of 16 instances' words."""
    net = Wired(48, (88, 86))
    net.conv(net.conv(INPUT, 64, size=1), 32, size=1)
    return net.network()


def test_an_output_follows_its_input_where_both_do_not_fit() -> None:
    net = Wired(48, (88, 86), layers=list(large_image().layers))
    placement = place(net.arranged(OLD), OLD)
    first, second = placement.layers
    assert placement.overlap_data
    assert set(instances(first.processors)) & set(instances(first.output_processors))
    assert first.in_offset - first.out_offset >= 4 * MARGIN
    assert second.in_offset == first.out_offset
    assert first.in_offset + 4 * 88 * 86 <= OLD.data.bytes


def test_without_overlap_the_conflict_is_explained() -> None:
    net = Wired(48, (88, 86), layers=list(large_image().layers))
    with pytest.raises(Unsupported, match="BT5391 the input and layer l0: while layer l0 runs, the data memory must "
                                          "hold the input 30272 bytes of 12 instances, layer l0 30272 bytes of 16 "
                                          "instances: 847616 bytes of 524288 in 16 instances of 32768"):
        place(net.arranged(OLD), OLD, PlaceOptions(overlap=False))
