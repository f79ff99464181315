"""Placements of random networks, followed word by word."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bittrue.targets.max7800x.device import Device
from bittrue.targets.max7800x.network import INPUT, Layer, Network, Operator
from bittrue.targets.max7800x.place import PlaceOptions, place
from bittrue.targets.max7800x.placement import Placement
from bittrue.targets.max7800x.rules import problems

from . import word_map
from .wired import NEW, OLD, Wired, random_wired

DEVICES = (OLD, NEW)


@pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.name)
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 1 << 32))
def test_no_word_is_lost_before_its_last_reader(device: Device, seed: int) -> None:
    arrangement = random_wired(seed).arranged(device)
    placement = place(arrangement, device)
    assert not placement.overlap_data
    word_map.run(arrangement.network, placement, device.data.words)


@pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.name)
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 1 << 32))
def test_kernels_of_a_processor_fit_into_its_memory(device: Device, seed: int) -> None:
    arrangement = random_wired(seed, layers=14).arranged(device)
    placement = place(arrangement, device)
    assert first_fit(arrangement.network, placement, device.kernels.small) <= device.kernels.small


def first_fit(network: Network, placement: Placement, columns: int) -> int:
    """The column behind the last one, when every layer gets the first free columns, those with all processors first."""
    layers = [(place.processors, _columns(layer)) for layer, place in zip(network.layers, placement.layers, strict=True)
              if layer.weights is not None]
    layers.sort(key=lambda entry: entry[0] != (1 << 64) - 1)
    taken: list[tuple[int, int, int]] = []
    for processors, length in layers:
        start = next(c for c in range(0, columns + 1, 4) if not any(
            processors & other and c < end and begin < c + length for other, begin, end in taken))
        taken.append((processors, start, start + length))
    assert not any(a[0] & b[0] and a[1] < b[2] and b[1] < a[2] for a, b in combinations(taken, 2))
    return max(end for _, _, end in taken)


def _columns(layer: Layer) -> int:
    """Columns of 72 bits: every processor holds the kernels of its channels, for all outputs (a multiple of 4)."""
    assert layer.weights is not None
    passes = word_map.spread(layer.in_channels)[0]
    outputs, width = word_map.spread(layer.out_channels)
    if layer.flatten:
        kernels = layer.out_channels * passes * layer.in_dim[0] * layer.in_dim[1]
    else:
        kernels = outputs * width * passes
    assert kernels % 4 == 0
    return -(-kernels * layer.kernel[0] * layer.kernel[1] * layer.weight_bits // 72)


@pytest.mark.parametrize("seed", range(3))
def test_the_same_arrangement_gives_the_same_placement(seed: int) -> None:
    one, two = (place(random_wired(seed).arranged(OLD), OLD) for _ in range(2))
    assert one == two


def test_an_input_in_chw_takes_one_processor_of_each_instance() -> None:
    net = Wired(3, (20, 31))
    net.conv(net.conv(INPUT, 16), 5)
    arrangement = net.arranged(OLD)
    placement = place(arrangement, OLD, PlaceOptions(chw=True))
    first = placement.layers[0].processors
    assert placement.chw
    assert first // (first & -first) == 0x111
    word_map.run(arrangement.network, placement, OLD.data.words)


def test_a_full_memory_is_filled_without_a_hole() -> None:
    """Three tensors of 64 channels that live together and take all words of all instances but four."""
    net = Wired(4, (31, 44))
    first = net.conv(INPUT, 64, size=1)
    second = net.conv(first, 64, size=1)
    third = net.conv(second, 64, size=1)
    net.sum(net.sum(third, first), second)
    arrangement = net.arranged(OLD)
    words = 31 * 44
    assert 6 * words == OLD.data.words - 8
    placement = place(arrangement, OLD)
    word_map.run(arrangement.network, placement, OLD.data.words)


def test_a_dilated_layer_that_writes_more_than_its_output_keeps_it_off_others() -> None:
    """Three taps 5 apart run as an image of 5 columns: 5 pixels before the output mean nothing, 9 behind it neither."""
    net = Wired(4, (61, 1))
    wide = net.conv1d(INPUT, 8, 3, dilation=5)
    net.sum(wide, net.conv1d(INPUT, 8, 3, dilation=5))
    arrangement = net.arranged(OLD)
    placement = place(arrangement, OLD)
    copies = [layer for layer in arrangement.network.layers if layer.sources in ((0,), (2,))]
    assert [layer.operator for layer in copies] == [Operator.PASSTHROUGH] * 2
    word_map.run(arrangement.network, placement, OLD.data.words)
    for index, layer in enumerate(arrangement.network.layers):
        if layer.operator is Operator.CONV1D:
            assert placement.layers[index].write_gap == 0
            assert placement.layers[index].out_offset >= 5 * 4
    assert not problems(arrangement.network, placement, OLD)
