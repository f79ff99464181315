"""Where layers read and write inside the blocks: processors relative to a block's start, and the areas of memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from ..device import Device
from ..hardware import Hardware, hardware
from ..legalize.layout import Arrangement, Block, Part
from ..memory.data import WORD
from ..memory.streaming import streams
from ..network import INPUT, Layer, Network
from ..placement import Fifo, LayerPlacement, Passes, Placement, out_passes
from .demand import Area, Solution
from .shapes import Shape


@dataclass(frozen=True)
class Way:
    """How the input enters, and how many layers stream: the first `streaming` layers run while the input arrives."""

    chw: bool = False
    fifo: bool = False
    streaming: int = 0


@dataclass(frozen=True)
class Geometry:
    """An arrangement with a way for its input."""

    arrangement: Arrangement
    device: Device
    way: Way = Way()

    @property
    def network(self) -> Network:
        """The network that is arranged."""
        return self.arrangement.network

    @cached_property
    def homes(self) -> dict[int, tuple[int, Part]]:
        """For every layer (and the input) the block and part that hold its output."""
        return {part.layer: (i, part) for i, block in enumerate(self.arrangement.blocks) for part in block.parts}

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """The processors of all blocks."""
        return tuple(self._shape(block) for block in self.arrangement.blocks)

    def _shape(self, block: Block) -> Shape:
        if block.parts[0].layer != INPUT:
            return Shape.packed(block.width)
        channels = self.network.in_channels
        if self.way.fifo:
            return Shape.fifos(channels, self.way.chw)
        return Shape.spread(channels) if self.way.chw else Shape.packed(block.width)

    def reads(self, layer: Layer) -> tuple[int, Shape]:
        """The block that a layer reads, and the processors: of the block, or of the one part that it reads."""
        block, part = self.homes[layer.sources[0]]
        if len(layer.sources) > 1 or len(self.arrangement.blocks[block].parts) == 1:
            return block, self.shapes[block]
        return block, Shape.packed(self._width(part.layer), part.first)

    def writes(self, index: int) -> tuple[int, Shape]:
        """The block that a layer writes, and the processors of its output."""
        block, part = self.homes[index]
        return block, Shape.packed(self._width(index), part.first)

    def _width(self, layer: int) -> int:
        if layer == INPUT:
            return Passes.of(self.network.in_channels).width
        return out_passes(self.network.layers[layer]).width

    # ---- placements ------------------------------------------------------------------------------------------------

    @cached_property
    def trial(self) -> Placement:
        """Everything at the first instance: a placement whose sizes hold wherever the blocks lie."""
        nowhere = (0,) * len(self.arrangement.blocks)
        return self.placement(Solution(nowhere, nowhere))

    def placement(self, solution: Solution, overlap: bool = False,
                  biases: Mapping[int, int] | None = None) -> Placement:
        """The placement that a solution means. `biases`: layers whose bias must lie in a certain group."""
        groups = {} if biases is None else {layer: (group,) for layer, group in biases.items()}
        layers = tuple(replace(self._layer(solution, index), bias_groups=groups.get(index))
                       for index in range(len(self.network.layers)))
        return Placement(layers, self.way.chw, Fifo.STANDARD if self.way.fifo else Fifo.NONE, overlap)

    def _layer(self, solution: Solution, index: int) -> LayerPlacement:
        layer = self.network.layers[index]
        source, read = self.reads(layer)
        target, written = self.writes(index)
        return LayerPlacement(
            read.at(solution.starts[source]), written.at(solution.starts[target]), self._in_offset(solution, layer),
            self._offset(solution, index), self.arrangement.blocks[target].gap, self._read_gap(layer),
            streaming=index < self.way.streaming)

    def _offset(self, solution: Solution, layer: int) -> int:
        """Byte offset of a tensor."""
        block, part = self.homes[layer]
        return WORD * (solution.offsets[block] + part.slot + part.pixels * self.arrangement.blocks[block].words)

    def _in_offset(self, solution: Solution, layer: Layer) -> int:
        """Byte offset of what a layer reads: of the first word of its sources, behind cropped rows."""
        words = self.arrangement.blocks[self.homes[layer.sources[0]][0]].words
        begin = min(self._offset(solution, source) for source in layer.sources)
        return begin + WORD * layer.crop[0] * layer.in_dim[1] * words

    def _read_gap(self, layer: Layer) -> int:
        """A single one of several operands that are interleaved is read with a gap."""
        block = self.arrangement.blocks[self.homes[layer.sources[0]][0]]
        return block.gap if len(layer.sources) == 1 else 0

    @cached_property
    def hardware(self) -> tuple[Hardware, ...]:
        """The layers as they are programmed."""
        return hardware(self.network, self.device, self.trial)

    # ---- areas -----------------------------------------------------------------------------------------------------

    @cached_property
    def areas(self) -> tuple[Area, ...]:
        """The areas of all blocks. Tensors that lie side by side, or one behind the other, have one each."""
        return tuple(area for i in range(len(self.arrangement.blocks)) for area in self._areas(i))

    def step(self, layer: int) -> int:
        """When a layer runs; streaming layers run together."""
        return layer if layer == INPUT else max(layer, self.way.streaming - 1)

    @cached_property
    def buffers(self) -> tuple[int, ...]:
        """Words that the circular buffers of the streaming layers keep from others, and that of the last one's output.

        Ranges may not touch, and what a layer writes keeps from its input as far as the input is long.
        """
        found = streams(self.network, self.trial, self.device, self.hardware)[:self.way.streaming]
        sizes = [stream.buffer or 0 for stream in found if stream is not None]
        return tuple(max(pair) + 1 for pair in zip([*sizes, 0], [0, *sizes], strict=True))

    def _areas(self, index: int) -> list[Area]:
        block = self.arrangement.blocks[index]
        if block.gap or len(block.parts) == 1:
            return [self._whole(index, block)]
        return [self._single(index, block, part) for part in block.parts]

    def _whole(self, index: int, block: Block) -> Area:
        layers = tuple(part.layer for part in block.parts)
        size = self._words(layers[0], block) if len(layers) == 1 else block.pixels * block.words
        area = Area(index, self.shapes[index].instances, 0, size, min(map(self.step, layers)),
                    max(map(self._dies, layers)), layers)
        return self._with_surplus(area, block)

    def _single(self, index: int, block: Block, part: Part) -> Area:
        rows, cols = self.network.layers[part.layer].out_dim
        instances = Shape.packed(self._width(part.layer), part.first).instances
        area = Area(index, instances, part.pixels * block.words, rows * cols * block.words, self.step(part.layer),
                    self._dies(part.layer), (part.layer,))
        return self._with_surplus(area, block)

    def _with_surplus(self, area: Area, block: Block) -> Area:
        """With the words before and behind that the layer writes too."""
        written = [self.hardware[layer] for layer in area.layers if layer != INPUT]
        before = max((layer.skipped for layer in written), default=0) * block.words
        behind = max((layer.surplus for layer in written), default=0) * block.words
        return replace(area, begin=area.begin - before, size=area.size + before + behind)

    def _words(self, layer: int, block: Block) -> int:
        """Words of a tensor that has a block to itself: all pixels, or what its rolling buffer holds."""
        streaming = self.way.streaming
        if layer + 1 < streaming:
            return self.buffers[layer + 1]
        if layer + 1 == streaming > 0:
            return max(self.buffers[streaming], block.pixels * block.words + 1)
        packed = WORD if layer == INPUT and self.way.chw else 1
        return -(-block.pixels * block.words // packed)

    def _dies(self, layer: int) -> int:
        """The step that reads a tensor last; results stay to the end."""
        if layer in self.network.outputs:
            return len(self.network.layers) - 1
        readers = [i for i, reader in enumerate(self.network.layers) if layer in reader.sources]
        return max((self.step(i) for i in readers), default=self.step(layer))
