"""Rules about streaming and FIFOs: each has a placed network that breaks just it, and a neighbour that does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bittrue.targets.max7800x.device import MAX78000, MAX78002, Device
from bittrue.targets.max7800x.network import Dim, Eltwise, Network
from bittrue.targets.max7800x.placement import Fifo, Placement
from bittrue.targets.max7800x.rules import problems

from .placed import chain, conv, copy, linear, net, place, pooled

Placed = tuple[Network, Placement]

DIM = (12, 20)
STEP = 0x800
"""Bytes between the circular buffers of these placements."""


def stream(network: Network, count: int, layers: dict[int, dict[str, Any]] | None = None, step: int = STEP,
           **changes: Any) -> Placed:
    """The first `count` layers stream; every tensor has its own offset."""
    places: dict[int, dict[str, Any]] = {}
    for index in range(len(network.layers)):
        places[index] = {"streaming": index < count, "in_offset": index * step, "out_offset": (index + 1) * step}
        places[index] |= (layers or {}).get(index, {})
    return network, place(network, places, **({"fifo": Fifo.STANDARD} | changes))


def convs(count: int, dim: Dim = DIM, **changes: Any) -> Network:
    return chain(*(conv(f"layer{i}", 3 if i == 0 else 4, 4, dim, **changes) for i in range(count)))


def wide(outputs: int) -> Network:
    """A second layer with many channels, and a third one behind it."""
    return chain(conv("a", 3, outputs, DIM, bits=1), conv("bb", outputs, 4, DIM, bits=1), conv("ccc", 4, 4, DIM))


def long_rows(outputs: int) -> Network:
    """Two wide layers in front of a third one."""
    dim = (4, 900)
    return chain(conv("a", 3, outputs, dim, bits=1), conv("bb", outputs, 4, dim, bits=1),
                 conv("ccc", 4, 4, dim, pool=pooled((1, 1), 4)))


def pooled_second(columns: int, stride: int, operands: int = 1) -> Network:
    """A second layer that skips pixels."""
    operation = Eltwise.ADD if operands > 1 else None
    second = conv("bb", 4 // operands, 4, (20, columns), pool=pooled((1, 1), stride), operands=operands,
                  eltwise=operation)
    return chain(conv("a", 3, 4, (20, columns)), second)


def skipping(columns: int) -> Placed:
    """A first layer that reads an image of 1024 rows and keeps every 16th pixel."""
    first = conv("a", 3, 4, (1024, columns), pad=(0, 0), pool=pooled((1, 1), 16))
    return stream(chain(first, conv("bb", 4, 4, first.out_dim)), 2, {1: {"out_offset": 0x2000}})


def fed(channels: int, processors: int, **changes: Any) -> Placed:
    return stream(net(conv("one", channels, 4, DIM)), 1, {0: {"processors": processors}}, **changes)


def first(fifo: Fifo, **changes: Any) -> Placed:
    """One layer with its whole input from a FIFO."""
    return stream(net(conv("one", 3, 4, DIM, **changes)), 0, fifo=fifo)


def flat(count: int) -> Placed:
    return stream(chain(conv("a", 3, 4, (4, 5)), linear("bb", 4, 3, (4, 5))), count)


def read_twice(source: int) -> Placed:
    """A third layer that reads `source`: the first layer's output, or the second's."""
    network = chain(*(conv(f"layer{i}", 3 if i == 0 else 4, 4, DIM) for i in range(3)))
    third = replace(network.layers[2], sources=(source,))
    return stream(replace(network, layers=(*network.layers[:2], third)), 2)


def reads_input(count: int) -> Placed:
    network = net(conv("a", 3, 4, DIM), conv("bb", 3, 4, DIM))
    return stream(network, count, {1: {"in_offset": 0, "out_offset": 4 * STEP}})


def quad(outputs: int) -> Placed:
    return stream(net(conv("one", 3, outputs, DIM, bits=4)), 1, {0: {"processors": 0b111}}, fifo=Fifo.QUAD)


def buffers(offset: int) -> Placed:
    """The second buffer begins at `offset`; the first one is 66 words: 44 before the start, a row, two."""
    network = chain(conv("a", 3, 4, DIM, pool=pooled((2, 2), 2)), conv("bb", 4, 4, (6, 10)))
    return stream(network, 2, {0: {"out_offset": offset}, 1: {"in_offset": offset}})


def sized(offset: int) -> Placed:
    """A circular buffer at the end of the memory."""
    return stream(net(conv("one", 3, 4, DIM, pool=pooled((2, 2), 2))), 1, {0: {"in_offset": offset, "out_offset": 0}})


def output_over_buffers(offset: int) -> Placed:
    """The last streaming layer's output beside the first layer's buffer, which is at 0x800."""
    return stream(convs(2), 2, {0: {"in_offset": 0x800, "out_offset": 0x1800}, 1: {"in_offset": 0x1800,
                                                                                  "out_offset": offset}})


BANK = 4 * 4096


def both_ahead(offset: int) -> Placed:
    """Two streaming layers that read ahead; the second reads at `offset`."""
    return stream(convs(2), 2, {0: {"read_ahead": True, "out_offset": offset},
                                1: {"read_ahead": True, "in_offset": offset, "out_offset": 2 * BANK}})


CASES: dict[str, tuple[str, Device, Placed, Placed]] = {
    "no fifo": ("BT5303", MAX78000, stream(convs(2), 1, fifo=Fifo.NONE), stream(convs(2), 1)),
    "late": ("BT5304", MAX78000, stream(convs(2), 0, {1: {"streaming": True}}), stream(convs(2), 2)),
    "nine layers": ("BT5305", MAX78000, stream(convs(9), 9), stream(convs(9), 8)),
    "passthrough": ("BT5306", MAX78002, stream(chain(copy("a", 3, DIM), conv("bb", 3, 4, DIM)), 2),
                    stream(chain(copy("a", 3, DIM), conv("bb", 3, 4, DIM)), 0)),
    "unpadded": ("BT5307", MAX78000, stream(convs(1, pad=(0, 0)), 1), stream(convs(1, pad=(1, 1)), 1)),
    "passes": ("BT5308", MAX78000, stream(wide(960), 3, step=0x1800), stream(wide(896), 3, step=0x1800)),
    "start": ("BT5309", MAX78000, stream(net(conv("one", 3, 4, (64, 64), pool=pooled((4, 4), 4))), 0, step=0x4000),
              stream(net(conv("one", 3, 4, (63, 65), pool=pooled((4, 4), 4))), 0, step=0x4000)),
    "column step": ("BT5310", MAX78000, stream(pooled_second(20, 16, 2), 2), stream(pooled_second(20, 15, 2), 2)),
    "row step": ("BT5311", MAX78000, stream(pooled_second(300, 16), 2, step=0x1000),
                 stream(pooled_second(270, 16), 2, step=0x1000)),
    "tram": ("BT5313", MAX78000, stream(long_rows(256), 3, step=0x2800), stream(long_rows(192), 3, step=0x2800)),
    "fast fifo channels": ("BT5314", MAX78000, fed(5, 0x1000F, fifo=Fifo.FAST), fed(4, 0xF, fifo=Fifo.FAST)),
    "fast fifo channels in chw": ("BT5314", MAX78000, fed(2, 0x10001, fifo=Fifo.FAST, chw=True),
                                  fed(1, 0x1, fifo=Fifo.FAST, chw=True)),
    "fifo processors": ("BT5315", MAX78000, fed(3, 0b11100), fed(3, 0b1110)),
    "fast fifo processors": ("BT5315", MAX78000, fed(3, 0x70000, fifo=Fifo.FAST), fed(3, 0x100010001, fifo=Fifo.FAST)),
    "fifo processors in chw": ("BT5315", MAX78000, fed(2, 0b10001, chw=True), fed(2, 0x10001, chw=True)),
    "fifo operands": ("BT5316", MAX78000, first(Fifo.STANDARD, operands=2, eltwise=Eltwise.ADD),
                      first(Fifo.NONE, operands=2, eltwise=Eltwise.ADD)),
    "fast fifo into 32 bits": ("BT5316", MAX78000, first(Fifo.FAST, output_width=32),
                               first(Fifo.STANDARD, output_width=32)),
    "fast fifo without convolution": ("BT5316", MAX78000, stream(net(copy("one", 3, DIM)), 0, fifo=Fifo.FAST),
                                      stream(net(copy("one", 3, DIM)), 0)),
    "long input": ("BT5317", MAX78000, skipping(1024), skipping(1023)),
    "flattening": ("BT5318", MAX78002, flat(2), flat(1)),
    "read by another layer": ("BT5319", MAX78000, read_twice(0), read_twice(1)),
    "input read by another layer": ("BT5319", MAX78000, reads_input(1), reads_input(0)),
    "quad": ("BT5320", MAX78000, quad(4), quad(8)),
    "buffers": ("BT5336", MAX78000, buffers(66 * 4), buffers(67 * 4)),
    "buffer at the end": ("BT5336", MAX78000, sized(0x8000 - 66 * 4), sized(0x8000 - 67 * 4)),
    "output over a buffer": ("BT5336", MAX78000, output_over_buffers(0x800 - 4 * 240),
                             output_over_buffers(0x800 - 4 * 241)),
    "streaming banks": ("BT5337", MAX78002, both_ahead(BANK - 8), both_ahead(BANK)),
}
"""What -> code, device, a placed network that breaks the rule, one that keeps it."""


@pytest.mark.parametrize("name", CASES)
def test_breaks_one_rule(name: str) -> None:
    code, device, (network, placement), _ = CASES[name]
    assert {p.code for p in problems(network, placement, device)} == {code}


@pytest.mark.parametrize("name", CASES)
def test_neighbour_keeps_it(name: str) -> None:
    _, device, _, (network, placement) = CASES[name]
    assert problems(network, placement, device) == []
