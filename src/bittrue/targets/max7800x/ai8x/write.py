"""Writes a network and its placement as a network description.

The text is the same for the same network. Layers are numbered in the order in which they run. Weights and output
shifts are in the checkpoint (`save`); what the peer takes from its command line is in a comment.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ....errors import Diagnostics, Unsupported, declare
from ..network import BUFFER, INPUT, Dim, Layer, Network, Operator
from ..placement import Fifo, LayerPlacement, Placement, dotted
from .build import BYPASS_SHIFT
from .resolve import DEFAULTS

declare({"BT5240": "a network has what a network description cannot say"})

_FIFO = {Fifo.NONE: "", Fifo.STANDARD: "--fifo", Fifo.FAST: "--fast-fifo", Fifo.QUAD: "--fast-fifo-quad"}
_WORDS = {"true", "false", "yes", "no", "on", "off", "y", "n", "null", "none", "stop", "input"}
"""Names that YAML or the description would take for something else, in lower case."""


def write_description(network: Network, placement: Placement, arch: str, dataset: str) -> str:
    """The description as YAML text. Raises `Unsupported` (BT5240) with everything that it cannot say."""
    _check(network)
    names = unique_names(network)
    return "\n".join([*_head(network, placement, arch, dataset), *_buffer(network, placement), "layers:",
                      *(line for i in range(len(network.layers)) for line in _layer(network, placement, names, i)), ""])


def options(network: Network, placement: Placement) -> tuple[str, ...]:
    """Command-line options that the peer's loader needs beside the description."""
    chosen = {_FIFO[placement.fifo]: True, "--overlap-data": placement.overlap_data,
              "--avg-pool-rounding": network.round_average, "--simple1b": network.simple_1b}
    return tuple(option for option, wanted in chosen.items() if option and wanted)


def unique_names(network: Network) -> list[str]:
    """The layers' names, each once whatever its case, none a reserved word."""
    names: list[str] = []
    for layer in network.layers:
        name = layer.name.strip() or "layer"
        while name.lower() in {"stop", "input"} | {taken.lower() for taken in names} or _is_buffer(network, name):
            name += "_"
        names.append(name)
    return names


def weight_sources(network: Network) -> list[int | None]:
    """For every layer the earlier one whose weights and shift it shares."""
    found: list[int | None] = []
    for i, layer in enumerate(network.layers):
        shared = (j for j in range(i) if layer.weights is not None and network.layers[j].weights is layer.weights
                  and network.layers[j].shift == layer.shift and found[j] is None)
        found.append(next(shared, None))
    return found


def _is_buffer(network: Network, name: str) -> bool:
    return network.buffer is not None and name.lower() == network.buffer.name.lower()


def _check(network: Network) -> None:
    found = Diagnostics()
    for layer in network.layers:
        for key, (rows, cols) in (("pad", layer.pad), ("output_pad", layer.output_pad)):
            if cols != (0 if layer.one_dimensional else rows):
                found.add("BT5240", layer.name, f"{key} is {rows} rows and {cols} columns", "pad both alike")
        if layer.spatial_join and len({network.layers[s].out_channels for s in layer.sources if s >= 0}) > 1:
            found.add("BT5240", layer.name, "inputs whose pixels are joined have different numbers of channels",
                      "join inputs with equally many channels")
    found.raise_as(Unsupported)


def _head(network: Network, placement: Placement, arch: str, dataset: str) -> Iterator[str]:
    yield "---"
    yield f"# Input: {_size(network.in_channels, network.in_dim)}"
    chosen = options(network, placement)
    if chosen:
        yield f"# Loader options: {' '.join(chosen)}"
    yield f"arch: {_text(arch)}"
    yield f"dataset: {_text(dataset)}"
    yield ""


def _buffer(network: Network, placement: Placement) -> Iterator[str]:
    if network.buffer is not None and placement.buffer is not None:
        yield from ("data_buffer:", f"  - name: {_text(network.buffer.name)}",
                    f"    processors: {dotted(placement.buffer.processors)}",
                    f"    channels: {network.buffer.channels}", f"    dim: {_dim(network.buffer.dim)}",
                    f"    offset: {_offset(placement.buffer.offset)}", "")


@dataclass(frozen=True)
class _Place:
    """A layer with everything around it."""

    network: Network
    placement: Placement
    names: Sequence[str]
    index: int

    @property
    def layer(self) -> Layer:
        return self.network.layers[self.index]

    @property
    def placed(self) -> LayerPlacement:
        return self.placement.layers[self.index]

    @property
    def source_channels(self) -> int:
        """Channels of the sources together."""
        channels = [self._source(source)[0] for source in self.layer.sources]
        return channels[0] if self.layer.spatial_join else sum(channels)

    @property
    def source_dim(self) -> Dim:
        """Size of the sources, after cropping."""
        rows, cols = self._source(self.layer.sources[0])[1]
        return rows - sum(self.layer.crop), cols

    def _source(self, source: int) -> tuple[int, Dim]:
        if source == INPUT:
            return self.network.in_channels, self.network.in_dim
        if source == BUFFER:
            return (0, (0, 0)) if self.network.buffer is None else (self.network.buffer.channels,
                                                                   self.network.buffer.dim)
        return self.network.layers[source].out_channels, self.network.layers[source].out_dim

    def source_name(self, source: int) -> str:
        """How `in_sequences` calls a source."""
        if source == BUFFER and self.network.buffer is not None:
            return _text(self.network.buffer.name)
        return "input" if source == INPUT else _text(self.names[source])


def _layer(network: Network, placement: Placement, names: Sequence[str], index: int) -> Iterator[str]:
    place = _Place(network, placement, names, index)
    layer = place.layer
    weights = "" if layer.weights is None else f", {layer.weights.values.size} weights of {layer.weight_bits} bits"
    yield f"  # Layer {index} ({_text(names[index])}): {_size(layer.in_channels * layer.operands, layer.in_dim)} -> " \
          f"{_size(layer.out_channels, layer.out_dim)}{weights}"
    stated = [(key, value) for key, write in _KEYS if (value := write(place)) is not None]
    yield from (f"  {'- ' if i == 0 else '  '}{key}: {value}" for i, (key, value) in enumerate(stated))


def _reads_input_first(p: _Place) -> bool:
    return p.index == 0 or BUFFER in p.layer.sources


def _in_channels(p: _Place) -> str | None:
    """The loader does not know the inputs of a flattening layer whose sources are named; others it finds itself."""
    layer = p.layer
    if layer.flatten and _in_sequences(p) is not None:
        return str(layer.inputs)
    whole = layer.in_channels * layer.operands == p.source_channels and not layer.channel_skip
    return None if whole and not _reads_input_first(p) else str(layer.inputs)


def _in_dim(p: _Place) -> str | None:
    layer = p.layer
    same = layer.in_dim == p.source_dim and not layer.spatial_join
    return None if same and not _reads_input_first(p) else _dim(layer.in_dim)


def _in_sequences(p: _Place) -> str | None:
    sources = p.layer.sources
    if sources == (p.index - 1 if p.index else INPUT,):
        return None
    return f"[{', '.join(map(p.source_name, sources))}]"


def _operation(p: _Place) -> str:
    layer = p.layer
    return layer.eltwise.value if layer.eltwise is not None and not layer.convolves else layer.operator.value


def _window(p: _Place, average: bool) -> str | None:
    pool = p.layer.pool
    stated = pool.average == average and (pool.active or average)
    return _pair(p, pool.window) if stated else None


def _kernel(p: _Place) -> str | None:
    layer = p.layer
    if layer.operator in (Operator.LINEAR, Operator.PASSTHROUGH):
        return None
    return str(layer.kernel[0]) if layer.one_dimensional else f"{layer.kernel[0]}x{layer.kernel[1]}"


def _quantization(p: _Place) -> str | None:
    """Stated where the peer would not find it: for other bits than 8, and where all weights are 0, or -1 and 1."""
    weights = p.layer.weights
    if weights is None:
        return None
    if weights.binary:
        return "binary"
    magnitudes = np.abs(weights.values)
    alike = int(magnitudes.min()) == int(magnitudes.max()) <= 1
    return str(weights.bits) if weights.bits != 8 or alike else None


def _stride(p: _Place) -> str | None:
    default = DEFAULTS[p.layer.operator].stride
    one = (default, 1 if p.layer.one_dimensional else default)
    return None if not p.layer.convolves or p.layer.stride == one else _pair(p, p.layer.stride)


def _output(p: _Place) -> str | None:
    return "true" if len(p.network.outputs) > 1 and p.index in p.network.outputs else None


def _weight_source(p: _Place) -> str | None:
    source = weight_sources(p.network)[p.index]
    return None if source is None else _text(p.names[source])


def _when(value: bool | None, text: str = "true") -> str | None:
    return text if value else None


_KEYS: tuple[tuple[str, Callable[[_Place], str | None]], ...] = (
    ("name", lambda p: _text(p.names[p.index])),
    ("processors", lambda p: dotted(p.placed.processors)),
    ("output_processors", lambda p: dotted(p.placed.output_processors)),
    ("data_format", lambda p: None if p.index else "CHW" if p.placement.chw else "HWC"),
    ("in_sequences", _in_sequences),
    ("in_channels", _in_channels),
    ("in_channel_skip", lambda p: _when(p.layer.channel_skip > 0, str(p.layer.channel_skip))),
    ("in_dim", _in_dim),
    ("in_crop", lambda p: _when(any(p.layer.crop), f"[{p.layer.crop[0]}, {p.layer.crop[1]}]")),
    ("in_offset", lambda p: _offset(p.placed.in_offset)),
    ("out_offset", lambda p: _offset(p.placed.out_offset)),
    ("read_gap", lambda p: _when(p.placed.read_gap > 0, str(p.placed.read_gap))),
    ("write_gap", lambda p: _when(p.placed.write_gap > 0, str(p.placed.write_gap))),
    ("streaming", lambda p: _when(p.placed.streaming)),
    ("max_pool", lambda p: _window(p, average=False)),
    ("avg_pool", lambda p: _window(p, average=True)),
    ("pool_stride", lambda p: _when(p.layer.pool.active or p.layer.pool.stride != (1, 1),
                                    _pair(p, p.layer.pool.stride))),
    ("pool_dilation", lambda p: _when(p.layer.pool.active and p.layer.pool.dilation != (1, 1),
                                      _pair(p, p.layer.pool.dilation))),
    ("operation", _operation),
    ("eltwise", lambda p: p.layer.eltwise.value.lower() if p.layer.eltwise and p.layer.convolves else None),
    ("operands", lambda p: _when(p.layer.operands > 2, str(p.layer.operands))),
    ("pool_first", lambda p: _when(not p.layer.pool_first, "false")),
    ("kernel_size", _kernel),
    ("pad", lambda p: _when(p.layer.convolves, str(p.layer.pad[0]))),
    ("stride", _stride),
    ("dilation", lambda p: _when(p.layer.dilation != (1, 1), _pair(p, p.layer.dilation))),
    ("output_pad", lambda p: _when(p.layer.operator is Operator.CONVTRANSPOSE2D, str(p.layer.output_pad[0]))),
    ("groups", lambda p: _when(p.layer.groups > 1, str(p.layer.groups))),
    ("flatten", lambda p: _when(p.layer.flatten)),
    ("bypass", lambda p: _when(p.layer.bypass)),
    ("out_channels", lambda p: _when(p.layer.bypass_channels > 0, str(p.layer.bypass_channels))),
    ("quantization", _quantization),
    ("output_shift", lambda p: _when(p.layer.bypass and p.layer.shift != BYPASS_SHIFT, str(p.layer.shift))),
    ("activate", lambda p: _when(p.layer.convolves, p.layer.activation.value)),
    ("output_width", lambda p: _when(p.layer.output_width != 8, str(p.layer.output_width))),
    ("output", _output),
    ("weight_source", _weight_source),
    ("bias_group", lambda p: None if p.placed.bias_groups is None else str(list(p.placed.bias_groups))),
    ("calcx4", lambda p: _when(p.placed.calc_x4)),
    ("readahead", lambda p: _when(p.placed.read_ahead)),
    ("tcalc", lambda p: None if p.placed.tram_calc is None else str(p.placed.tram_calc).lower()),
    ("buffer_shift", lambda p: _when(p.layer.buffer_shift > 0, str(p.layer.buffer_shift))),
    ("buffer_insert", lambda p: _when(p.layer.buffer_insert > 0, str(p.layer.buffer_insert))),
)
"""The keys in the order in which they are written; None leaves one out."""


def _text(value: str) -> str:
    """A text as YAML reads it back: quoted unless it can only be a text."""
    plain = re.fullmatch(r"[A-Za-z_][\w./-]*", value, re.ASCII) and value.lower() not in _WORDS
    return value if plain else f'"{"".join(map(_character, value))}"'


def _character(value: str) -> str:
    """A character in a quoted YAML text."""
    if value in '"\\' or not value.isprintable():
        return f"\\U{ord(value):08x}" if ord(value) > 0xFFFF else json.dumps(value)[1:-1]
    return value


def _offset(offset: int) -> str:
    return f"0x{offset:04x}"


def _dim(dim: Dim) -> str:
    return str(dim[0]) if dim[1] == 1 else f"[{dim[0]}, {dim[1]}]"


def _pair(p: _Place, pair: Dim) -> str:
    flat = p.layer.one_dimensional or (not p.layer.convolves and p.layer.in_dim[1] == 1)
    return str(pair[0]) if pair[0] == pair[1] or flat else f"[{pair[0]}, {pair[1]}]"


def _size(channels: int, dim: Dim) -> str:
    return "x".join(map(str, (channels, *dim)))
