"""The data memory of a placed network word by word, in plain Python: who wrote what, and whether readers find it."""

from __future__ import annotations

from bittrue.targets.max7800x.network import INPUT, Layer, Network
from bittrue.targets.max7800x.placement import LayerPlacement, Placement

Word = tuple[int, int]
"""(instance, word)"""
Cell = tuple[int, int, int, int]
"""(tensor, channel, pixel, byte or wide word)"""


def spread(channels: int) -> tuple[int, int]:
    """Passes, and channels of a pass."""
    passes = -(-channels // 64)
    width = -(-channels // passes)
    return passes, width if passes == 1 else min(-(-width // 4) * 4, 64)


def places(channels: int, pixels: int, processors: int, offset: int, step: int, pass_step: int,
           wide: bool = False) -> dict[tuple[int, int], Word]:
    """(channel, pixel) -> its word; `step` words from pixel to pixel, `pass_step` from pass to pass."""
    order = [p for p in range(64) if processors >> p & 1]
    width = spread(channels)[1]
    assert len(order) == width, (len(order), channels)
    assert offset % 4 == 0
    found = {}
    for channel in range(channels):
        processor = order[channel % width]
        for pixel in range(pixels):
            word = offset // 4 + pixel * step + channel // width * pass_step + (processor % 4 if wide else 0)
            found[channel, pixel] = (processor // 4, word)
    return found


def output_places(layer: Layer, place: LayerPlacement) -> dict[tuple[int, int], Word]:
    """Where a layer writes."""
    passes, gap, width = spread(layer.out_channels)[0], place.write_gap + 1, layer.output_width // 8
    rows, cols = layer.out_dim
    return places(layer.out_channels, rows * cols, place.output_processors, place.out_offset, passes * width * gap,
                  width * gap, width > 1)


def input_places(network: Network, placement: Placement) -> dict[tuple[int, int], Word]:
    """Where the network's input is loaded."""
    reader = next(p for layer, p in zip(network.layers, placement.layers, strict=True) if INPUT in layer.sources)
    pixels = network.in_dim[0] * network.in_dim[1]
    if not placement.chw:
        passes = spread(network.in_channels)[0]
        return places(network.in_channels, pixels, reader.processors, reader.in_offset, passes, 1)
    order = [p for p in range(64) if reader.processors >> p & 1]
    assert len({p // 4 for p in order}) == len(order) == network.in_channels
    return {(c, pixel): (order[c] // 4, reader.in_offset // 4 + pixel // 4)
            for c in range(network.in_channels) for pixel in range(pixels)}


def reading_places(layer: Layer, place: LayerPlacement, operand: int) -> dict[tuple[int, int], Word]:
    """Where a layer reads an operand, in HWC."""
    passes = spread(layer.in_channels)[0]
    rows, cols = layer.in_dim
    gap = (place.read_gap + 1) * layer.operands
    return places(layer.in_channels, rows * cols, place.processors, place.in_offset + 4 * operand, passes * gap, gap)


def run(network: Network, placement: Placement, device_words: int) -> None:
    """Go through all layers; asserts that everyone finds its input, and that results are there at the end."""
    memory: dict[Word, int] = {}
    where = {INPUT: input_places(network, placement)}
    _write(memory, INPUT, where[INPUT], device_words)
    for index, (layer, place) in enumerate(zip(network.layers, placement.layers, strict=True)):
        _check_reads(network, placement, index, where)
        for source in layer.sources:
            assert _intact(memory, source, where[source]), (layer.name, source)
        where[index] = output_places(layer, place)
        _write(memory, index, where[index], device_words)
        for source in layer.sources:
            assert _intact(memory, source, where[source]), (layer.name, "overwrites its input", source)
    for output in network.outputs:
        assert _intact(memory, output, where[output]), output


def _write(memory: dict[Word, int], tensor: int, where: dict[tuple[int, int], Word], device_words: int) -> None:
    for instance, word in where.values():
        assert 0 <= word < device_words
        memory[instance, word] = tensor


def _intact(memory: dict[Word, int], tensor: int, where: dict[tuple[int, int], Word]) -> bool:
    return all(memory[word] == tensor for word in where.values())


def _check_reads(network: Network, placement: Placement, index: int,
                 where: dict[int, dict[tuple[int, int], Word]]) -> None:
    """That a layer reads every channel where it was written."""
    layer, place = network.layers[index], placement.layers[index]
    if layer.sources == (INPUT,) and placement.chw:
        return
    if layer.operands > 1:
        for operand, source in enumerate(layer.sources):
            assert reading_places(layer, place, operand) == where[source], layer.name
        return
    read, channel = reading_places(layer, place, 0), 0
    for source in layer.sources:
        count = 1 + max(c for c, _ in where[source])
        pixels = layer.in_dim[0] * layer.in_dim[1]
        part = {(c, pixel): read[channel + c, pixel] for c in range(count) for pixel in range(pixels)}
        assert part == where[source], (layer.name, source)
        channel += count
    assert channel == layer.in_channels
