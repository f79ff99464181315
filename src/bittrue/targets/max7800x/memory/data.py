"""The words of data memory that every tensor takes.

Four channels make a word of 32 bits (HWC), pixel after pixel; the passes of a pixel are neighbours. A write gap leaves
words free for the operands of a later layer. Outputs of 32 bits take four words. An input in CHW has one channel in an
instance and four pixels in a word. The words of an area are affine in pixel, pass and place, so two areas are compared
word by word and exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ..hardware import Hardware
from ..network import BUFFER, DATA_BITS, INPUT, Dim, Network
from ..placement import SHARED, BufferPlacement, LayerPlacement, Passes, Placement, bits

WORD = 4
"""Bytes of a word; also the pixels of a word in CHW, and the words of four 32-bit outputs."""

Words = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Place:
    """One element of a tensor."""

    channel: int
    row: int
    column: int

    def __str__(self) -> str:
        return f"channel {self.channel}, row {self.row}, column {self.column}"


@dataclass(frozen=True)
class Area:
    """The words of one tensor: word `base + pixel * pixel_step + pass * pass_step + i` for i below `width`.

    Words count from the start of a data memory instance.
    """

    owner: int
    """The layer that writes it, `INPUT` or `BUFFER`."""
    channels: int
    """Channels; of an input with several operands those of one operand."""
    dim: Dim
    processors: int
    passes: Passes
    base: int
    pixel_step: int
    pass_step: int
    width: int = 1
    """Neighbouring words of a pixel and a pass: operands of an input, channels of 32-bit outputs."""
    wide: bool = False
    """Whether the output has 32 bits."""
    chw: bool = False
    before: int = 0
    """Pixels in front of the first one that are written as well, and mean nothing."""
    surplus: int = 0
    """Pixels that are written beyond those of the tensor, `before` included."""

    @property
    def pixels(self) -> int:
        """Positions that are written one after the other: pixels, or words of four pixels."""
        count = self.dim[0] * self.dim[1]
        return -(-count // WORD) if self.chw else count + self.surplus

    @property
    def begin(self) -> int:
        """The first word."""
        return self.base - self.before * self.pixel_step

    @property
    def end(self) -> int:
        """The word behind the last."""
        last = self.begin + (self.pixels - 1) * self.pixel_step + (self.passes.count - 1) * self.pass_step
        return last + self.width

    @property
    def instances(self) -> tuple[int, ...]:
        """The data memory instances that hold it."""
        return tuple(self._held)

    @cached_property
    def _held(self) -> dict[int, tuple[tuple[int, int], ...]]:
        """Instance -> (pass, place in the word) of every channel that it holds."""
        held: dict[int, list[tuple[int, int]]] = {}
        for channel in range(self.channels):
            number, processor = self.home(channel)
            held.setdefault(processor // SHARED, []).append((number, processor % SHARED))
        return {instance: tuple(places) for instance, places in sorted(held.items())}

    @cached_property
    def _order(self) -> tuple[int, ...]:
        return tuple(bits(self.processors))

    def home(self, channel: int) -> tuple[int, int]:
        """The pass and the processor of a channel."""
        number, place = divmod(channel, self.passes.width)
        return number, self._order[min(place, len(self._order) - 1)]

    def words(self, instance: int) -> Words:
        """All words in an instance, ascending."""
        offsets = {self._offset(number, place, i) for number, place in self._held.get(instance, ())
                   for i in range(1 if self.wide else self.width)}
        pixels = self.begin + self.pixel_step * np.arange(self.pixels, dtype=np.int64)
        columns = np.array(sorted(offsets), np.int64)
        return np.unique(pixels[:, None] + columns[None, :])

    def _offset(self, number: int, place: int, i: int) -> int:
        return number * self.pass_step + (place if self.wide else i)

    def element(self, instance: int, word: int) -> Place:
        """The first element whose value is in a word; outside of the tensor the nearest one."""
        best = min(self._candidates(instance, word))
        pixel, channel = best
        rows, cols = self.dim
        pixel = min(max(pixel, 0), rows * cols - 1)
        return Place(channel, pixel // cols, pixel % cols)

    def _candidates(self, instance: int, word: int) -> Iterator[tuple[int, int]]:
        """(pixel, channel) of the elements in a word."""
        for channel in range(self.channels):
            number, processor = self.home(channel)
            if processor // SHARED != instance:
                continue
            for i in range(1 if self.wide else self.width):
                pixel, rest = divmod(word - self.base - self._offset(number, processor % SHARED, i), self.pixel_step)
                if rest == 0 and -self.before <= pixel < self.pixels - self.before:
                    yield pixel * (WORD if self.chw else 1), channel + i * self.channels


def output_area(network: Network, index: int, hardware: Hardware, place: LayerPlacement) -> Area:
    """The words that a layer writes."""
    layer = network.layers[index]
    width, gap, passes = layer.output_width // DATA_BITS, place.write_gap + 1, hardware.out_passes
    return Area(index, layer.out_channels, layer.out_dim, place.output_processors, passes, place.out_offset // WORD,
                passes.count * width * gap, width * gap, width, wide=width > 1, before=hardware.skipped,
                surplus=hardware.surplus)


def input_area(network: Network, placement: Placement, hardware: Hardware) -> Area:
    """The words of the network's input, as the first layer's place says."""
    layer, place = network.layers[0], placement.layers[0]
    operands, passes = layer.operands, hardware.in_passes
    channels = -(-network.in_channels // operands)
    return Area(INPUT, channels, network.in_dim, place.processors, passes, place.in_offset // WORD,
                1 if placement.chw else passes.count * operands, 1 if placement.chw else operands,
                1 if placement.chw else operands, chw=placement.chw)


def buffer_area(network: Network, place: BufferPlacement) -> Area | None:
    """The words of the buffer that persists between inferences."""
    if network.buffer is None:
        return None
    passes = Passes.of(network.buffer.channels)
    return Area(BUFFER, network.buffer.channels, network.buffer.dim, place.processors, passes, place.offset // WORD,
                passes.count, 1)
