"""How tensors lie beside and between one another: the blocks of data memory that layers read.

An element-wise layer reads its operands word by word in turn, so they lie interleaved (write gap); a concatenation lies
processor beside processor, and beyond 64 channels pass after pass. A tensor that is needed in two arrangements is
copied by a passthrough layer that writes it a second time.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ....errors import Diagnostics
from ..device import Device
from ..hardware import runs_as_image
from ..network import INPUT, Layer, Network, Operator
from ..placement import PROCESSORS, SHARED, Passes, in_passes
from .names import free_name


@dataclass(frozen=True)
class Part:
    """One tensor in a block: `layer` wrote it (or the input), beginning at processor `first` of the block's, at word
    `slot` of each pixel, `pixels` pixels behind the block's begin."""

    layer: int
    first: int = 0
    slot: int = 0
    pixels: int = 0


@dataclass(frozen=True)
class Block:
    """A piece of data memory: `width` processors, `pixels` pixels of `words` 32-bit words each, for every four of them.

    `gap` is the write gap of its parts.
    """

    parts: tuple[Part, ...]
    width: int
    pixels: int
    words: int
    gap: int = 0


@dataclass(frozen=True)
class Arrangement:
    """A network whose tensors can all be laid out, and the blocks; every tensor is in one."""

    network: Network
    blocks: tuple[Block, ...]

    def block_of(self, layer: int) -> tuple[int, Part]:
        """Index of the block that holds a layer's output (or the input), and the part that it is."""
        return next((i, part) for i, block in enumerate(self.blocks) for part in block.parts if part.layer == layer)


def arrange(network: Network, device: Device, found: Diagnostics) -> Arrangement:
    """Insert the copies that the layout needs, and build the blocks. Problems (BT5384, BT5385) are collected."""
    work = _Work(network, device, found)
    while (copy := work.next_copy()) is not None:
        work = _Work(_with_copy(work.network, *copy), device, found)
    return Arrangement(work.network, work.blocks())


def _with_copy(network: Network, layer: int, reader: int, source: int) -> Network:
    """A passthrough layer behind `layer`, read by `reader` as its source number `source` instead of `layer`."""
    origin = None if layer == INPUT else network.layers[layer]
    place = layer + 1
    channels, dim = (network.in_channels, network.in_dim) if origin is None else (origin.out_channels, origin.out_dim)
    base = "input" if origin is None else origin.name
    name = free_name(f"{base}.copy", {entry.name for entry in network.layers})
    layers = [_shifted(entry, place) for entry in network.layers]
    sources = list(layers[reader].sources)
    sources[source] = place
    layers[reader] = replace(layers[reader], sources=tuple(sources))
    layers.insert(place, Layer(name, Operator.PASSTHROUGH, (layer,), channels, dim))
    outputs = tuple(o + (o >= place) for o in network.outputs)
    return replace(network, layers=tuple(layers), outputs=outputs)


def _shifted(layer: Layer, place: int) -> Layer:
    return replace(layer, sources=tuple(s + (s >= place) for s in layer.sources))


@dataclass
class _Work:
    network: Network
    device: Device
    found: Diagnostics
    joins: dict[int, list[Part]] = field(default_factory=dict)

    def next_copy(self) -> tuple[int, int, int] | None:
        """The first tensor that must be copied: (layer, its reader, index of the source there); None when all fits."""
        owner: dict[int, int] = {}
        for index, layer in enumerate(self.network.layers):
            if len(layer.sources) < 2:
                continue
            for number, source in enumerate(layer.sources):
                if source in owner or not self._joinable(source, index, layer):
                    return source, index, number
                owner[source] = index
        return None

    def _joinable(self, source: int, reader: int, layer: Layer) -> bool:
        """Whether a tensor may lie in the block of `reader`, given who else reads it."""
        if source == INPUT or source in self.network.outputs:
            return False
        others = [i for i in self.network.users[source] if i != reader]
        beside = layer.operands == 1 and not layer.spatial_join and in_passes(layer).count == 1
        if runs_as_image(self.network.layers[source]) and not beside:
            return False  # it writes pixels before and behind its own, which would be others' there
        if not others or beside:
            return all(len(self.network.layers[i].sources) == 1 for i in others)
        single = Passes.of(self.network.layers[source].out_channels).count == 1
        return self.device.read_gaps and single and all(len(self.network.layers[i].sources) == 1 for i in others)

    def blocks(self) -> tuple[Block, ...]:
        """All blocks: those of layers with several sources, then one for every other tensor, in order of the layers."""
        joined = [self._block(layer) for layer in self.network.layers if len(layer.sources) > 1]
        taken = {part.layer for block in joined for part in block.parts}
        rest = [self._alone(i) for i in range(-1, len(self.network.layers)) if i not in taken]
        return tuple(sorted((*joined, *rest), key=lambda block: min(part.layer for part in block.parts)))

    def _alone(self, layer: int) -> Block:
        if layer == INPUT:
            return self._input()
        entry = self.network.layers[layer]
        passes, (rows, cols) = Passes.of(entry.out_channels), entry.out_dim
        return Block((Part(layer),), passes.width, rows * cols, passes.count * entry.output_width // 8)

    def _input(self) -> Block:
        """The input; the operands of an element-wise layer that reads it in parts lie interleaved."""
        operands = max((x.operands for x in self.network.layers if x.sources == (INPUT,)), default=1)
        passes, (rows, cols) = Passes.of(self.network.in_channels // operands), self.network.in_dim
        return Block((Part(INPUT),), passes.width, rows * cols, passes.count * operands, operands - 1)

    def _block(self, layer: Layer) -> Block:
        if layer.operands > 1:
            return self._interleaved(layer)
        return self._side_by_side(layer) if not layer.spatial_join else self._one_behind_the_other(layer)

    def _interleaved(self, layer: Layer) -> Block:
        passes, (rows, cols) = in_passes(layer), layer.in_dim
        parts = tuple(Part(source, slot=i) for i, source in enumerate(layer.sources))
        return Block(parts, passes.width, rows * cols, passes.count * layer.operands, layer.operands - 1)

    def _one_behind_the_other(self, layer: Layer) -> Block:
        passes, parts, pixels = in_passes(layer), [], 0
        for source in layer.sources:
            parts.append(Part(source, pixels=pixels))
            rows, cols = self.network.layers[source].out_dim
            pixels += rows * cols
        return Block(tuple(parts), passes.width, pixels, passes.count)

    def _side_by_side(self, layer: Layer) -> Block:
        """Parts fill the processors of one pass after the other."""
        passes, (rows, cols) = in_passes(layer), layer.in_dim
        parts, first, slot = [], 0, 0
        for number, source in enumerate(layer.sources):
            channels = self.network.layers[source].out_channels
            parts.append(Part(source, first, slot))
            first += channels
            final = number == len(layer.sources) - 1
            self._check_part(layer, channels, first, passes, final)
            if first >= passes.width and not final:
                first, slot = 0, slot + 1
        return Block(tuple(parts), passes.width, rows * cols, passes.count, passes.count - 1)

    def _check_part(self, layer: Layer, channels: int, end: int, passes: Passes, final: bool) -> None:
        if channels % SHARED and not final:
            self.found.add("BT5384", f"layer {layer.name}", f"it joins {channels} channels with others behind them, "
                           "and four channels share a word", "make all but the last a multiple of 4")
        if end > passes.width or channels > PROCESSORS:
            self.found.add("BT5385", f"layer {layer.name}", f"it joins {layer.in_channels} channels in {passes.count} "
                           f"passes of {passes.width}, and one of its inputs lies across two of them",
                           f"join tensors that fill {passes.width} channels one after the other")
