"""Way in from ai8x: a network description and a checkpoint to a `Network` and its `Placement`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from ....errors import BadInput, Diagnostics, declare, fail
from ....ir import IntArray
from ..device import DEVICES
from ..network import BUFFER, INPUT, Layer, Network, RollingBuffer
from ..placement import Fifo, Placement
from .assign import pair, quantized_weights
from .build import Builder
from .checkpoint import Checkpoint, load, parse_checkpoint
from .description import Description
from .geometry import Data
from .input import Shape, entry, read_sample
from .keys import MAX78002
from .layout import placement
from .quantize import Clipping, quantize
from .read import parse_description, read_text
from .resolve import Form, forms, walk
from .weights import LayerWeights

declare({"BT5217": "there is no such device, or no such first layer"})

T = TypeVar("T")
PARTS = tuple(device.part for device in DEVICES.values())


@dataclass(frozen=True)
class Options:
    """What the peer takes from its command line, not from the description."""

    fifo: Fifo = Fifo.NONE
    overlap_data: bool = False
    """Outputs may overwrite inputs."""
    round_average: bool = False
    simple_1b: bool = False
    start_layer: int | None = None
    """Number of the layer that runs first; None for the lowest."""
    drop_channels: bool = False
    """Surplus channels of an input are not read (the peer's `--reshape-inputs`)."""
    extra_layers: bool = False
    """The checkpoint may hold more layers than the description."""


@dataclass(frozen=True, eq=False)
class Built:
    """A network with its placement, and what the user should know."""

    network: Network
    placement: Placement
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Imported(Built):
    """A network with its placement, the description that it is from, and the sample input."""

    description: Description = field(kw_only=True)
    sample: IntArray | None = None


def build_network(description: Description, weights: Mapping[int, LayerWeights], device: str = MAX78002,
                  shape: Shape | None = None, options: Options | None = None) -> Built:
    """The network of a description with given weights (by the layers' sequence numbers).

    `shape` is that of the network's input, (channels, rows, columns) or (channels, length). Raises `BadInput`
    (BT5206..BT5230) with every problem.
    """
    found = Diagnostics()
    built = build(description, weights, device, shape, options or Options(), found)
    found.raise_as(BadInput)
    return _complete(built)


def import_ai8x(config: str | Path, checkpoint: str | Path, device: str, sample: str | Path | None = None, *,
                shape: Shape | None = None, options: Options | None = None,
                clipping: Clipping | None = None) -> Imported:
    """Read a network description and a checkpoint, and optionally a sample input.

    A checkpoint of floats is quantized: by the rule of quantization-aware training, or as `clipping` says. The shape
    of the input is that of the sample, else `shape`, else what the description or its data set says. Raises `BadInput`
    (BT5201..BT5232) with every problem of all files.
    """
    found, chosen = Diagnostics(), options or Options()
    description = _tried(lambda: parse_description(read_text(config), str(config), found), found)
    read = _tried(lambda: parse_checkpoint(load(checkpoint), str(checkpoint), found), found)
    data = None if sample is None else _tried(lambda: read_sample(sample), found)
    if description is None:
        raise BadInput(*found)
    weights = {} if read is None else _weights(description, read, device, chosen, clipping, found)
    built = build(description, weights, device, shape if data is None else data.shape, chosen, found)
    found.raise_as(BadInput)
    complete = _complete(built)
    copies = () if read is None else tuple(f"{checkpoint}, {name}: it is there twice" for name in read.copies)
    return Imported(complete.network, complete.placement, complete.notes + copies, description=description, sample=data)


def _tried(read: Callable[[], T], found: Diagnostics) -> T | None:
    """What a reader gives; None when it cannot, with its problems added to `found`."""
    try:
        return read()
    except BadInput as problem:
        found.extend(problem)
        return None


def _weights(description: Description, read: Checkpoint, device: str, options: Options, clipping: Clipping | None,
             found: Diagnostics) -> dict[int, LayerWeights]:
    """The checkpoint's weights by sequence number; other problems of the description are found later, once.

    A checkpoint is one of floats when no layer that is not all zero has integers only.
    """
    pairs = pair(description, forms(description, device, Diagnostics()), read, options.extra_layers, found)
    integer = [tensors.integer for _, tensors in pairs if tensors.weight.any()]
    if all(integer) and clipping is not None and integer:
        found.add("BT5232", read.path, "its weights are integers already", "do not ask for a clipping method")
    if any(integer) or not integer:
        return quantized_weights(pairs, read.path, found)
    return quantize(pairs, read.path, clipping or Clipping(), found)


def build(description: Description, weights: Mapping[int, LayerWeights], device: str, shape: Shape | None,
          options: Options, found: Diagnostics) -> Built | None:
    """As `build_network`, but problems are added to `found`; then the result may be None."""
    _check_device(device, found)
    layers = forms(description, device, found)
    if not layers:
        return None
    start = _start(description, options, found)
    order = walk(layers, start, False, found)
    conditional = any(form.keys.simulated_sequence is not None for form in layers)
    path = walk(layers, start, True, found) if conditional else order
    data, flat = entry(description, layers, path, shape, found)
    builder = Builder(layers, weights, data, _buffer(description), found, options.drop_channels)
    for place in path:
        builder.add(place)
    placed = placement(description, layers, order, builder.layers, path, options.fifo, options.overlap_data, found)
    network = _network(description, builder, layers, path, options, flat)
    return None if network is None else Built(network, placed, _notes(layers, path))


def _complete(built: Built | None) -> Built:
    if built is None:
        fail(BadInput, "BT5204", "the description", "it has no layers", "list the layers below `layers:`")
    return built


def _check_device(device: str, found: Diagnostics) -> None:
    if device.upper() not in PARTS:
        found.add("BT5217", f"device {device}", "it is not known", f"use {' or '.join(PARTS)}")


def _start(description: Description, options: Options, found: Diagnostics) -> int:
    """Position of the first layer."""
    numbers = [keys.number for keys in description.layers]
    if options.start_layer is None:
        return 0
    if options.start_layer not in numbers:
        found.add("BT5217", description.where("layers"), f"there is no layer {options.start_layer} to start with",
                  f"use one of: {', '.join(map(str, numbers))}")
        return 0
    return numbers.index(options.start_layer)


def _buffer(description: Description) -> RollingBuffer | None:
    keys = description.buffer
    if keys is None or keys.name is None or keys.channels is None or keys.dim is None:
        return None
    return RollingBuffer(keys.name, keys.channels, keys.dim)


def _network(description: Description, builder: Builder, layers: Sequence[Form], path: Sequence[int], options: Options,
             flat: bool) -> Network | None:
    """The network of the layers on the path; None when something of it is not known."""
    known = [layer for layer in builder.layers.values() if layer is not None]
    channels = _entry_channels(builder.entry, known)
    if len(known) < len(path) or channels is None or builder.entry.dim is None:
        return None
    index = {place: i for i, place in enumerate(path)} | {INPUT: INPUT, BUFFER: BUFFER}
    names = _names(layers, path, builder)
    final = tuple(replace(layer, name=name, sources=tuple(index[source] for source in layer.sources))
                  for layer, name in zip(known, names, strict=True))
    outputs = tuple(i for i, place in enumerate(path) if layers[place].keys.output or i == len(path) - 1)
    return Network(description.arch or "", channels, builder.entry.dim, final, outputs, options.round_average, flat,
                   options.simple_1b, builder.buffer)


def _entry_channels(data: Data, layers: Sequence[Layer]) -> int | None:
    """Channels of the network's input; where nobody states them, those that the layers read."""
    read = [layer.in_channels * layer.operands + layer.channel_skip for layer in layers if INPUT in layer.sources]
    return data.channels if data.channels is not None else max(read, default=None)


def _names(layers: Sequence[Form], path: Sequence[int], builder: Builder) -> list[str]:
    """One name per layer: the stated one, else the checkpoint's, else its number; each only once."""
    names: list[str] = []
    taken = {keys.name for place in path if (keys := layers[place].keys).name}
    for place in path:
        keys = layers[place].keys
        given = builder.weights.get(keys.number)
        wished = keys.name or (given.layer if given else "") or f"layer{keys.number}"
        while keys.name is None and wished in taken:
            wished += "_"
        names.append(wished)
        taken.add(names[-1])
    return names


def _notes(layers: Sequence[Form], path: Sequence[int]) -> tuple[str, ...]:
    left = [form.keys for place, form in enumerate(layers) if place not in path]
    notes = [f"{keys.where()}: it never runs, and is left out" for keys in left]
    stated = [form.keys for form in layers if form.keys.output]
    if stated and not layers[path[-1]].keys.output:
        notes.append(f"{layers[path[-1]].keys.where()}: the last layer is an output too")
    return tuple(notes)
