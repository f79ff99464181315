"""How a layer is cut into tiles: which input channels an output tile of the array sums up, in which steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from .layers import ArrayLayer


@dataclass(frozen=True)
class Segment:
    """Input channels `first`..`end`-1 of one source, in steps of `width` channels."""

    source: int
    first: int
    end: int
    width: int

    @property
    def steps(self) -> int:
        """Input tiles."""
        return ceil((self.end - self.first) / self.width)

    def ranges(self, channels: int) -> Iterator[range]:
        """The channels of every step, numbered through the sources of `channels` channels each."""
        for start in range(self.first, self.end, self.width):
            yield range(self.source * channels + start, self.source * channels + min(start + self.width, self.end))


@dataclass(frozen=True)
class Tile:
    """An output tile: its output channels and what they sum up."""

    outputs: range
    segments: tuple[Segment, ...]

    @property
    def steps(self) -> int:
        """Input tiles."""
        return sum(segment.steps for segment in self.segments)

    def inputs(self, channels: int) -> Iterator[range]:
        """The channels of every input tile, see `Segment.ranges`."""
        for segment in self.segments:
            yield from segment.ranges(channels)


def tiles(layer: ArrayLayer, cols: int, width: int) -> tuple[Tile, ...]:
    """The output tiles of a layer on an array of `cols` columns that reads `width` channels at a time.

    Only channels that a group (or the diagonal) connects to an output tile are read; they may begin anywhere. A maximum
    reads the channels of an output tile in one step: a column whose channel is not there would compare with 0.
    """
    outputs = layer.out_shape[0]
    if layer.takes_max:
        cols = min(cols, width)
    cut = (range(start, min(start + cols, outputs)) for start in range(0, outputs, cols))
    return tuple(Tile(part, tuple(_segments(layer, part, width))) for part in cut)


def _segments(layer: ArrayLayer, outputs: range, width: int) -> Iterator[Segment]:
    if layer.is_diagonal:
        yield from (Segment(i, outputs.start, outputs.stop, width) for i in range(len(layer.sources)))
        return
    per_output, per_input = layer.out_shape[0] // layer.groups, layer.in_shape[0] // layer.groups
    first, last = outputs.start // per_output, (outputs.stop - 1) // per_output
    yield Segment(0, first * per_input, (last + 1) * per_input, width)
