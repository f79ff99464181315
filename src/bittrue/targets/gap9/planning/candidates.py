"""All tiles that a layer can be cut into, as arrays with one element for each: bytes of L1, cycles, transfers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from ..kernels import KERNELS, Columns
from ..program import MAX_TRANSFERS
from .arrays import Amount, ceil_div
from .commands import BEAT, START
from .cost import STEP, cycles, next_cycles
from .footprints import Axis, Job, Operand, values
from .limits import Limits, aligned
from .parameters import blob_bytes


@dataclass(frozen=True)
class Mode:
    """The order of loops, and which buffers are there twice, so that loads overlap with the kernel."""

    channels_outer: bool
    twice: bool
    """Inputs and outputs."""
    parameters_twice: bool
    gathers: bool = False
    """All tiles write into one buffer for the whole output, which the next layer finds in L1."""
    keeps: bool = False
    """A convolution's im2col matrix of a part of the image is made at once, and used for all of its channels."""


MODES = tuple(Mode(outer, *twice, keeps=keeps) for keeps in (False, True) for outer in (True, False)
              for twice in ((True, True), (True, False), (False, False)))


@dataclass(frozen=True)
class Before:
    """What the layer before leaves: the cycles of its last tile's kernel, and tensors in L1."""

    step: float
    here: tuple[bool, ...]
    """By operand: whether all of it is in L1 when that layer is done."""


@dataclass(frozen=True)
class Sizes:
    """Rows, columns and channels of the output, one element for each candidate."""

    rows: Amount
    columns: Amount
    channels: Amount


@dataclass(frozen=True)
class Times:
    """Of candidates: tiles, cycles of all kernels, of loads and stores of one tile, and how often things are loaded."""

    steps: Amount
    kernels: Amount
    inputs: Sequence[Amount]
    """By operand."""
    parameters: Amount
    outputs: Amount
    input_loads: Amount
    parameter_loads: Amount

    @property
    def busy(self) -> Amount:
        """Cycles of the layer without those of `waiting`."""
        return self.kernels + self.steps * STEP

    def waiting(self, mode: Mode, before: Before, kept: Sequence[Amount]) -> Amount:
        """Cycles in which the cores wait for data.

        The first parameters come while the layer before computes; `kept` are candidates that find an operand in L1.
        """
        inputs = sum(cycles * (1 - here) for cycles, here in zip(self.inputs, kept, strict=True))
        if not mode.twice:
            return self.input_loads * inputs + self.parameter_loads * self.parameters + self.steps * self.outputs
        hidden = self.kernels / self.steps + STEP / 2
        both = np.minimum(self.input_loads, self.parameter_loads)
        together = inputs + self.parameters * mode.parameters_twice
        exposed = (both * np.maximum(together - hidden, 0) + (self.input_loads - both) * np.maximum(inputs - hidden, 0)
                   + (self.parameter_loads - both) * np.maximum(self.parameters - hidden, 0))
        late = 0 if mode.parameters_twice else (self.parameter_loads - 1) * (self.parameters + self.outputs)
        first = np.maximum(self.parameters - before.step, 0) + inputs + self.outputs * (self.steps > 1)
        return exposed + late + first + self.steps * np.maximum(self.outputs - hidden, 0)


def parts(size: int, most: int | None = None, multiple: int = 1) -> list[int]:
    """Sizes of equal pieces, the last one smaller: each size that is the smallest for its number of pieces.

    >>> parts(10), parts(10, multiple=4)
    ([10, 5, 4, 3, 2, 1], [10, 8, 4])
    """
    counts = range(1, min(size, most or size) + 1)
    return sorted({min(size, aligned(ceil_div(size, count), multiple)) for count in counts}, reverse=True)


@dataclass(frozen=True, eq=False)
class Candidates:
    """The tiles of a layer; rows of the image are cut into at most `most` pieces, if that is not None."""

    job: Job
    limits: Limits
    most: int | None = None

    @cached_property
    def sizes(self) -> Sizes:
        """All sizes: rows, columns, whole blocks of channels."""
        output, layer = self.job.output, self.job.layer
        channels = parts(output.channels, multiple=4)
        rows, columns = parts(output.height), parts(output.width, self.most)
        if layer.kernel == "pad":  # a first tile without any of the image would load nothing
            channels = channels[:1]
            rows = [size for size in rows if size > layer.padding[0]]
            columns = [size for size in columns if size > layer.padding[1]]
        grid = np.array(list(product(rows, columns, channels)), np.int64).reshape(-1, 3)
        return Sizes(grid[:, 0], grid[:, 1], grid[:, 2])

    @cached_property
    def image(self) -> Amount:
        """Tiles of the image."""
        output, sizes = self.job.output, self.sizes
        return ceil_div(output.height, sizes.rows) * ceil_div(output.width, sizes.columns)

    @cached_property
    def channels(self) -> Amount:
        """Tiles of the channels."""
        return ceil_div(self.job.output.channels, self.sizes.channels)

    @cached_property
    def parameters(self) -> Amount:
        """Bytes of the parameters of one tile."""
        known = {size: blob_bytes(self.job.layer, size) for size in np.unique(self.sizes.channels).tolist()}
        return np.array([known[size] for size in self.sizes.channels.tolist()], np.int64)

    def fitting(self, mode: Mode) -> Amount:
        """Which can be used in a mode: they have room in L1, and need no more commands than there are."""
        if mode.keeps and self.job.layer.kernel != "conv":
            return np.zeros(self.image.shape, bool)
        in_a_row = (self.channels == 1) | (self.image == 1) | (not mode.keeps) | (not mode.channels_outer)
        return (self.bytes(mode) <= self.limits.l1) & self._commands & in_a_row

    def bytes(self, mode: Mode) -> Amount:
        """Bytes of L1 that they need in a mode."""
        job, sizes = self.job, self.sizes
        several = self.image * self.channels > 1
        inputs = sum(aligned(np.prod(_input(operand, sizes), axis=0) * operand.tensor.element_bytes + operand.beyond)
                     for operand in job.operands)
        changing = several if _by_channel(job) else self.image > 1
        output = aligned(sizes.rows * sizes.columns * sizes.channels * job.output.element_bytes + job.beyond)
        output = aligned(job.output.bytes + job.beyond) if mode.gathers else output * (1 + several * mode.twice)
        return (2 * self.limits.table + inputs * (1 + changing * mode.twice) + output
                + (self._matrix if mode.keeps else self._scratch)
                + self.parameters * (1 + (self.channels > 1) * mode.parameters_twice))

    def times(self, mode: Mode) -> Times:
        """Times in a mode."""
        job, every = self.job, self.image * self.channels
        moving = every if _by_channel(job) or mode.channels_outer else self.image
        resident = np.where(self.image == 1, 1, moving) if not _by_channel(job) else moving
        reloaded = self.channels if mode.channels_outer else np.where(self.channels > 1, every, 1)
        return Times(every, self._kept_kernels if mode.keeps else self._kernels,
                     [load[0] * self._edge for load in self._loads], self.parameters / BEAT + START,
                     self._stores[0] * self._edge, resident, reloaded)

    def kept(self, before: Before) -> list[Amount]:
        """By operand: which tiles read whole rows of what the layer before has left in L1."""
        found = []
        for operand, here in zip(self.job.operands, before.here, strict=True):
            _, columns, channels = _input(operand, self.sizes)
            whole = (columns == operand.tensor.width) & (channels == operand.tensor.channels)
            found.append(whole * here)
        return found

    @cached_property
    def _edge(self) -> Amount:
        """The mean tile's size over that of the first one."""
        output, sizes = self.job.output, self.sizes
        return output.height * output.width * output.channels / (
            self.image * self.channels * sizes.rows * sizes.columns * sizes.channels)

    @cached_property
    def _lines(self) -> Amount:
        return self.sizes.columns == self.job.output.width

    @cached_property
    def _loads(self) -> list[tuple[Amount, Amount]]:
        """By operand: DMA cycles and commands for a tile in the middle."""
        width = self.job.output.width
        return [_transfer(op.strip.pitch, self._lines & _whole_lines(op, width), _input(op, self.sizes),
                          op.tensor.element_bytes) for op in self.job.operands]

    @cached_property
    def _stores(self) -> tuple[Amount, Amount]:
        sizes, job = self.sizes, self.job
        return _transfer(job.strip.pitch, self._lines, (sizes.rows, sizes.columns, sizes.channels),
                         job.output.element_bytes)

    @cached_property
    def _commands(self) -> Amount:
        loads = sum(commands for _, commands in self._loads) + (self.parameters > 0) + 1
        return (loads <= MAX_TRANSFERS) & (self._stores[1] <= MAX_TRANSFERS)

    @cached_property
    def _scratch(self) -> Amount:
        """Bytes of scratch: the most that any tile needs, as a smaller one may keep more cores busy."""
        return np.max([self._scratch_of(Sizes(rows, columns, channels), Columns.OWN) for (rows, _), (columns, _), (
            channels, _) in product(*self._pieces())], axis=0)

    @cached_property
    def _matrix(self) -> Amount:
        """Bytes of scratch for the whole im2col matrix of a tile."""
        return self._scratch_of(self.sizes, Columns.MAKE)

    def _scratch_of(self, sizes: Sizes, columns: Columns) -> Amount:
        return aligned(KERNELS[self.job.layer.kernel].scratch(_values(self.job, sizes, columns), self.limits.cores))

    def _pieces(self) -> Iterator[tuple[tuple[Amount, Amount], tuple[Amount, Amount]]]:
        """Of rows, columns and channels: the size of all pieces but the last one and their number, and that one's, 0
        times if it is no smaller."""
        output, sizes = self.job.output, self.sizes
        for total, size in ((output.height, sizes.rows), (output.width, sizes.columns),
                            (output.channels, sizes.channels)):
            rest = total % size
            yield (size, total // size), (np.maximum(rest, 1), (rest > 0) * 1)

    @cached_property
    def _kernels(self) -> Amount:
        """Cycles of the kernels of all tiles."""
        return self._sum([(size, count, Columns.OWN) for size, count in list(self._pieces())[2]])

    @cached_property
    def _kept_kernels(self) -> Amount:
        """The same if only the first channels of a part of the image make its im2col matrix."""
        (size, count), (rest, last) = list(self._pieces())[2]
        return self._sum([(size, 1, Columns.MAKE), (size, count - 1, Columns.KEPT), (rest, last, Columns.KEPT)])

    def _sum(self, channels: Sequence[tuple[Amount, Amount, Columns]]) -> Amount:
        rows, columns, _ = self._pieces()
        first = self._cycles(self.sizes, channels[0][2])
        total = first - next_cycles(self.job.layer.kernel, first)
        for (height, high), (width, wide), (depth, deep, made) in product(rows, columns, channels):
            count = high * wide * deep
            if np.any(count):
                total = total + count * next_cycles(
                    self.job.layer.kernel, self._cycles(Sizes(height, width, depth), made))
        return total

    def _cycles(self, sizes: Sizes, columns: Columns) -> Amount:
        layer = self.job.layer
        return cycles(layer.kernel, layer.requant.kind, _values(self.job, sizes, columns), self.limits.cores)


def _extent(axis: Axis, size: Amount) -> Amount:
    """Places of an input's axis that a tile in the middle needs."""
    return np.minimum(axis.size, (size - 1) * axis.stride + axis.reach)


def _input(operand: Operand, sizes: Sizes) -> tuple[Amount, Amount, Amount]:
    channels = operand.channels
    return (_extent(operand.rows, sizes.rows), _extent(operand.columns, sizes.columns),
            _extent(channels, sizes.channels) if channels else sizes.channels * 0 + operand.tensor.channels)


def _by_channel(job: Job) -> bool:
    return all(operand.channels is not None for operand in job.operands)


def _values(job: Job, sizes: Sizes, made: Columns) -> Mapping[str, Amount]:
    """The integer fields of a call on a tile in the middle, as arrays."""
    first = job.operands[0]
    plain = values(job, job.size, made)
    rows, columns, channels = _input(first, sizes)
    changed = {"in_h": rows, "in_w": columns, "in_c": channels, "out_h": sizes.rows, "out_w": sizes.columns,
               "out_c": sizes.channels, "channels": sizes.channels, "pixels": sizes.rows * sizes.columns,
               "rows": sizes.rows * sizes.columns, "count": sizes.rows * sizes.columns * sizes.channels}
    if plain.get("pixels") == 1:
        changed |= {"pixels": 1, "channels": changed["count"]}
    return {**plain, **{name: value for name, value in changed.items() if name in plain}}


def _transfer(pitch: int, full: Amount, size: tuple[Amount, Amount, Amount], element: int) -> tuple[Amount, Amount]:
    """DMA cycles and commands for a part of a tensor, see `commands.rows_of`; `full`: whether rows are whole ones."""
    rows, columns, channels = size
    deep = channels * element
    whole = deep == pitch
    commands = np.where(whole | full | (columns == 1), 1, rows)
    count = np.where(whole, np.where(full, 1, rows), rows * columns)
    length = rows * columns * deep // count
    uneven = (count > 1) & ((length % BEAT != 0) | (pitch % BEAT != 0))
    return commands * START + count * (ceil_div(length, BEAT) + uneven * 0.9), commands


def _whole_lines(operand: Operand, columns: int) -> bool:
    """Whether all columns of the output see all of the input."""
    return operand.columns.span(0, columns).size == operand.tensor.width
