"""What a description says about where: processors, offsets and modes of every layer, with their defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ....errors import Diagnostics, declare
from ..network import Layer
from ..placement import (
    BufferPlacement,
    Fifo,
    LayerPlacement,
    Passes,
    Placement,
    bits,
    default_output_map,
    in_passes,
    out_passes,
)
from .description import BufferKeys, Description, LayerKeys
from .resolve import Form

declare({"BT5213": "a processor map has another number of processors than the channels take"})


def placement(description: Description, forms: Sequence[Form], order: Sequence[int], layers: Mapping[int, Layer | None],
              path: Sequence[int], fifo: Fifo, overlap_data: bool, found: Diagnostics) -> Placement:
    """The placement of the layers on a path. Defaults follow the `order` in which all layers run.

    Adds the maps that do not fit the channels (BT5213), and a data format where it has no meaning (BT5206).
    """
    placed = {}
    for step, place in enumerate(order):
        before = forms[order[step - 1]].keys if step else None
        after = forms[order[step + 1]].keys if step + 1 < len(order) else None
        placed[place] = _layer(forms[place].keys, before, after, layers.get(place), description.output_map)
        if step and forms[place].keys.data_format:
            found.add("BT5206", forms[place].keys.where("data_format"), "only the first layer's input can be CHW",
                      "remove data_format")
    for place, layer in layers.items():
        if layer is not None:
            _check(description, forms[place].keys, layer, placed[place], fifo, place == order[-1], found)
    return Placement(tuple(placed[place] for place in path), bool(forms[order[0]].keys.data_format), fifo, overlap_data,
                     _buffer(description.buffer))


def _layer(keys: LayerKeys, before: LayerKeys | None, after: LayerKeys | None, layer: Layer | None,
           output_map: int | None) -> LayerPlacement:
    default = 0 if before is None else before.out_offset or 0
    return LayerPlacement(
        processors=keys.processors or 0, output_processors=_output_map(keys, after, layer, output_map),
        in_offset=default if keys.in_offset is None else keys.in_offset, out_offset=keys.out_offset or 0,
        write_gap=keys.write_gap or 0, read_gap=keys.read_gap or 0, streaming=bool(keys.streaming),
        bias_groups=keys.bias_group, read_ahead=bool(keys.readahead), tram_calc=keys.tcalc, calc_x4=bool(keys.calcx4))


def _output_map(keys: LayerKeys, after: LayerKeys | None, layer: Layer | None, output_map: int | None) -> int:
    """The next layer's processors by default; of the last layer `output_map` comes first."""
    if after is None and output_map is not None:
        return output_map
    if keys.output_processors is not None:
        return keys.output_processors
    if after is not None:
        return after.processors or 0
    return 0 if layer is None else default_output_map(layer.out_channels)


def _buffer(keys: BufferKeys | None) -> BufferPlacement | None:
    return None if keys is None else BufferPlacement(keys.processors or 0, keys.offset or 0)


def _check(description: Description, keys: LayerKeys, layer: Layer, placed: LayerPlacement, fifo: Fifo, last: bool,
           found: Diagnostics) -> None:
    spread = fifo is Fifo.QUAD and keys.number == description.layers[0].number
    if placed.processors and not spread:
        _check_map(keys.where("processors"), "processors", placed.processors, in_passes(layer), layer.in_channels,
                   found)
    if placed.output_processors:
        from_global = last and description.output_map is not None
        where = description.where("output_map") if from_global else keys.where("output_processors")
        name = "output_map" if from_global else "output_processors"
        _check_map(where, name, placed.output_processors, out_passes(layer), layer.out_channels, found)


def _check_map(where: str, name: str, processors: int, passes: Passes, channels: int, found: Diagnostics) -> None:
    count = len(list(bits(processors)))
    if count != passes.width:
        found.add("BT5213", where, f"{name} has {count} processors, {channels} channels take {passes.width} in "
                  f"{passes.count} pass{'es' * (passes.count > 1)}", f"use {passes.width} processors")
