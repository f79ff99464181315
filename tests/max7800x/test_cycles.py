"""Cycle estimates against a walk over all rows and columns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bittrue.targets.max7800x.cycles import LayerCycles, cycles, total_cycles
from bittrue.targets.max7800x.device import MAX78000, MAX78002, Device
from bittrue.targets.max7800x.memory import memory_maps
from bittrue.targets.max7800x.network import Eltwise, Layer, Network, Operator
from bittrue.targets.max7800x.placement import Fifo

from .nets import random_layer, random_pool
from .placed import added, chain, conv, conv1d, copy, linear, net, place, pooled, up

DIM = (6, 8)


def estimate(network: Network, device: Device = MAX78000, layers: dict[int, dict[str, Any]] | None = None,
             **changes: Any) -> list[int]:
    placement = place(network, layers, **changes)
    return [c.cycles for c in cycles(network, placement, device, memory_maps(network, placement, device))]


def walked(layer: Layer, passes: int, outputs: int) -> int:
    """The cycles of a layer that pools first: every pixel of the padded image is read, and no output costs one more.

    `outputs` are the channels that are written for every pixel.
    """
    window = layer.pool.window[0] * layer.pool.window[1]
    words = passes * layer.operands
    (rows, cols), (row_pad, col_pad) = layer.pooled_dim, layer.pad
    if layer.operator is Operator.CONVTRANSPOSE2D:
        rows, cols, row_pad, col_pad = 2 * rows, 2 * cols, 2 - row_pad, 2 - col_pad
    total = 0
    for row in range(rows + 2 * row_pad):
        for col in range(cols + 2 * col_pad):
            inside = row_pad <= row < row_pad + rows and col_pad <= col < col_pad + cols
            reads = window if inside else 1
            early = row < layer.kernel[0] - 1 or col < layer.kernel[1] - 1
            total += words * (reads + 1) + early
        if row >= layer.kernel[0] - 1:
            total += passes * layer.out_dim[1] * outputs + (outputs == 1 and passes == 1)
    return total


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([Operator.CONV1D, Operator.CONV2D, Operator.CONVTRANSPOSE2D]),
       st.integers(1, 200))
def test_convolutions(seed: int, operator: Operator, channels: int) -> None:
    rng = np.random.default_rng(seed)
    line = operator is Operator.CONV1D
    layer = random_layer(rng, operator, channels, (30, 1) if line else (9, 11))
    layer = replace(layer, dilation=(1, 1), pool=random_pool(rng, line))
    if min(layer.out_dim) < 1:
        return
    passes = -(-channels // 64)
    assert estimate(net(layer)) == [walked(layer, passes, layer.out_channels)]


def test_a_conv1d_by_hand() -> None:
    """18 samples and 4 zeros, 2 cycles each, 8 before the first output; 14 outputs of 5 channels."""
    layer = replace(conv1d("one", 3, 5, 18, 9), pad=(2, 0))
    assert estimate(net(layer)) == [22 * 2 + 8 + 14 * 5]


def test_skipped_output_processors_cost_time() -> None:
    """Channels on processors 0, 1 and 8: nine channels are gone through."""
    layer = conv("one", 3, 3, DIM)
    assert estimate(net(layer), layers={0: {"output_processors": 0x103}}) == [walked(layer, 1, 9)]


def test_two_operands() -> None:
    layer = conv("one", 3, 4, DIM, operands=2, eltwise=Eltwise.ADD, pool=pooled((2, 2), 2))
    assert estimate(net(layer)) == [walked(layer, 1, 4)]


def test_one_channel_in_one_pass_costs_a_cycle_a_row() -> None:
    layer = conv("one", 3, 1, DIM)
    assert estimate(net(layer)) == [walked(replace(layer), 1, 1)]
    assert estimate(net(layer))[0] == 10 * 8 * 2 + 2 * 10 + 6 * 2 + 6 * 8 + 6


def test_flattening() -> None:
    """12 pixels of 3 channels: read one after the other, and 10 outputs written for every row and column.

    Of more than 16 inputs per processor the mode costs one cycle more.
    """
    assert estimate(net(linear("one", 3, 10, (3, 4)))) == [12 * 2 + 3 * 4 * 10]
    assert estimate(net(linear("one", 3, 10, (4, 5)))) == [20 * 2 + 4 * 5 * 10 + 1]


def test_layers_without_convolution_write_words_in_turn() -> None:
    """12 channels of one group are three words for every pixel."""
    assert estimate(net(copy("one", 12, DIM))) == [48 * (2 + 3)]
    assert estimate(net(added("one", 3, 4, DIM))) == [48 * (3 * 2 + 1)]
    assert estimate(net(copy("one", 20, DIM))) == [48 * (2 + 4)]


def test_pooling_in_passes_without_convolution() -> None:
    """Three passes take the time of five, as long as there is a window."""
    whole = copy("one", 130, DIM, pool=pooled(DIM))
    assert estimate(net(whole)) == [5 * (48 + 1) + 5 * 4]
    assert estimate(net(copy("one", 130, DIM))) == [48 * (3 * 2 + 3 * 4)]


def test_pooling_last_reads_ahead_by_the_kernels_place() -> None:
    """MAX78000: for every output at the border as many cycles as the first column of the kernels."""
    layer = conv("bb", 3, 4, DIM, operands=2, eltwise=Eltwise.ADD, pool=pooled((2, 2), 2), pool_first=False)
    network = net(conv("a", 6, 20, DIM), layer)
    rows, cols = 3, 4
    border = rows + cols - 1
    padded = (rows + 2) * (cols + 2)
    body = rows * cols * (2 * 4 + 1) + (padded - rows * cols) * 2 + 2 * (cols + 2) + rows * 2 + rows * cols * 4
    assert estimate(network, MAX78000)[1] == border * 20 + body
    assert estimate(network, MAX78002)[1] == body


def test_a_streaming_layer_takes_half_as_long_again() -> None:
    network = chain(conv("a", 3, 1, DIM), conv("bb", 1, 4, DIM))
    whole = estimate(network)
    found = estimate(network, layers={0: {"streaming": True}}, fifo=Fifo.STANDARD)
    assert found == [-(-3 * whole[0] // 2), whole[1]]


def test_small_kernels_beside_streaming_layers_take_longer() -> None:
    small = conv("bb", 4, 4, DIM, kernel=(1, 1), pad=(0, 0))
    network = chain(conv("a", 3, 4, DIM), small)
    streaming = estimate(network, layers={0: {"streaming": True}}, fifo=Fifo.STANDARD)
    assert estimate(network)[1] == walked(network.layers[1], 1, 4)
    assert streaming[1] == walked(replace(network.layers[1], kernel=(3, 3), pad=(1, 1)), 1, 4)


def test_a_long_dilated_kernel_takes_the_time_of_its_image() -> None:
    layer = conv1d("one", 3, 2, 40, 3, dilation=(5, 1))
    image = conv("image", 3, 2, (8, 5))
    assert estimate(net(layer)) == [walked(image, 1, 2)]


def test_four_groups_share_the_outputs_behind_the_quad_fifo() -> None:
    layer = conv("one", 3, 10, DIM)
    assert estimate(net(layer), fifo=Fifo.QUAD) == [walked(layer, 1, 3)]


def test_layers_by_name_and_the_whole() -> None:
    network = chain(conv("a", 3, 4, DIM), up("bb", 4, 4, DIM))
    placement = place(network, {1: {"out_offset": 0}})
    found = cycles(network, placement, MAX78000, memory_maps(network, placement, MAX78000))
    one, two = walked(network.layers[0], 1, 4), walked(network.layers[1], 1, 4)
    assert found == (LayerCycles("a", one), LayerCycles("bb", two))
    assert total_cycles(found) == 1 + one + two
