"""Streaming numbers, worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from bittrue.targets.max7800x.device import MAX78000, MAX78002, Device
from bittrue.targets.max7800x.memory import Stream, buffer_overlaps, memory_maps
from bittrue.targets.max7800x.network import Eltwise, Network
from bittrue.targets.max7800x.placement import Fifo

from .placed import chain, conv, copy, net, place, pooled

DIM = (12, 20)
HALVED = pooled((2, 2), 2)
THREE = chain(conv("a", 3, 4, DIM, pool=HALVED), conv("bb", 4, 4, (6, 10)), conv("ccc", 4, 4, (6, 10), pool=HALVED))


def streams(network: Network, device: Device, count: int, layers: dict[int, dict[str, Any]] | None = None,
            **changes: Any) -> tuple[Stream | None, ...]:
    """The first `count` layers stream."""
    places = {i: {"streaming": i < count} | (layers or {}).get(i, {}) for i in range(len(network.layers))}
    return memory_maps(network, place(network, places, **({"fifo": Fifo.STANDARD} | changes)), device).streams


def test_max78000_first_layer_pools() -> None:
    """Start (row of 20 + 2) x 2; a row more and the window's 2 in the buffer."""
    found = streams(net(conv("one", 3, 4, DIM, pool=HALVED)), MAX78000, 1)
    assert found == (Stream(44, column_step=1, row_step=20, buffer=44 + 20 + 2),)


def test_max78000_later_layers() -> None:
    """Behind 10 pooled columns and padding: 2 rows of 12, 2 columns, 1, and 2 to spare."""
    found = streams(THREE, MAX78000, 3)
    assert found[1] == Stream(29, column_step=1, row_step=1, passes=1, tram=10, buffer=30)
    assert found[2] == Stream(12 * 3 + 2 + 2 + 2, column_step=2, row_step=12 + 2, passes=2, tram=20, buffer=42 + 10 + 2)


def test_max78000_input_in_chw() -> None:
    found = streams(net(conv("one", 1, 4, DIM, pool=HALVED)), MAX78000, 1, chw=True)
    assert found == (Stream(44, column_step=1, row_step=20, buffer=12),)


def test_max78000_buffer_is_a_multiple_of_the_passes() -> None:
    """130 channels are 3 passes: 2 rows of 22 and 5 words to the start, one for the window, and up to 51."""
    network = chain(conv("a", 3, 130, DIM, bits=1), conv("bb", 130, 4, DIM, bits=1))
    found = streams(network, MAX78000, 2)[1]
    assert found == Stream(49, column_step=1, row_step=1, passes=1, tram=20, buffer=51)


def test_max78000_operands_multiply_steps() -> None:
    second = conv("bb", 2, 4, DIM, operands=2, eltwise=Eltwise.ADD, pool=HALVED)
    found = streams(chain(conv("a", 3, 4, DIM), second), MAX78000, 2)[1]
    assert found is not None
    assert (found.column_step, found.row_step) == (2 * 2, 22 + 2 * 2)


@pytest.mark.parametrize(("device", "chw", "start"), [(MAX78000, False, 240), (MAX78000, True, 60),
                                                      (MAX78002, False, 240), (MAX78002, True, 60)])
def test_a_whole_frame_from_a_fifo(device: Device, chw: bool, start: int) -> None:
    assert streams(net(conv("one", 1, 4, DIM)), device, 0, chw=chw) == (Stream(start),)


def test_without_fifo_nothing_waits() -> None:
    assert streams(net(conv("one", 3, 4, DIM)), MAX78000, 0, fifo=Fifo.NONE) == (None,)


def test_max78002_first_layer_pools() -> None:
    """2 rows of 22, the padding and twice 2; 9 windows leave 2 columns; the pipeline adds one to the row step."""
    found = streams(net(conv("one", 3, 4, DIM, pool=HALVED)), MAX78002, 1)
    assert found == (Stream(2 * 22 + 1 + 4, column_step=2, row_step=20 + 2 + 1 + 1, buffer=49 + 2 + 22),)


def test_max78002_first_layer_without_pooling() -> None:
    found = streams(net(conv("one", 3, 4, DIM)), MAX78002, 1)
    assert found == (Stream(1, column_step=0, row_step=0, buffer=2),)


def test_max78002_input_in_chw() -> None:
    """Four pixels in a word; the buffer counts single pixels of the start."""
    found = streams(net(conv("one", 1, 4, DIM, pool=HALVED)), MAX78002, 1, chw=True)
    assert found == (Stream(13, column_step=1, row_step=6 + 1, buffer=(49 + 2 + 22) * 2 * 4),)


def test_max78002_later_layers() -> None:
    found = streams(THREE, MAX78002, 3)
    assert found[1] == Stream(12 + 12 + 1 + 2, column_step=1, row_step=1, passes=1, tram=10, buffer=27 + 1)
    assert found[2] == Stream(12 + 2 * 12 + 1 + 4 + 2 * 2, column_step=2, row_step=10 + 2, passes=2, tram=20, buffer=47)


def test_max78002_passes_need_a_larger_buffer() -> None:
    """130 channels: two more rows of 20, padding and column, and up to a multiple of 3."""
    network = chain(conv("a", 3, 130, DIM, bits=1), conv("bb", 130, 4, DIM, bits=1), conv("ccc", 4, 4, DIM))
    found = streams(network, MAX78002, 3)
    assert found[1] == Stream(22 + 22 + 1 + 2, column_step=1, row_step=1, passes=1, tram=20, buffer=93)
    assert found[2] is not None
    assert (found[2].passes, found[2].tram) == (4, 20 + 3 * 20)


def test_max78002_read_ahead() -> None:
    """Reading ahead starts one stride later, and several passes count in fours."""
    network = chain(conv("a", 3, 130, DIM, bits=1, pool=HALVED), conv("bb", 130, 4, (6, 10), bits=1),
                    conv("ccc", 4, 4, (6, 10)))
    plain, ahead = (streams(network, MAX78002, 3, dict.fromkeys(range(3), changes)) for changes in
                    ({"read_ahead": False}, {"read_ahead": True}))
    starts = [(a.start, b.start) for a, b in zip(plain, ahead, strict=True) if a is not None and b is not None]
    assert starts == [(49, 51), (27, 28), (27, 28)]
    assert [(a.passes, b.passes) for a, b in zip(plain, ahead, strict=True) if a and b] == [(0, 0), (1, 1), (4, 5)]
    forced = streams(network, MAX78002, 3, {0: {"tram_calc": True}})[2]
    assert forced is not None
    assert forced.passes == 4 + 3


def test_small_kernels_beside_streaming_layers_grow() -> None:
    small = conv("bb", 4, 4, DIM, kernel=(1, 1), pad=(0, 0))
    network = chain(conv("a", 3, 4, DIM), small, conv("ccc", 4, 4, DIM, kernel=(1, 1), pad=(0, 0)),
                    conv("dddd", 4, 4, DIM, kernel=(1, 1), pad=(0, 0)))
    maps = memory_maps(network, place(network, {0: {"streaming": True}, 1: {"streaming": True}}, fifo=Fifo.STANDARD),
                       MAX78000)
    assert [(h.kernel, h.pad, h.tram) for h in maps.layers] == [((3, 3), (1, 1), 20)] * 3 + [((1, 1), (0, 0), 20)]


def test_buffers_that_touch_overlap() -> None:
    network = chain(conv("a", 3, 4, DIM, pool=HALVED), conv("bb", 4, 4, (6, 10)))
    spots = {0: {"streaming": True}, 1: {"streaming": True, "in_offset": 66 * 4, "out_offset": 0x1000}}
    placement = place(network, spots, fifo=Fifo.STANDARD)
    maps = memory_maps(network, placement, MAX78000)
    found, = buffer_overlaps(network, placement, maps.streams, maps.areas)
    assert (found.layer, found.output, found.other, found.words, found.others) == (1, False, 0, (66, 96), (0, 66))


def test_what_lies_between_streaming_layers_has_no_area() -> None:
    network = chain(conv("a", 3, 4, DIM), conv("bb", 4, 4, DIM), copy("ccc", 4, DIM))
    placement = place(network, {0: {"streaming": True}, 1: {"streaming": True}}, fifo=Fifo.STANDARD)
    assert [area.owner for area in memory_maps(network, placement, MAX78000).areas] == [1, 2]
