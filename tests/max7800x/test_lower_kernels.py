"""Bytes of kernel memory against weights that are put into place one by one, and a few columns written by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bittrue.errors import Unsupported
from bittrue.targets.max7800x.device import MAX78000, MAX78002, Device
from bittrue.targets.max7800x.lower.kernels import kernel_blocks
from bittrue.targets.max7800x.network import Layer, Network, Weights
from bittrue.targets.max7800x.placement import Fifo

from .lowered import expected_kernels, kernel_bytes, planned
from .placed import conv, conv1d, linear, net, up

DIM = (6, 8)

CASES: dict[str, tuple[Layer, dict[str, Any]]] = {
    "3x3": (conv("a", 5, 7, DIM), {}),
    "processors not from 0 on": (conv("a", 5, 7, DIM), {"processors": 0b1_1110_1000}),
    "4 bits": (conv("a", 5, 6, DIM, bits=4), {}),
    "2 bits, channels that do not fill a byte": (conv("a", 5, 7, DIM, bits=2), {}),
    "1 bit": (conv("a", 5, 16, DIM, bits=1), {}),
    "2 passes": (conv("a", 72, 5, DIM), {}),
    "3 passes, the last one not full": (conv("a", 130, 5, DIM), {}),
    "2 passes, 4 bits, the last one not full": (conv("a", 70, 6, DIM, bits=4), {}),
    "3 passes, 2 bits": (conv("a", 132, 12, DIM, bits=2), {}),
    "2 passes of output": (conv("a", 5, 70, DIM), {}),
    "2 passes of output, 1 bit": (conv("a", 5, 72, DIM, bits=1), {}),
    "1x1": (conv("a", 5, 20, DIM, kernel=(1, 1), pad=(0, 0)), {}),
    "1x1, 2 passes, 2 bits": (conv("a", 72, 12, DIM, kernel=(1, 1), pad=(0, 0), bits=2), {}),
    "Conv1d": (conv1d("a", 5, 7, 20, 4), {}),
    "Conv1d, 4 bits": (conv1d("a", 5, 7, 20, 5, bits=4), {}),
    "linear": (linear("a", 12, 10), {}),
    "flattened": (linear("a", 12, 10, (3, 4)), {}),
    "flattened, 2 passes": (linear("a", 72, 10, (3, 4)), {}),
    "flattened, 2 passes, 2 bits": (linear("a", 72, 9, (3, 5), bits=2), {}),
    "transposed": (up("a", 5, 7, DIM), {}),
    "output processors from 2 on": (conv("a", 5, 7, DIM), {"output_processors": 0b1_1111_1100}),
    "one output, 2 bits, 2 passes, from 3 on": (conv1d("a", 128, 1, 20, 7, bits=2), {"output_processors": 0b1000}),
    "gap": (conv("a", 5, 5, DIM), {"output_processors": 0b110000111}),
    "gap, 2 passes": (conv("a", 72, 5, DIM), {"output_processors": 0b110000111}),
    "gap, 4 bits": (conv("a", 5, 5, DIM, bits=4), {"output_processors": 0b110000111}),
    "gap, 1x1": (conv("a", 5, 5, DIM, kernel=(1, 1), pad=(0, 0)), {"output_processors": 0b110000111}),
}


@pytest.mark.parametrize(("layer", "changes"), CASES.values(), ids=CASES.keys())
def test_every_weight_is_in_its_byte(layer: Layer, changes: dict[str, Any]) -> None:
    plan = planned(net(layer), MAX78002, {0: changes})
    found = kernel_bytes(plan)
    assert {at: value for at, value in found.items() if value} == \
        expected_kernels(layer, plan.placement.layers[0], plan.maps.kernel_offsets[0])


@pytest.mark.parametrize("bits", [8, 4, 1])
@pytest.mark.parametrize("channels", [5, 70, 256])
def test_depthwise_layer_has_one_kernel_for_a_pass(bits: int, channels: int) -> None:
    layer = conv("a", channels, channels, DIM, groups=channels, bits=bits)
    plan = planned(net(layer), MAX78002)
    assert {at: value for at, value in kernel_bytes(plan).items() if value} == \
        expected_kernels(layer, plan.placement.layers[0], 0)


def test_a_column_is_a_kernel_row_by_row() -> None:
    weights = Weights(np.arange(1, 10).reshape(1, 1, 3, 3), 8)
    plan = planned(net(conv("a", 1, 1, DIM, weights=weights)))
    [block] = kernel_blocks(plan)
    assert (block.processor, block.column, block.data.tolist()) == (0, 0, [[1, 2, 3, 4, 5, 6, 7, 8, 9]])


def test_small_kernels_fill_a_column_from_its_end() -> None:
    """Three kernels of 4 weights: 12 bytes, the last 3 of which begin the second column."""
    weights = Weights(np.arange(1, 13).reshape(3, 1, 4), 8)
    [block] = kernel_blocks(planned(net(conv1d("a", 1, 3, 9, 4, weights=weights))))
    assert block.data.tolist() == [[12, 5, 6, 7, 8, 1, 2, 3, 4], [0, 0, 0, 0, 0, 0, 9, 10, 11]]


def test_two_channels_share_a_byte() -> None:
    weights = Weights(np.array([1] * 9 + [-2] * 9).reshape(2, 1, 3, 3), 4)
    [block] = kernel_blocks(planned(net(conv("a", 1, 2, DIM, weights=weights))))
    assert block.data.tolist() == [[0xE1] * 9]


def test_binary_weights_are_a_sign() -> None:
    values = np.array([1, -1, 1, 1, -1, -1, 1, 1]).repeat(9).reshape(8, 1, 3, 3)
    layer = conv("a", 1, 8, DIM, weights=Weights(values, 1, binary=True))
    [block] = kernel_blocks(planned(net(layer), MAX78002))
    assert block.data.tolist() == [[0b00110010] * 9]


def test_pixels_of_a_flattened_input_follow_one_another() -> None:
    """Two channels of 2x3: processor 1 has the second half of an output's weights, the first one on top."""
    weights = Weights(np.arange(1, 25).reshape(2, 12), 8)
    first, second = kernel_blocks(planned(net(linear("a", 2, 2, (2, 3), weights=weights))))
    assert first.data.tolist() == [[15, 14, 13, 6, 5, 4, 3, 2, 1], [0, 0, 0, 0, 0, 0, 18, 17, 16]]
    assert second.data.tolist() == [[21, 20, 19, 12, 11, 10, 9, 8, 7], [0, 0, 0, 0, 0, 0, 24, 23, 22]]


def test_gap_columns_are_another_layers() -> None:
    """Columns 3 to 6 hold no kernels of the first layer; the second one's 4 columns lie there."""
    network = net(conv("a", 5, 5, DIM), conv("bb", 5, 4, DIM, sources=(0,)))
    plan = planned(network, layers={0: {"output_processors": 0b110000111}, 1: {"processors": 0b110000111}})
    assert plan.maps.kernel_offsets == (0, 12)
    columns = {column for _, column, _ in kernel_bytes(plan)}
    assert columns == {0, 1, 2, 7, 8, 12, 13, 14, 15}


def test_kernels_beyond_a_gap_that_meet_another_layers() -> None:
    """Two passes: the kernel map skips 4 columns for the gap, and the counter 8."""
    first = conv("a", 72, 5, DIM)
    plan = planned(net(first, conv("bb", 36, 3, DIM)), layers={0: {"output_processors": 0b110000111}})
    occupancy = plan.maps.kernels.occupancy
    occupancy[0, 14] = 1
    with pytest.raises(Unsupported, match="layer a: its output processors have gaps") as caught:
        kernel_blocks(plan)
    assert [d.code for d in caught.value.diagnostics] == ["BT5410"]


@pytest.mark.parametrize(("bits", "outputs", "outside"), [(8, 12, 0b1111_1111_1111), (8, 7, 0b1111111), (4, 16, 0xFFFF),
                                                        (8, 7, 0b1111_1110)])
def test_quad_fifo_deals_output_channels_over_the_groups(bits: int, outputs: int, outside: int) -> None:
    layer = conv("a", 3, outputs, DIM, bits=bits)
    network = net(layer)
    plan = planned(network, MAX78002, {0: {"output_processors": outside}}, fifo=Fifo.QUAD)
    expected: dict[tuple[int, int, int], int] = {}
    for group in range(4):
        expected |= expected_kernels(layer, plan.placement.layers[0], 0, group)
    assert {at: value for at, value in kernel_bytes(plan).items() if value} == expected


def test_quad_fifo_that_does_not_feed_all_channels() -> None:
    plan = planned(net(conv("a", 3, 8, DIM)), MAX78002, {0: {"processors": 0x1_0001_0001}}, fifo=Fifo.QUAD)
    with pytest.raises(Unsupported, match="2 of its 3 input channels"):
        kernel_blocks(plan)


def test_four_memories_at_once_have_a_quarter_each() -> None:
    """Channels 0, 4, 8 in the first 1024 columns, 1, 5, 9 in the next ones, ..."""
    layer = conv("a", 2, 12, DIM)
    assert layer.weights is not None
    blocks = kernel_blocks(planned(net(layer), MAX78002, {0: {"calc_x4": True}}))
    assert [(b.processor, b.column, len(b.data)) for b in blocks] == [
        (p, 1024 * way, 3) for p in (0, 1) for way in range(4)]
    kernels = layer.weights.values.reshape(12, 2, 9) & 0xFF
    for block in blocks:
        assert block.data.tolist() == kernels[block.column // 1024::4, block.processor].tolist()


def test_equal_kernels_are_written_once() -> None:
    first = conv("a", 3, 4, DIM)
    blocks = kernel_blocks(planned(net(first, replace(first, name="b"))))
    assert [(b.processor, b.column, len(b.data)) for b in blocks] == [(0, 0, 4), (1, 0, 4), (2, 0, 4)]


@pytest.mark.parametrize("device", [MAX78000, MAX78002])
def test_two_layers_lie_one_after_the_other(device: Device) -> None:
    """From column 0 and 8; processors 0 to 2 have both."""
    one, two = conv("a", 3, 6, DIM), conv("bb", 6, 2, DIM, sources=(0,))
    plan = planned(net(one, two), device)
    expected = expected_kernels(one, plan.placement.layers[0], 0) | expected_kernels(two, plan.placement.layers[1], 8)
    assert {at: value for at, value in kernel_bytes(plan).items() if value} == expected
    assert [(b.processor, b.column, len(b.data)) for b in kernel_blocks(plan)] == [
        *((p, c, n) for p in range(3) for c, n in ((0, 6), (8, 2))), *((p, 8, 2) for p in (3, 4, 5))]


def test_a_network_without_kernels_has_no_blocks() -> None:
    network = Network("none", 3, DIM, (replace(conv("a", 3, 3, DIM), weights=None, bypass=True),), (0,))
    assert kernel_blocks(planned(network, MAX78002)) == ()
