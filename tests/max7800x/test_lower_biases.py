"""Bytes of bias memory, written by hand."""

from __future__ import annotations

import numpy as np
import pytest

from bittrue.targets.max7800x.device import MAX78000, MAX78002
from bittrue.targets.max7800x.lower.biases import bias_blocks
from bittrue.targets.max7800x.network import Layer, Weights
from bittrue.targets.max7800x.placement import Fifo

from .lowered import planned
from .placed import conv, filled, net

DIM = (6, 8)


def biased(name: str, channels: int, biases: list[int], groups: int = 1) -> Layer:
    weights = filled((len(biases), channels // groups, 3, 3), seed=len(name))
    return conv(name, channels, len(biases), DIM, groups=groups,
                weights=Weights(weights.values, 8, bias=np.array(biases)))


def test_biases_are_twos_complement() -> None:
    [block] = bias_blocks(planned(net(biased("a", 3, [-128, -1, 0, 127]))))
    assert block.data.dtype == np.uint8
    assert (block.group, block.data.tolist()) == (0, [128, 255, 0, 127])


def test_places_before_the_first_output_processor_are_zero() -> None:
    [block] = bias_blocks(planned(net(biased("a", 3, [5, -6])), layers={0: {"output_processors": 0b1100}}))
    assert block.data.tolist() == [0, 0, 5, 250]


def test_every_group_has_its_own_memory() -> None:
    network = net(biased("a", 20, [1, 2, 3]), biased("bb", 20, [4, 5], 1))
    blocks = bias_blocks(planned(network))
    assert [(b.group, b.data.tolist()) for b in blocks] == [(0, [1, 2, 3]), (1, [4, 5])]


def test_depthwise_biases_of_four_processors_are_read_at_once() -> None:
    """Processor 4 j + i at place 4 i + j of its group: 0, 4, 8, ... come first."""
    [block] = bias_blocks(planned(net(biased("a", 6, [1, 2, 3, 4, 5, 6], 6)), MAX78002))
    assert block.data.tolist() == [1, 5, 0, 0, 2, 6, 0, 0, 3, 0, 0, 0, 4]


def test_quad_fifo_deals_biases_over_the_groups() -> None:
    blocks = bias_blocks(planned(net(biased("a", 3, [1, 2, 3, 4, 5, 6])), MAX78002, fifo=Fifo.QUAD))
    assert [(b.group, b.data.tolist()) for b in blocks] == [(0, [1, 5]), (1, [2, 6]), (2, [3]), (3, [4])]


@pytest.mark.parametrize("biases", [[0, 0], None])
def test_no_bias_no_block(biases: list[int] | None) -> None:
    layer = conv("a", 3, 2, DIM) if biases is None else biased("a", 3, biases)
    assert bias_blocks(planned(net(layer), MAX78000)) == ()
