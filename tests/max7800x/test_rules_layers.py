"""Rules about pooling, operands and sizes: each has a network that breaks just it, and a neighbour that does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bittrue.targets.max7800x.device import MAX78000, MAX78002
from bittrue.targets.max7800x.network import INPUT, Eltwise, Layer, Network, RollingBuffer
from bittrue.targets.max7800x.rules import problems

from .placed import added, chain, conv, conv1d, copy, linear, net, pooled, up

SMALL = (6, 8)


def joined(first: int, second: int) -> Network:
    """The outputs of two layers, side by side."""
    return net(conv("a", 3, first, SMALL), conv("bb", 3, second, SMALL),
               conv("ccc", first + second, 2, SMALL, sources=(0, 1)))


def deep(count: int) -> Network:
    return chain(*(copy(f"layer{i}", 3, SMALL) for i in range(count)))


def averaged_sum(before: int) -> Network:
    """Layers, a sum, and an average pooling behind it."""
    return chain(*(copy(f"layer{i}", 2, SMALL) for i in range(before)), added("sum", 2, 1, SMALL),
                 copy("mean", 1, SMALL, pool=pooled((2, 2), 2, average=True)))


def in_passes(**changes: object) -> Layer:
    """Three operands of two passes each."""
    return added("one", 3, 65, SMALL, **changes)


SPARSE: dict[str, Any] = {"kernel": (1, 1), "pad": (0, 0), "pool": pooled((1, 1), 16)}

CASES = {
    "window": ("BT5280", MAX78000, net(conv("one", 3, 2, (20, 24), pool=pooled((17, 2)))),
               net(conv("one", 3, 2, (20, 24), pool=pooled((16, 2))))),
    "pooling stride of a transposed convolution": (
        "BT5281", MAX78000, net(up("one", 3, 2, (8, 6), pool=pooled((2, 2), 2))),
        net(up("one", 3, 2, (8, 6), pool=pooled((2, 2))))),
    "pooling stride": ("BT5281", MAX78000, net(conv("one", 3, 2, (20, 24), pool=pooled((2, 2), 17))),
                       net(conv("one", 3, 2, (20, 24), pool=pooled((2, 2), 16)))),
    "uneven pooling stride": (
        "BT5281", MAX78000, net(conv("one", 3, 2, SMALL, pool=replace(pooled((2, 2)), stride=(2, 1)))),
        net(copy("one", 3, (24, 1), pool=replace(pooled((2, 1)), stride=(2, 1))))),
    "pooling dilation": ("BT5282", MAX78000, net(copy("one", 3, SMALL, pool=pooled((2, 2), dilation=(1, 2)))),
                         net(copy("one", 3, SMALL, pool=pooled((2, 2), dilation=(1, 1))))),
    "pooling dilation of the other chip": (
        "BT5282", MAX78002, net(copy("one", 3, (40, 44), pool=pooled((1, 2), dilation=(17, 1)))),
        net(copy("one", 3, (40, 44), pool=pooled((1, 2), dilation=(16, 1))))),
    "pooling reach": ("BT5283", MAX78002, net(copy("one", 3, (40, 44), pool=pooled((4, 2), dilation=(6, 1)))),
                      net(copy("one", 3, (40, 44), pool=pooled((4, 2), dilation=(5, 1))))),
    "pooling passes": ("BT5284", MAX78000, net(copy("one", 65, SMALL, pool=pooled((2, 2)))),
                       net(copy("one", 64, SMALL, pool=pooled((2, 2))))),
    "pooled to a pixel": ("BT5284", MAX78000, net(copy("one", 65, SMALL, pool=pooled((6, 7)))),
                          net(copy("one", 65, SMALL, pool=pooled((6, 8))))),
    "pooling and flattening": ("BT5285", MAX78000, net(replace(linear("one", 3, 2, (3, 4)), in_dim=(6, 8),
                                                               pool=pooled((2, 2), 2))),
                               net(linear("one", 3, 2, (3, 4)))),
    "nothing left": ("BT5286", MAX78000, net(conv("one", 3, 2, (4, 5), kernel=(1, 1), pad=(0, 0), pool=pooled((5, 2)))),
                     net(conv("one", 3, 2, (4, 5), kernel=(1, 1), pad=(0, 0), pool=pooled((4, 2))))),
    "no output": ("BT5286", MAX78000, net(conv1d("one", 3, 2, 8, 9)), net(conv1d("one", 3, 2, 9, 9))),
    "operands": ("BT5287", MAX78000, net(added("one", 17, 2, SMALL)), net(added("one", 16, 2, SMALL))),
    "operands without operation": ("BT5287", MAX78000, net(added("one", 2, 2, SMALL, eltwise=None)),
                                   net(added("one", 2, 2, SMALL, eltwise=Eltwise.XOR))),
    "conv1d operands": ("BT5288", MAX78000, net(conv1d("one", 3, 2, 20, 3, eltwise=Eltwise.ADD, operands=2)),
                        net(conv("one", 3, 2, (20, 3), eltwise=Eltwise.ADD, operands=2))),
    "pooled last": ("BT5289", MAX78000, net(added("one", 3, 2, SMALL, pool=pooled((2, 2)), pool_first=False)),
                    net(added("one", 2, 2, SMALL, pool=pooled((2, 2)), pool_first=False))),
    "nothing to order": ("BT5289", MAX78000, net(added("one", 2, 2, SMALL, pool_first=False)),
                         net(added("one", 2, 2, SMALL))),
    "operands in passes, pooled": ("BT5290", MAX78000, net(in_passes(pool=pooled((1, 1), 2))), net(in_passes())),
    "operands in passes, convolved": (
        "BT5290", MAX78000, net(conv("one", 65, 2, SMALL, eltwise=Eltwise.ADD, operands=3)),
        net(conv("one", 65, 2, SMALL, eltwise=Eltwise.ADD, operands=2))),
    "operands, convolution, bias": (
        "BT5291", MAX78002, net(conv("one", 3, 2, SMALL, eltwise=Eltwise.SUB, operands=2, bias=1)),
        net(conv("one", 3, 2, SMALL, eltwise=Eltwise.SUB, operands=2))),
    "missing channels": ("BT5292", MAX78000, net(copy("one", 3, SMALL, channel_skip=2), in_channels=4),
                         net(copy("one", 3, SMALL, channel_skip=1), in_channels=4)),
    "uneven operands": (
        "BT5292", MAX78000,
        net(copy("a", 3, SMALL), copy("bb", 5, SMALL), added("ccc", 2, 4, SMALL, sources=(0, 1)), in_channels=5),
        net(copy("a", 4, SMALL), copy("bb", 4, SMALL), added("ccc", 2, 4, SMALL, sources=(0, 1)), in_channels=5)),
    "words that are not full": ("BT5293", MAX78000, joined(6, 6), joined(8, 6)),
    "no layers": ("BT5294", MAX78000, net(outputs=()), net(copy("one", 3, SMALL))),
    "layers": ("BT5294", MAX78000, deep(33), deep(32)),
    "layers with a reset": ("BT5294", MAX78002, averaged_sum(126), averaged_sum(125)),
    "no input channels": ("BT5312", MAX78000, net(conv("one", 0, 2, SMALL)), net(conv("one", 1, 2, SMALL))),
    "no input": ("BT5312", MAX78000, net(conv("one", 1, 2, SMALL), in_dim=(6, 0)), net(conv("one", 1, 2, SMALL))),
    "empty buffer": ("BT5312", MAX78000, net(conv("one", 1, 2, SMALL), buffer=RollingBuffer("past", 0, (5, 1))),
                     net(conv("one", 1, 2, SMALL), buffer=RollingBuffer("past", 1, (5, 1)))),
    "negative crop": ("BT5312", MAX78000, net(copy("one", 3, SMALL, crop=(0, -1))),
                      net(copy("one", 3, SMALL, crop=(0, 0)))),
    "input channels": ("BT5295", MAX78002, net(linear("one", 1025, 3)), net(linear("one", 1024, 3))),
    "output channels": ("BT5296", MAX78000, net(linear("one", 3, 1025)), net(linear("one", 3, 1024))),
    "rows": ("BT5297", MAX78002, net(copy("one", 3, (2049, 2))), net(copy("one", 3, (2048, 2)))),
    "padded rows": ("BT5298", MAX78000, net(conv("one", 3, 2, (1023, 2))), net(conv("one", 3, 2, (1022, 2)))),
    "image of a dilated kernel": ("BT5298", MAX78000, net(conv1d("one", 3, 2, 1024, 2, dilation=(1023, 1))),
                                  net(conv1d("one", 3, 2, 1024, 2, dilation=(1022, 1)))),
    "rows of passes": ("BT5298", MAX78000, net(added("one", 3, 65, (513, 1))), net(added("one", 3, 65, (512, 1)))),
    "pixels": ("BT5299", MAX78000, net(conv("one", 65, 2, (1024, 1024), **SPARSE)),
               net(conv("one", 65, 2, (1024, 1023), **SPARSE))),
    "flattened pixels": ("BT5300", MAX78000, net(linear("one", 2, 3, (1, 257))), net(linear("one", 2, 3, (16, 16)))),
    "flattened passes": ("BT5300", MAX78000, net(linear("one", 72, 3, (1, 129))), net(linear("one", 72, 3, (16, 8)))),
    "flattened inputs": ("BT5300", MAX78002, net(linear("one", 128, 3, (3, 43))), net(linear("one", 128, 3, (16, 8)))),
    "partly flattened": ("BT5301", MAX78000, net(linear("one", 70, 3, (3, 4))), net(linear("one", 72, 3, (3, 4)))),
    "large output": ("BT5302", MAX78000, net(copy("one", 3, (91, 91))), net(copy("one", 3, (90, 91)))),
    "large wide output": ("BT5302", MAX78000, net(conv("one", 3, 2, (64, 33), output_width=32)),
                          net(conv("one", 3, 2, (64, 32), output_width=32))),
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


def test_what_one_chip_refuses_the_other_may_do() -> None:
    pooling = net(copy("one", 65, SMALL, pool=pooled((2, 2), dilation=(2, 2))))
    assert {p.code for p in problems(pooling, None, MAX78000)} == {"BT5282"}
    assert problems(pooling, None, MAX78002) == []
    summed = net(conv("one", 65, 2, SMALL, eltwise=Eltwise.ADD, operands=3))
    assert problems(summed, None, MAX78002) == []


def test_large_data_may_stream_in_the_first_layers_only() -> None:
    layers = [copy(f"layer{i}", 3, (100, 100)) for i in range(8)]
    last = copy("last", 3, (100, 100), pool=pooled((2, 2), 2))
    assert problems(chain(*layers[:7], last), None, MAX78000) == []
    assert [p.where for p in problems(chain(*layers, last), None, MAX78000)] == ["layer layer7"]


def test_the_input_is_a_source() -> None:
    network = net(copy("a", 4, SMALL), added("bb", 2, 4, SMALL, sources=(INPUT, 0)))
    assert problems(network, None, MAX78000) == []
