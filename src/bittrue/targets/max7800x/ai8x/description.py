"""A parsed network description: every key that was written, with its line, before any default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..network import Activation, Dim, Eltwise, Operator


@dataclass(frozen=True, kw_only=True)
class Keys:
    """What all mappings of a description have: where they are and which keys they state."""

    path: str
    line: int
    lines: Mapping[str, int] = field(default_factory=dict)
    """The line of every key that is stated, by its first name."""
    bad: frozenset[str] = frozenset()
    """Keys whose values make no sense: nobody knows what was meant."""

    def where(self, *keys: str) -> str:
        """File and line of the first stated of some keys, else of the mapping."""
        return f"{self.path}:{next((self.lines[key] for key in keys if key in self.lines), self.line)}"

    def states(self, key: str) -> bool:
        """Whether the key is written, with whatever value."""
        return key in self.lines

    def unclear(self, *keys: str) -> bool:
        """Whether one of the keys has a value that makes no sense."""
        return not self.bad.isdisjoint(keys)


@dataclass(frozen=True, kw_only=True)
class LayerKeys(Keys):
    """The keys of a layer; None where nothing is stated. The table `keys.LAYER_KEYS` explains them."""

    number: int
    """The sequence number, stated or counted."""
    name: str | None = None
    sequence: int | None = None
    next_sequence: int | str | None = None
    processors: int | None = None
    output_processors: int | None = None
    in_offset: int | None = None
    out_offset: int | None = None
    output_width: int | None = None
    data_format: bool | None = None
    operation: tuple[Operator, Eltwise | None] | None = None
    eltwise: Eltwise | None = None
    operands: int | None = None
    pool_first: bool | None = None
    activate: Activation | None = None
    quantization: int | None = None
    output_shift: int | None = None
    kernel_size: tuple[int, ...] | None = None
    stride: Dim | None = None
    pad: int | None = None
    output_pad: int | None = None
    dilation: Dim | None = None
    groups: int | None = None
    max_pool: Dim | None = None
    avg_pool: Dim | None = None
    pool_stride: Dim | None = None
    pool_dilation: Dim | None = None
    flatten: bool | None = None
    in_channels: int | None = None
    in_channel_skip: int | None = None
    in_dim: Dim | None = None
    in_crop: Dim | None = None
    in_sequences: tuple[int | str, ...] | None = None
    out_channels: int | None = None
    streaming: bool | None = None
    write_gap: int | None = None
    read_gap: int | None = None
    bias_group: tuple[int, ...] | None = None
    output: bool | None = None
    weight_source: int | str | None = None
    buffer_shift: int | None = None
    buffer_insert: int | None = None
    bypass: bool | None = None
    calcx4: bool | None = None
    readahead: bool | None = None
    tcalc: bool | None = None
    snoop_sequence: int | None = None
    simulated_sequence: int | str | None = None

    def where(self, *keys: str) -> str:
        """File, line and layer of the first stated of some keys, else of the layer."""
        return f"{super().where(*keys)}, layer {self.number}{f' ({self.name})' if self.name else ''}"


@dataclass(frozen=True, kw_only=True)
class Region(Keys):
    """A stretch of data memory: an item of `unload`."""

    processors: int | None = None
    channels: int | None = None
    dim: Dim | None = None
    offset: int | None = None
    width: int | None = None
    write_gap: int | None = None


@dataclass(frozen=True, kw_only=True)
class BufferKeys(Keys):
    """A rolling buffer: an item of `data_buffer`."""

    processors: int | None = None
    channels: int | None = None
    dim: Dim | None = None
    offset: int | None = None
    width: int | None = None
    name: str | None = None


@dataclass(frozen=True, kw_only=True)
class Description(Keys):
    """A whole network description. `layers` are sorted by their numbers."""

    arch: str | None = None
    dataset: str | None = None
    output_map: int | None = None
    bias: str | None = None
    weights: str | None = None
    snoop: tuple[int, ...] | None = None
    layers: tuple[LayerKeys, ...] = ()
    unload: tuple[Region, ...] = ()
    data_buffer: tuple[BufferKeys, ...] = ()

    @property
    def buffer(self) -> BufferKeys | None:
        """The rolling buffer; there is one at most."""
        return self.data_buffer[0] if self.data_buffer else None
