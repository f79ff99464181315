"""Data memory: words of areas against loops over channels and pixels, overlaps against a simulation of the layers."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bittrue.targets.max7800x.device import MAX78000, MAX78002
from bittrue.targets.max7800x.memory import Area, MemoryMaps, Place, memory_maps, overlaps, readings
from bittrue.targets.max7800x.memory.overlap import first_common
from bittrue.targets.max7800x.network import BUFFER, INPUT, Layer, Network, RollingBuffer
from bittrue.targets.max7800x.placement import BufferPlacement, Passes, Placement, bits

from .placed import FAR, added, conv, conv1d, copy, net, place

DIM = (3, 5)

Home = dict[tuple[int, int], list[Place]]
"""(instance, word) -> the elements that lie there."""


def area(network: Network, owner: int, layers: dict[int, dict[str, Any]] | None = None, **changes: Any) -> Area:
    found = memory_maps(network, place(network, layers, **changes), MAX78000).area(owner)
    if found is None:
        raise AssertionError("the tensor has no area")
    return found


def homes(processors: int, width: int, channels: int, pixels: int, base: int, gap: int, words: int) -> Home:
    """Where the elements lie, one by one: `words` is 1, or 4 for outputs of 32 bits."""
    order, passes = list(bits(processors)), -(-channels // width)
    found: Home = {}
    for channel, pixel in product(range(channels), range(pixels)):
        processor = order[channel % width]
        word = base + (pixel * passes + channel // width) * words * (gap + 1)
        word += processor % 4 if words == 4 else 0
        found.setdefault((processor // 4, word), []).append(Place(channel, pixel // DIM[1], pixel % DIM[1]))
    return found


def words(found: Area) -> set[tuple[int, int]]:
    return {(instance, int(word)) for instance in found.instances for word in found.words(instance)}


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 150), st.integers(0, 3), st.integers(0, 20), st.booleans(), st.integers(0, 8))
def test_words_of_an_output(channels: int, gap: int, base: int, wide: bool, shift: int) -> None:
    width = Passes.of(channels).width
    processors = ((1 << width) - 1) << min(shift, 64 - width)
    network = net(conv("one", 3, channels, DIM, output_width=32 if wide else 8))
    found = area(network, 0, {0: {"output_processors": processors, "out_offset": 4 * base, "write_gap": gap}})
    expected = homes(processors, width, channels, DIM[0] * DIM[1], base, gap, 4 if wide else 1)
    assert words(found) == set(expected)
    assert (found.begin, found.end) == (base, found.end)
    assert max(word for _, word in expected) < found.end
    for (instance, word), elements in expected.items():
        assert found.element(instance, word) == elements[0]


def test_an_input_has_its_operands_side_by_side() -> None:
    """Two operands of 70 channels: for every pixel two passes, for every pass two words."""
    found = area(net(added("one", 2, 70, DIM)), INPUT)
    assert (found.pixel_step, found.pass_step, found.passes) == (4, 2, Passes(2, 36))
    assert found.words(0).tolist() == list(range(15 * 4))
    assert found.words(8).tolist() == list(range(15 * 4))
    assert found.element(0, 7) == Place(36 + 70, 0, 1)


def test_the_last_pass_may_have_fewer_channels() -> None:
    """70 channels are passes of 36 and 34: instance 8 holds channels 32 to 35, and 68 and 69."""
    found = area(net(conv("one", 3, 66, DIM)), 0, {0: {"output_processors": (1 << 36) - 1}})
    assert found.words(7).tolist() == list(range(FAR // 4, FAR // 4 + 30))
    assert found.words(8).tolist() == list(range(FAR // 4, FAR // 4 + 30, 2))


def test_an_input_in_chw_has_four_pixels_in_a_word() -> None:
    found = area(net(conv("one", 3, 4, DIM)), INPUT, {0: {"processors": 0x111, "in_offset": 0x40}}, chw=True)
    assert found.instances == (0, 1, 2)
    assert found.words(1).tolist() == [16, 17, 18, 19]
    assert found.element(2, 17) == Place(2, 0, 4)


def test_a_long_dilated_kernel_writes_before_and_behind_its_output() -> None:
    """40 samples are an image of 8x5; the output's 30 begin 5 pixels late, and 5 follow behind."""
    network = net(conv1d("one", 3, 2, 40, 3, dilation=(5, 1)))
    found = area(network, 0, {0: {"out_offset": 0x100}})
    assert found.words(0).tolist() == list(range(64 - 5, 64 + 35))
    assert found.element(0, 64) == Place(0, 0, 0)


def test_the_persistent_buffer_is_an_area() -> None:
    network = replace(net(conv("one", 3, 4, DIM)), buffer=RollingBuffer("past", 6, (5, 2)))
    placement = replace(place(network), buffer=BufferPlacement(0b111111 << 4, 0x80))
    found = memory_maps(network, placement, MAX78000).area(BUFFER)
    assert found is not None
    assert (found.instances, found.words(2).tolist()) == ((1, 2), list(range(32, 42)))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 40), st.integers(0, 2), st.integers(1, 70), st.integers(0, 1))
def test_first_common_word_is_the_one_that_is_written_first(base: int, gap: int, channels: int, shift: int) -> None:
    width = Passes.of(channels).width
    network = net(conv("one", 3, channels, DIM))
    written = area(network, 0, {0: {"output_processors": ((1 << width) - 1) << 4 * shift, "out_offset": 4 * base,
                                    "write_gap": gap}})
    needed = area(network, INPUT, {0: {"in_offset": 60}})
    expected = homes(((1 << width) - 1) << 4 * shift, width, channels, 15, base, gap, 1)
    theirs = words(needed)
    order = sorted((elements[0].row, elements[0].column, elements[0].channel, spot)
                   for spot, elements in expected.items() if spot in theirs)
    assert first_common(written, needed) == (order[0][3] if order else None)


def damage(network: Network, placement: Placement, maps: MemoryMaps) -> set[tuple[int, int]]:
    """(layer, tensor) for every tensor that a layer writes over while it, or a later one, reads it: by simulation."""
    owner: dict[tuple[int, int], int] = {spot: INPUT for found in maps.areas if found.owner == INPUT
                                         for spot in words(found)}
    intact = {found.owner: words(found) for found in maps.areas}
    broken = set()
    for index in range(len(network.layers)):
        readers = {source for layer in network.layers[index:] for source in layer.sources}
        written = maps.area(index)
        for spot in words(written) if written is not None else ():
            before = owner.get(spot)
            still_there = before is not None and before < index and spot in intact[before]
            if before is not None and still_there and (before in readers or before in network.outputs):
                broken.add((index, before))
            owner[spot] = index
    return broken


@st.composite
def chains(draw: st.DrawFn) -> tuple[Network, Placement]:
    """Layers that read any earlier tensor, at offsets that often collide."""
    layers: list[Layer] = []
    places: dict[int, dict[str, Any]] = {}
    for index in range(draw(st.integers(1, 5))):
        source = draw(st.integers(-1, index - 1))
        channels = 4 if source < 0 else layers[source].out_channels
        outputs = draw(st.sampled_from([2, 4, 66]))
        layers.append(conv(f"layer{index}", channels, outputs, DIM, sources=(source,)))
        places[index] = {"out_offset": 4 * draw(st.integers(0, 60)), "in_offset": 4 * draw(st.integers(0, 60)),
                         "write_gap": draw(st.integers(0, 1))}
    network = net(*layers)
    return network, place(network, places)


@settings(max_examples=150, deadline=None)
@given(chains())
def test_overlaps_are_those_of_a_simulation(case: tuple[Network, Placement]) -> None:
    """A word that was lost before is lost once; what damages the rest of its tensor is found as well."""
    network, placement = case
    maps = memory_maps(network, placement, MAX78002)
    found = {(o.layer, o.owner) for o in overlaps(network, placement, maps.layers, maps.areas)}
    assert damage(network, placement, maps) <= found
    for layer, owner in found:
        both = [maps.area(layer), maps.area(owner)]
        assert words(both[0]) & words(both[1]) if both[0] is not None and both[1] is not None else False
        assert owner in network.outputs or any(owner in later.sources for later in network.layers[layer:])


def test_a_cropped_source_is_read_from_its_later_rows() -> None:
    network = net(conv("a", 3, 4, (8, 5)), copy("bb", 4, (5, 5), sources=(0,), crop=(2, 1)))
    placement = place(network, {1: {"in_offset": FAR + 4 * 10}})
    maps = memory_maps(network, placement, MAX78000)
    assert [r.misread for r in readings(network, placement, maps.layers, maps.areas)] == [None, None]
    wrong = place(network, {1: {"in_offset": FAR}})
    late = list(readings(network, wrong, maps.layers, memory_maps(network, wrong, MAX78000).areas))[1].misread
    assert late is not None
    assert (str(late.here), str(late.there)) == ("processor 0 at 0x4000, every 4 bytes",
                                                 "processor 0 at 0x4028, every 4 bytes")


def test_joined_sources_are_read_channel_by_channel_or_pixel_by_pixel() -> None:
    first, second = conv("a", 3, 4, DIM), conv("bb", 3, 4, DIM)
    side = net(first, second, conv("ccc", 8, 2, DIM, sources=(0, 1)))
    places = {1: {"in_offset": 0, "out_offset": FAR, "output_processors": 0xF0}, 2: {"in_offset": FAR, "out_offset": 0}}
    behind = net(first, second, conv("ccc", 4, 2, (6, 5), sources=(0, 1), spatial_join=True))
    after = {1: {"in_offset": 0, "out_offset": FAR + 60}, 2: {"in_offset": FAR, "out_offset": 0}}
    for network, spots in ((side, places), (behind, after)):
        placement = place(network, spots)
        maps = memory_maps(network, placement, MAX78000)
        assert [r.misread for r in readings(network, placement, maps.layers, maps.areas)] == [None] * 4
