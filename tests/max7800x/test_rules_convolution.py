"""Rules about convolutions and their sums: each has a network that breaks just it, and a neighbour that does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bittrue.targets.max7800x.device import MAX78000, MAX78002, Device
from bittrue.targets.max7800x.network import Activation, Network, Operator, Weights
from bittrue.targets.max7800x.rules import problems

from .placed import added, chain, conv, conv1d, copy, filled, linear, net, pooled, up

ABS = Activation.ABS
SMALL = (6, 8)


def one_bit(values: int | list[int], binary: bool = False, seed: int = 0) -> Weights:
    shape = (2, 3, 3, 3)
    cycle = [values] if isinstance(values, int) else values
    return Weights(np.resize(np.array(cycle[seed:] + cycle[:seed], np.int64), shape), 1, binary)


def with_weights(weights: Weights | None) -> Network:
    return net(replace(conv("one", 3, 2, SMALL), weights=weights))


def with_bias(values: list[int]) -> Network:
    weights = replace(filled((2, 3, 3, 3)), bias=np.array(values, np.int64))
    return net(replace(conv("one", 3, 2, SMALL), weights=weights))


CASES = {
    "conv2d oblong": ("BT5260", MAX78000, net(conv("one", 3, 2, SMALL, kernel=(1, 3), pad=(0, 0))),
                      net(conv("one", 3, 2, SMALL, kernel=(3, 3), pad=(0, 0)))),
    "conv1d with columns": ("BT5260", MAX78000,
                            net(replace(conv1d("one", 3, 2, 20, 5), kernel=(5, 2), weights=filled((2, 3, 5)))),
                            net(conv1d("one", 3, 2, 20, 5))),
    "conv2d kernel": ("BT5260", MAX78002, net(conv("one", 3, 2, SMALL, kernel=(5, 5), pad=(2, 2))),
                      net(conv("one", 3, 2, SMALL, kernel=(1, 1), pad=(0, 0)))),
    "conv1d kernel": ("BT5260", MAX78000, net(conv1d("one", 3, 2, 20, 10)), net(conv1d("one", 3, 2, 20, 9))),
    "transposed kernel": ("BT5260", MAX78000, net(up("one", 3, 2, SMALL, kernel=(1, 1), pad=(0, 0))),
                          net(up("one", 3, 2, SMALL, pad=(0, 0)))),
    "long dilated kernel": ("BT5260", MAX78000, net(conv1d("one", 3, 2, 20, 4, dilation=(3, 1))),
                            net(conv1d("one", 3, 2, 20, 3, dilation=(5, 1)))),
    "conv2d pad": ("BT5261", MAX78000, net(conv("one", 3, 2, SMALL, pad=(3, 3))),
                   net(conv("one", 3, 2, SMALL, pad=(2, 2)))),
    "conv1d pad": ("BT5261", MAX78002, net(conv1d("one", 3, 2, 20, 9, pad=(3, 0))),
                   net(conv1d("one", 3, 2, 20, 9, pad=(2, 0)))),
    "long dilated pad": ("BT5261", MAX78000, net(conv1d("one", 3, 2, 20, 3, dilation=(5, 1), pad=(1, 0))),
                         net(conv1d("one", 3, 2, 20, 3, dilation=(4, 1), pad=(1, 0)))),
    "transposed pad": ("BT5261", MAX78000, net(up("one", 3, 2, SMALL, pad=(3, 3))),
                       net(up("one", 3, 2, SMALL, pad=(2, 2)))),
    "pad as wide as the kernel": ("BT5261", MAX78000, net(conv("one", 3, 2, SMALL, kernel=(1, 1), pad=(1, 1))),
                                  net(conv("one", 3, 2, SMALL, kernel=(3, 3), pad=(1, 1)))),
    "passthrough pad": ("BT5261", MAX78000, net(copy("one", 3, SMALL, pad=(1, 1))), net(copy("one", 3, SMALL))),
    "conv2d stride": ("BT5262", MAX78002, net(conv("one", 3, 2, SMALL, stride=(2, 2))),
                      net(conv("one", 3, 2, SMALL, pool=pooled((1, 1), 2)))),
    "conv1d stride": ("BT5262", MAX78000, net(conv1d("one", 3, 2, 20, 3, stride=(2, 1))),
                      net(conv1d("one", 3, 2, 20, 3, stride=(1, 1)))),
    "transposed stride": ("BT5262", MAX78000, net(up("one", 3, 2, SMALL, stride=(1, 1))),
                          net(up("one", 3, 2, SMALL, stride=(2, 2)))),
    "conv2d dilation": ("BT5263", MAX78002, net(conv("one", 3, 2, SMALL, dilation=(2, 2))),
                        net(conv("one", 3, 2, SMALL, dilation=(1, 1)))),
    "conv1d dilation": ("BT5263", MAX78000, net(conv1d("one", 3, 2, 1024, 2, dilation=(1024, 1))),
                        net(conv1d("one", 3, 2, 1024, 2, dilation=(1022, 1)))),
    "dilation of one weight": ("BT5263", MAX78000, net(conv1d("one", 3, 2, 20, 1, dilation=(2, 1))),
                               net(conv1d("one", 3, 2, 20, 2, dilation=(2, 1)))),
    "transposed dilation": ("BT5263", MAX78000, net(up("one", 3, 2, SMALL, dilation=(2, 2))),
                            net(up("one", 3, 2, SMALL, dilation=(1, 1)))),
    "long dilated kernel and pooling": (
        "BT5264", MAX78000, net(conv1d("one", 3, 2, 20, 3, dilation=(5, 1), pool=pooled((2, 1)))),
        net(conv1d("one", 3, 2, 20, 3, dilation=(4, 1), pool=pooled((2, 1))))),
    "padded multi-pass conv1d": ("BT5265", MAX78002, net(conv1d("one", 65, 2, 20, 3, pad=(1, 0))),
                                 net(conv1d("one", 64, 2, 20, 3, pad=(1, 0)))),
    "transposed output pad": ("BT5266", MAX78000, net(up("one", 3, 2, SMALL, output_pad=(0, 0))),
                              net(up("one", 3, 2, SMALL, output_pad=(1, 1)))),
    "output pad": ("BT5266", MAX78000, net(conv("one", 3, 2, SMALL, output_pad=(1, 1))), net(conv("one", 3, 2, SMALL))),
    "depthwise": ("BT5267", MAX78000, net(conv("one", 4, 4, SMALL, groups=4)), net(conv("one", 4, 4, SMALL))),
    "two groups": ("BT5267", MAX78002, net(conv("one", 4, 4, SMALL, groups=2)),
                   net(conv("one", 4, 4, SMALL, groups=4))),
    "depthwise with other outputs": ("BT5267", MAX78002, net(conv("one", 4, 8, SMALL, groups=4)),
                                     net(conv("one", 4, 4, SMALL, groups=4))),
    "flattened conv": ("BT5268", MAX78000, net(replace(conv("one", 3, 2, SMALL, flatten=True),
                                                       weights=filled((2, 144, 3, 3)))),
                       net(linear("one", 3, 2, SMALL))),
    "weight bits": ("BT5269", MAX78000, net(conv("one", 3, 2, SMALL, bits=3)), net(conv("one", 3, 2, SMALL, bits=4))),
    "weight shape": ("BT5270", MAX78000, with_weights(filled((2, 4, 3, 3))), with_weights(filled((2, 3, 3, 3)))),
    "no weights": ("BT5270", MAX78002, with_weights(None),
                   net(replace(conv("one", 3, 2, SMALL), weights=None, bypass=True))),
    "weight values": ("BT5271", MAX78000, with_weights(Weights(np.full((2, 3, 3, 3), 8), 4)),
                      with_weights(Weights(np.full((2, 3, 3, 3), 7), 4))),
    "binary weight of zero": ("BT5271", MAX78002, with_weights(one_bit([-1, 0, 1], True)),
                              with_weights(one_bit([-1, 1], True))),
    "bias length": ("BT5272", MAX78000, with_bias([1, 2, 3]), with_bias([1, 2])),
    "bias value": ("BT5272", MAX78000, with_bias([1, 128]), with_bias([-128, 127])),
    "bypass": ("BT5273", MAX78000, net(replace(conv("one", 3, 2, SMALL), weights=None, bypass=True)),
               net(conv("one", 3, 2, SMALL))),
    "shift up": ("BT5274", MAX78000, net(conv("one", 3, 2, SMALL, shift=16)), net(conv("one", 3, 2, SMALL, shift=15))),
    "shift down": ("BT5274", MAX78002, net(conv("one", 3, 2, SMALL, shift=-16)),
                   net(conv("one", 3, 2, SMALL, shift=-15))),
    "output width": ("BT5275", MAX78000, net(conv("one", 3, 2, SMALL, output_width=16)),
                     net(conv("one", 3, 2, SMALL, output_width=32))),
    "wide activation": ("BT5276", MAX78000, net(conv("one", 3, 2, SMALL, output_width=32, activation=ABS)),
                        net(conv("one", 3, 2, SMALL, output_width=8, activation=ABS))),
    "wide passthrough": ("BT5276", MAX78000, net(copy("one", 3, SMALL, output_width=32)), net(copy("one", 3, SMALL))),
    "wide source": ("BT5276", MAX78000, chain(conv("a", 3, 2, SMALL, output_width=32), conv("bb", 2, 2, SMALL)),
                    chain(conv("a", 3, 2, SMALL), conv("bb", 2, 2, SMALL, output_width=32))),
    "passthrough activation": ("BT5277", MAX78000, net(added("one", 2, 3, SMALL, activation=Activation.RELU)),
                               net(added("one", 2, 3, SMALL))),
    "passthrough shift": ("BT5277", MAX78000, net(copy("one", 3, SMALL, shift=1)), net(copy("one", 3, SMALL))),
    "binary weights": ("BT5278", MAX78000, with_weights(one_bit([-1, 1], True)), with_weights(one_bit([-1, 0]))),
    "binary and one bit": (
        "BT5278", MAX78002,
        chain(replace(conv("a", 3, 2, SMALL), weights=one_bit([-1, 1], True)), conv("bb", 2, 2, SMALL, bits=1)),
        chain(replace(conv("a", 3, 2, SMALL), weights=one_bit([-1, 1], True)), conv("bb", 2, 2, SMALL, bits=2))),
    "biases": ("BT5279", MAX78000, net(conv("one", 3, 513, SMALL, bias=1)), net(conv("one", 3, 512, SMALL, bias=1))),
}
"""What -> code, device, a network that breaks the rule, one that keeps it."""


@pytest.mark.parametrize("name", CASES)
def test_breaks_one_rule(name: str) -> None:
    code, device, bad, _ = CASES[name]
    assert {p.code for p in problems(bad, None, device)} == {code}


@pytest.mark.parametrize("name", CASES)
def test_neighbour_keeps_it(name: str) -> None:
    _, device, _, good = CASES[name]
    assert problems(good, None, device) == []


@pytest.mark.parametrize(("device", "part", "dilation"), [(MAX78000, "MAX78000", 1023), (MAX78002, "MAX78002", 2047)])
def test_a_violation_says_what_is_allowed(device: Device, part: str, dilation: int) -> None:
    found = problems(net(conv1d("deep", 3, 2, 30, 2, dilation=(3000, 1))), None, device)
    assert [(p.where, p.why) for p in found] == [
        ("layer deep", f"Conv1d: dilation: 3000, and {part} allows 1 to {dilation}")]
    assert found[0].fix == "use a smaller dilation"


def test_all_violations_at_once() -> None:
    network = chain(conv("a", 3, 2, SMALL, stride=(2, 2), shift=20),
                    conv("bb", 2, 2, (3, 4), kernel=(5, 5), pad=(2, 2)))
    assert [p.code for p in problems(network, None, MAX78000)] == ["BT5260", "BT5262", "BT5274"]


def test_operators_of_a_layer_are_told_apart() -> None:
    assert problems(net(up("one", 3, 2, SMALL)), None, MAX78000) == []
    assert net(up("one", 3, 2, SMALL)).layers[0].operator is Operator.CONVTRANSPOSE2D
