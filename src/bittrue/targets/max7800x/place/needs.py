"""What the layers of an arrangement need of the memories, for one way of the input: the demand that the solver gets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..cycles import layer_cycles
from ..memory.bias import has_bias
from ..memory.depthwise_bias import depthwise_bytes
from ..memory.kernel_size import kernel_size
from ..memory.sharing import shared_biases, shared_kernels
from ..network import INPUT
from ..placement import PROCESSORS, SHARED, first
from ..units import units, whole
from .demand import UNIT, Bias, Capacity, Demand, Kernel, Tie, Trail
from .geometry import Geometry
from .moves import moves
from .shapes import GROUPS
from .trails import lag, trails


def demand(geometry: Geometry, overlap: bool = False, share: bool = True) -> Demand:
    """The demand of a whole network.

    `overlap`: outputs may be written where input has been read. `share`: layers with equal kernels use the same
    processors, and so one place for the kernels; otherwise every layer has its own.
    """
    device = geometry.device
    capacity = Capacity(device.data.words, device.kernels.small // UNIT, device.bias.bytes)
    shared = _shared(geometry) if share else {}
    return Demand(capacity, geometry.shapes, geometry.areas, tuple(_kernels(geometry, shared)), tuple(moves(geometry)),
                  tuple(_biases(geometry)), tuple(_trails(geometry)) if overlap else (), tuple(_used(geometry)),
                  tuple(_ties(geometry, shared)))


def _used(geometry: Geometry) -> Iterator[tuple[int, tuple[int, ...]]]:
    for layer in geometry.network.layers:
        block, shape = geometry.reads(layer)
        yield block, shape.instances
    block, shape = geometry.writes(geometry.network.outputs[-1])
    yield block, shape.instances


# ---- kernel memory -------------------------------------------------------------------------------------------------

def _shared(geometry: Geometry) -> dict[int, int]:
    """Layers whose kernels can be those of an earlier one, if both use the same processors: maps of the same form."""
    same = [replace(place, processors=place.processors >> first(place.processors) // SHARED * SHARED)
            for place in geometry.trial.layers]
    return shared_kernels(geometry.network, replace(geometry.trial, layers=tuple(same)), geometry.hardware)


def _ties(geometry: Geometry, shared: dict[int, int]) -> Iterator[Tie]:
    for layer, owner in shared.items():
        (one, first), (two, second) = (geometry.reads(geometry.network.layers[i]) for i in (layer, owner))
        yield Tie(one, two, second.instances[0] - first.instances[0])


def _kernels(geometry: Geometry, shared: dict[int, int]) -> Iterator[Kernel]:
    """In a loader's order: first those of layers that use all processors."""
    layers = [(i, *geometry.reads(layer)) for i, layer in enumerate(geometry.network.layers)
              if layer.weights is not None and i not in shared]
    for index, block, shape in sorted(layers, key=lambda entry: entry[2].mask != (1 << PROCESSORS) - 1):
        needed = units(kernel_columns(geometry, index), UNIT)
        yield Kernel(index, block, shape.instances, needed, _column_cycles(geometry, index))


def kernel_columns(geometry: Geometry, index: int) -> int:
    """Columns of the kernels of a layer, in each of its processors."""
    return kernel_size(geometry.network.layers[index], geometry.hardware[index], geometry.trial.layers[index]).end


def _column_cycles(geometry: Geometry, index: int) -> int:
    """Cycles that a layer takes longer for every column that its kernels lie further behind."""
    layer, hardware, place = geometry.network.layers[index], geometry.hardware[index], geometry.trial.layers[index]
    first, second = (layer_cycles(geometry.device, layer, hardware, place, column) for column in (0, 1))
    return second - first


# ---- bias memory ---------------------------------------------------------------------------------------------------

def _biases(geometry: Geometry) -> Iterator[Bias]:
    shared = shared_biases(geometry.network)
    for index, layer in enumerate(geometry.network.layers):
        if index in shared or not has_bias(layer):
            continue
        if layer.groups == 1:
            extra = index == 0 < geometry.way.streaming and not geometry.device.streaming_bias
            yield Bias(index, layer.out_channels + extra)
        else:
            block, _ = geometry.reads(layer)
            yield Bias(index, 0, block, tuple(_spread(geometry, index, s) for s in geometry.shapes[block].starts))


def _spread(geometry: Geometry, index: int, start: int) -> tuple[int, ...]:
    """Bytes in each group at most, when the block that a depthwise layer reads has a start."""
    _, shape = geometry.reads(geometry.network.layers[index])
    place = replace(geometry.trial.layers[index], processors=shape.at(start), output_processors=shape.at(start))
    hardware = replace(geometry.hardware[index], broadcast=True)
    values: list[int | None] = [1] * geometry.network.layers[index].out_channels
    parts = depthwise_bytes(values, hardware, place)
    return tuple(whole(len(parts.get(group, ())), SHARED) for group in range(GROUPS))


# ---- outputs behind inputs -----------------------------------------------------------------------------------------

def _trails(geometry: Geometry) -> Iterator[Trail]:
    blocks = geometry.arrangement.blocks
    for index, layer in enumerate(geometry.network.layers):
        if not trails(layer) or index < geometry.way.streaming or (INPUT in layer.sources and geometry.way.chw):
            continue
        source, target = geometry.homes[layer.sources[0]][0], geometry.homes[index][0]
        behind = lag(layer, blocks[source].words, blocks[target].words)
        for number, area in enumerate(geometry.areas):
            if area.block == source and area.dies == index and set(area.layers) <= set(layer.sources):
                yield from (Trail(number, other, behind) for other, out in enumerate(geometry.areas)
                            if index in out.layers and out.born == index and behind < out.size)
