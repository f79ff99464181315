"""What the placer chooses: cycles first, how the input enters, shared kernels, groups of biases."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from bittrue.errors import Unsupported
from bittrue.targets.max7800x.device import Device
from bittrue.targets.max7800x.memory import memory_maps
from bittrue.targets.max7800x.network import INPUT, Pool
from bittrue.targets.max7800x.place import PlaceOptions, place
from bittrue.targets.max7800x.placement import Fifo, Placement, bits, groups, instances
from bittrue.targets.max7800x.rules import problems

from . import word_map
from .wired import HALF, NEW, OLD, Wired


def slots(processors: int) -> int:
    """Words that the fullest group of 16 writes."""
    return max(-(-sum(p // 16 == group for p in bits(processors)) // 4) for group in range(4))


@pytest.mark.parametrize("channels", [8, 12, 16, 20, 24, 32, 44, 60])
def test_pooling_alone_is_placed_where_it_takes_the_fewest_cycles(channels: int) -> None:
    net = Wired(3, (12, 9))
    pooled = net.through(net.conv(INPUT, channels), HALF)
    net.conv(pooled, 4)
    placement = place(net.arranged(OLD), OLD)
    ways = [(1 << channels) - 1 << start for start in range(0, 65 - channels, 4)]
    assert slots(placement.layers[pooled].processors) == min(map(slots, ways))


def test_sixteen_channels_are_split_over_two_groups() -> None:
    net = Wired(3, (12, 9))
    pooled = net.through(net.conv(INPUT, 16), HALF)
    net.conv(pooled, 4)
    placement = place(net.arranged(OLD), OLD)
    assert len(groups(placement.layers[pooled].processors)) == 2


def test_depthwise_layers_keep_their_processors() -> None:
    net = Wired(3, (12, 9))
    wide = net.conv(INPUT, 20)
    deep = net.conv(wide, 20, groups=20)
    net.conv(net.conv(deep, 64), 4)
    place_ = place(net.arranged(NEW), NEW).layers[deep]
    assert place_.processors == place_.output_processors


@pytest.mark.parametrize(("chw", "expected"), [(None, True), (True, True), (False, False)])
def test_one_channel_lies_pixel_by_pixel_unless_told_otherwise(chw: bool | None, expected: bool) -> None:
    net = Wired(1, (28, 27))
    net.conv(INPUT, 12)
    arrangement = net.arranged(OLD)
    placement = place(arrangement, OLD, PlaceOptions(chw=chw))
    assert placement.chw is expected
    assert placement.fifo is Fifo.NONE
    word_map.run(arrangement.network, placement, OLD.data.words)


def test_three_channels_that_do_not_fit_side_by_side_get_an_instance_each() -> None:
    net = Wired(3, (120, 130))
    net.conv(INPUT, 8, pool=HALF)
    arrangement = net.arranged(OLD)
    placement = place(arrangement, OLD)
    assert placement.chw
    assert len(instances(placement.layers[0].processors)) == 3
    word_map.run(arrangement.network, placement, OLD.data.words)


# ---- streaming -----------------------------------------------------------------------------------------------------

def streaming_net() -> Wired:
    """Only behind the second layer an image of 16 channels fits into a data memory instance."""
    net = Wired(3, (160, 120))
    first = net.conv(INPUT, 16)
    second = net.conv(first, 16, pool=HALF)
    net.conv(net.conv(second, 24, pool=HALF), 4)
    return net


@pytest.mark.parametrize("device", [OLD, NEW], ids=lambda device: device.name)
def test_an_image_that_does_not_fit_streams_through_as_few_layers_as_possible(device: Device) -> None:
    net = streaming_net()
    if device is NEW:
        net.dim = (320, 240)
        net.layers = [replace(layer, in_dim=(2 * layer.in_dim[0], 2 * layer.in_dim[1])) for layer in net.layers]
    arrangement = net.arranged(device)
    placement = place(arrangement, device)
    assert [layer.streaming for layer in placement.layers] == [True, True, False, False]
    assert placement.fifo is Fifo.STANDARD
    assert placement.layers[0].processors == 0b111
    assert not problems(arrangement.network, placement, device)
    assert_buffers_apart(placement, [stream.buffer for stream in memory_maps(arrangement.network, placement,
                                                                             device).streams if stream], device)


def assert_buffers_apart(placement: Placement, words: list[int | None], device: Device) -> None:
    """Circular buffers do not even touch; neither does what the last streaming layer writes."""
    ranges = [(place.processors, place.in_offset, place.in_offset + 4 * (count or 0))
              for place, count in zip(placement.layers, words, strict=False)]
    last = placement.layers[len(words) - 1]
    ranges.append((last.output_processors, last.out_offset, last.out_offset + 4 * 4800))
    for i, j in product(range(len(ranges)), repeat=2):
        if i < j and set(instances(ranges[i][0])) & set(instances(ranges[j][0])):
            assert ranges[i][2] < ranges[j][1] or ranges[j][2] < ranges[i][1]
    assert all(end < device.data.bytes for _, _, end in ranges)


def test_without_streaming_the_image_does_not_fit() -> None:
    with pytest.raises(Unsupported, match="BT5388 layer l0: it takes 76800 bytes of 4 instances, and an instance has "
                                          "32768"):
        place(streaming_net().arranged(OLD), OLD, PlaceOptions(streaming=False))


def test_a_layer_that_others_read_too_does_not_stream() -> None:
    """The first layer's output is needed twice, so only the first layer may stream, and its output does not fit."""
    net = streaming_net()
    net.sum(net.conv(0, 4, pool=Pool(False, (4, 4), (4, 4))), 3)
    with pytest.raises(Unsupported, match="BT5388"):
        place(net.arranged(OLD), OLD)


@pytest.mark.parametrize("channels", [5, 9, 16])
def test_fifos_bring_four_channels_to_each_group(channels: int) -> None:
    net = Wired(channels, (120, 100))
    net.conv(net.conv(INPUT, 8, pool=HALF), 4, pool=HALF)
    arrangement = net.arranged(OLD)
    placement = place(arrangement, OLD, PlaceOptions(chw=False))
    assert placement.fifo is Fifo.STANDARD
    assert list(bits(placement.layers[0].processors)) == [c // 4 * 16 + c % 4 for c in range(channels)]
    assert not problems(arrangement.network, placement, OLD)


# ---- kernels and biases --------------------------------------------------------------------------------------------

def twins(same: bool) -> Wired:
    """Two layers of 40 channels whose kernels take 512 of 768 columns each."""
    net = Wired(3, (4, 5))
    one, other = net.conv(INPUT, 40), net.conv(INPUT, 40)
    net.conv(one, 512, pool=Pool(False, (4, 5), (4, 5)))
    net.conv(other, 512, pool=Pool(False, (4, 5), (4, 5)))
    if same:
        net.layers[3] = replace(net.layers[3], weights=net.layers[2].weights)
    return net


def test_equal_kernels_are_placed_so_that_they_share_memory() -> None:
    arrangement = twins(same=True).arranged(OLD, 2)
    placement = place(arrangement, OLD)
    assert placement.layers[2].processors == placement.layers[3].processors
    kernels = memory_maps(arrangement.network, placement, OLD).kernels
    assert kernels.used(bits(placement.layers[3].processors)[0]) < 600


def test_kernels_that_differ_do_not_fit_twice() -> None:
    with pytest.raises(Unsupported, match=r"BT5392 layers l2, l3: .*1024 columns of 768 in processors that all of "):
        place(twins(same=False).arranged(OLD, 2), OLD)


def biased(sizes: list[int]) -> Wired:
    """One layer after the other with biases of these sizes."""
    net, last = Wired(64, (2, 3), bits=2), INPUT
    for size in sizes:
        last = net.conv(last, size, size=1, bias=True)
    return net


def test_biases_that_a_loader_would_not_fit_get_groups() -> None:
    """The largest first, each into the emptiest group: four of 256, four of 170, and the last two find no place."""
    sizes = [256, 170, 256, 170, 256, 170, 256, 170, 170, 170]
    arrangement = biased(sizes).arranged(OLD)
    placement = place(arrangement, OLD)
    used = [0] * 4
    for layer, size in zip(placement.layers, sizes, strict=True):
        assert layer.bias_groups is not None
        assert len(layer.bias_groups) == 1
        used[layer.bias_groups[0]] += size
    assert max(used) <= OLD.bias.bytes
    assert not problems(arrangement.network, placement, OLD)


def test_biases_that_fit_anywhere_have_no_group() -> None:
    placement = place(biased([200, 100, 100]).arranged(OLD), OLD)
    assert all(layer.bias_groups is None for layer in placement.layers)


def test_all_biases_of_equal_values_take_one_place() -> None:
    net = biased([500] * 6)
    bias = np.ones(500, np.int64)
    net.layers = [replace(layer, weights=replace(layer.weights, bias=bias)) for layer in net.layers if layer.weights]
    arrangement = net.arranged(OLD)
    assert not problems(arrangement.network, place(arrangement, OLD), OLD)


@pytest.mark.parametrize("device", [OLD, NEW], ids=lambda device: device.name)
def test_an_operand_of_a_sum_that_another_layer_reads_as_well(device: Device) -> None:
    """The newer device reads it between the other operand's words, the older one gets a copy."""
    net = Wired(3, (7, 9))
    first = net.conv(INPUT, 20)
    second = net.conv(first, 20)
    net.joined(net.sum(first, second), outputs=5)
    arrangement = net.arranged(device)
    placement = place(arrangement, device)
    assert (1 in [layer.read_gap for layer in placement.layers]) is (device is NEW)
    assert len(placement.layers) == (4 if device is NEW else 5)
    word_map.run(arrangement.network, placement, device.data.words)
