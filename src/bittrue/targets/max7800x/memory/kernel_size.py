"""How much kernel memory a layer takes, and which columns of it: numbers that do not depend on where it starts.

A column holds 72 bits. Kernels follow one another densely, output channel by output channel; weights of 4, 2 and 1 bits
share a byte with the same weight of the next 1, 3 and 7 channels. The column that holds an output channel is fixed by
its output processor, so processors before the first one and between two of them cost columns as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ..device import KERNEL_BYTES
from ..hardware import Hardware
from ..network import DATA_BITS, Layer
from ..placement import GROUP, SHARED, LayerPlacement, first, last
from ..units import units

COLUMN_BITS = 8 * KERNEL_BYTES


Runs = tuple[tuple[int, int], ...]
"""Columns: (first, behind the last) of every run of them."""


@dataclass(frozen=True)
class KernelSize:
    """What a layer needs in every one of its processors, in columns relative to its start."""

    length: int
    """Columns of kernels."""
    count: int
    """Kernels that the address counter passes, with those of processors that are skipped."""
    out_count: int
    """Output channels that the channel counter passes, with those of processors that are skipped."""
    columns: tuple[Runs, ...]
    """The columns that are written; one entry for all processors, or (quad FIFO) one for those of each group."""

    def written(self, processor: int) -> Runs:
        """The columns that are written in a processor."""
        return self.columns[processor // GROUP % len(self.columns)]

    @property
    def end(self) -> int:
        """The first column behind everything that is written."""
        return max(stop for runs in self.columns for _, stop in runs)


@dataclass(frozen=True)
class _Layout:
    """The figures of a layer's place that decide about columns."""

    start: int
    """Processors before the first output processor that share its data memory."""
    span: int
    """Output processors from the first one (or its instance's first) to the last."""
    outputs: int
    """Passes of output."""
    inputs: int
    """Kernels that an output channel has in one processor."""
    pack: int
    """Weights in a byte."""


def kernel_size(layer: Layer, hardware: Hardware, place: LayerPlacement, quad: bool = False) -> KernelSize:
    """The size of a layer's kernels. `quad`: layer 0 behind the quad fast FIFO, whose kernels four groups share."""
    layout = _layout(layer, hardware, place)
    kernels, count, out_count = _counts(layer, hardware, place, layout)
    spare = (kernels % layout.pack) * hardware.kernel_size * (layout.pack - 1)
    length = units(kernels * hardware.kernel_size * layer.weight_bits + spare, COLUMN_BITS)
    written = _written(layer, hardware, place, layout)
    if quad:
        return KernelSize(units(length, SHARED), units(count, SHARED), units(out_count, SHARED), _dealt(written.runs))
    written.fill(layout.start + length)
    return KernelSize(written.runs[-1][1] if layer.flatten else length, count, out_count, (tuple(written.runs),))


def _dealt(runs: list[tuple[int, int]]) -> tuple[Runs, ...]:
    """Columns dealt out over the four groups, every fourth one to each."""
    columns = [column for begin, end in runs for column in range(begin, end)]
    return tuple(tuple((c // SHARED, c // SHARED + 1) for c in columns if c % SHARED == group)
                 for group in range(SHARED))


def _layout(layer: Layer, hardware: Hardware, place: LayerPlacement) -> _Layout:
    outputs, begin = hardware.out_passes.count, first(place.output_processors)
    start = begin % SHARED
    inputs = 1 if layer.flatten else hardware.in_passes.count
    span = 1 + last(place.output_processors) - begin + (start if outputs > 1 else 0)
    return _Layout(start, span, outputs, inputs, DATA_BITS // layer.weight_bits)


def _counts(layer: Layer, hardware: Hardware, place: LayerPlacement, layout: _Layout) -> tuple[int, int, int]:
    """Kernels in memory, kernels and output channels that the counters pass."""
    skipped = layout.start * layout.inputs
    if layer.groups > 1:
        return layout.inputs, layout.inputs + skipped, layout.span * layout.inputs + skipped
    kernels = layout.span * layout.outputs * layout.inputs
    count = kernels + skipped * layout.outputs
    if not layer.flatten:
        return kernels, count, count
    unused = layout.outputs * place.output_processors.bit_count() - layer.out_channels
    count = (count - unused) * flat_kernels(layer, hardware)
    return (kernels - unused) * flat_kernels(layer, hardware), count, count


def flat_kernels(layer: Layer, hardware: Hardware) -> int:
    """Weights that one output channel of a flattening layer has in one processor."""
    return layer.inputs // hardware.in_passes.width


def _written(layer: Layer, hardware: Hardware, place: LayerPlacement, layout: _Layout) -> _Written:
    """The columns that hold kernels."""
    column, used = divmod(layout.start * hardware.kernel_size * layout.inputs, KERNEL_BYTES)
    written = _Written(column, 0)
    written.write(used // layout.pack)
    for skipped, size in _pieces(layer, hardware, place, layout):
        written.skip(skipped)
        written.write(size)
    return written


@dataclass
class _Written:
    """Columns that are written from left to right, and how many bytes of the present one."""

    column: int
    used: int
    runs: list[tuple[int, int]] = field(default_factory=list)

    def skip(self, columns: int) -> None:
        """Leave the present column, and those behind it, as they are."""
        self.column, self.used = self.column + columns, 0 if columns else self.used

    def write(self, size: int) -> None:
        """Write bytes."""
        if not size:
            return
        begin, (columns, self.used) = self.column, divmod(self.used + size, KERNEL_BYTES)
        self.column += columns
        self._add(begin, self.column + (self.used > 0))

    def fill(self, end: int) -> None:
        """Write whole columns up to `end`."""
        begin = self.column + (self.used > 0)
        if begin < end:
            self._add(begin, end)

    def _add(self, begin: int, end: int) -> None:
        if self.runs and begin <= self.runs[-1][1]:
            begin = self.runs.pop()[0]
        self.runs.append((begin, end))


def _pieces(layer: Layer, hardware: Hardware, place: LayerPlacement, layout: _Layout) -> Iterator[tuple[int, int]]:
    """Columns that are skipped and bytes that are written after them, for all output channels.

    As many channels as share a byte are one piece. Where the last pass has fewer channels than processors the existing
    loader writes a few zeros; they are kept, so that the next layer starts at the same column.
    """
    size = layout.inputs * hardware.kernel_size
    if layer.groups > 1:
        yield 0, size
        return
    left, zeros = layer.out_channels, layout.inputs * (hardware.kernel_size // layout.pack)
    for _ in range(layout.outputs):
        for skipped in _gaps(place.output_processors, hardware.out_passes.width, layout.pack):
            channels = min(left, layout.pack)
            written = units(channels * flat_kernels(layer, hardware), layout.pack) if layer.flatten else size
            yield skipped, written if channels else zeros
            left -= channels


def _gaps(output_processors: int, width: int, pack: int) -> Iterator[int]:
    """For the channels of one pass, `pack` at a time: how many processors' columns are skipped before them."""
    processors = output_processors >> first(output_processors)
    for _ in range(0, width, pack):
        skipped = 0
        while processors and not processors & ((1 << pack) - 1):
            processors, skipped = processors >> pack, skipped + 1
        yield skipped
        processors >>= pack
