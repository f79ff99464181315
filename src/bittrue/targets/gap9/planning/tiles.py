"""The tile of each layer: its size, the order of loops, what is loaded while the tile before is computed.

All sizes (rows, columns, whole blocks of channels) and both orders are compared by modelled time; what does not fit
into L1 or takes too many DMA commands is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from ..program import MAX_TRANSFERS, Region
from .arrays import Amount, ceil_div
from .commands import BEAT, START
from .cost import STEP, cycles, next_cycles
from .footprints import Axis, Job, Operand, scratch_bytes, values
from .limits import Limits, aligned
from .parameters import blob_bytes

COLUMN_PARTS = 8
"""Rows of the image are cut into at most so many pieces, as long as a tile fits."""


@dataclass(frozen=True)
class Mode:
    """The order of loops, and which buffers are there twice, so that loads overlap with the kernel."""

    channels_outer: bool
    twice: bool
    """Inputs and outputs."""
    parameters_twice: bool
    gathers: bool = False
    """All tiles write into one buffer for the whole output, which the next layer finds in L1."""


MODES = tuple(Mode(outer, *twice) for outer in (True, False) for twice in ((True, True), (True, False), (False, False)))


@dataclass(frozen=True)
class Tiling:
    """How a layer is cut, the bytes of L1 that it needs, and its time by the model."""

    rows: int
    columns: int
    channels: int
    mode: Mode
    bytes: int
    cycles: float
    step: float
    """Cycles of the kernel on one tile."""

    def single(self, job: Job) -> bool:
        """Whether one tile is all of the layer."""
        return (self.rows, self.columns, self.channels) == (job.output.height, job.output.width, job.output.channels)

    def regions(self, job: Job) -> Iterator[Region]:
        """The tiles in their order."""
        whole = job.size
        rows, columns, channels = (list(_ranges(end, step)) for (_, end), step in (
            (whole.rows, self.rows), (whole.columns, self.columns), (whole.channels, self.channels)))
        if self.mode.channels_outer:
            yield from (Region(r, c, k) for k, r, c in product(channels, rows, columns))
        else:
            yield from (Region(r, c, k) for r, c, k in product(rows, columns, channels))


def _ranges(end: int, step: int) -> Iterator[tuple[int, int]]:
    return ((begin, min(begin + step, end)) for begin in range(0, end, step))


def parts(size: int, most: int | None = None, multiple: int = 1) -> list[int]:
    """Sizes of equal pieces, the last one smaller: each size that is the smallest for its number of pieces.

    >>> parts(10), parts(10, multiple=4)
    ([10, 5, 4, 3, 2, 1], [10, 8, 4])
    """
    counts = range(1, min(size, most or size) + 1)
    return sorted({min(size, aligned(ceil_div(size, count), multiple)) for count in counts}, reverse=True)


@dataclass(frozen=True)
class Taste:
    """What matters beside the time of a layer alone."""

    step: int = 100
    """Cycles that one step less is worth: its table takes room in L2."""
    once: bool = False
    """Whether parameters are loaded only once, because they come from L3."""
    share: int = 1
    """Parameters of one tile take at most this part of L2, if they are of more than one block of channels."""


@dataclass(frozen=True)
class Before:
    """The layer before: cycles of its last tile's kernel, and the tensor that is all in L1 when it is done."""

    step: float = 0.0
    output: str = ""


@dataclass(frozen=True)
class Pieces:
    """At least so many pieces of a layer's rows and of its channels."""

    rows: int = 1
    channels: int = 1
    gathered: bool = False
    """Whether the pieces of the output are put together in L1, if there is room; they are whole rows then."""


WHOLE = Pieces()


def choose(job: Job, limits: Limits, taste: Taste, before: Before, pieces: Pieces = WHOLE) -> Tiling | None:
    """The fastest tiling with so many pieces at least; None if no tile fits."""
    for wanted in (pieces, replace(pieces, gathered=False)) if pieces.gathered else (pieces,):
        for most in (COLUMN_PARTS, None):
            sizes = _in_pieces(job, _candidates(job, most), wanted)
            found = _best(sizes, job, limits, taste, before, wanted.gathered)
            if found is not None:
                return found
    return None


def smallest(job: Job, limits: Limits) -> int:
    """Bytes of L1 that the smallest tile needs."""
    sizes = _candidates(job, None)
    return int(_bytes(job, sizes, Mode(True, job.layer.kernel == "pad", False), limits).min())


@dataclass(frozen=True)
class _Sizes:
    """Candidates: tile sizes, one element each."""

    rows: Amount
    columns: Amount
    channels: Amount

    def chosen(self, mask: Amount) -> _Sizes:
        return _Sizes(self.rows[mask], self.columns[mask], self.channels[mask])


def _candidates(job: Job, most: int | None) -> _Sizes:
    output, layer = job.output, job.layer
    channels = parts(output.channels, multiple=4)
    rows, columns = parts(output.height), parts(output.width, most)
    if layer.kernel == "pad":  # a first tile without any of the image would load nothing
        channels = channels[:1]
        rows = [size for size in rows if size > layer.padding[0]]
        columns = [size for size in columns if size > layer.padding[1]]
    grid = np.array(list(product(rows, columns, channels)), np.int64).reshape(-1, 3)
    return _Sizes(grid[:, 0], grid[:, 1], grid[:, 2])


def _in_pieces(job: Job, sizes: _Sizes, pieces: Pieces) -> _Sizes:
    """The candidates that cut rows and channels into so many pieces, or into as many as any does."""
    output = job.output
    rows, channels = ceil_div(output.height, sizes.rows), ceil_div(output.channels, sizes.channels)
    found = (rows >= min(pieces.rows, int(rows.max()))) & (channels >= min(pieces.channels, int(channels.max())))
    if pieces.gathered:
        found &= (sizes.columns == output.width) & (sizes.channels == output.channels) & job.dense
    return sizes.chosen(found)


def _extent(axis: Axis, size: Amount) -> Amount:
    """Places of an input's axis that a tile in the middle needs."""
    return np.minimum(axis.size, (size - 1) * axis.stride + axis.reach)


def _input(operand: Operand, sizes: _Sizes) -> tuple[Amount, Amount, Amount]:
    channels = operand.channels
    return (_extent(operand.rows, sizes.rows), _extent(operand.columns, sizes.columns),
            _extent(channels, sizes.channels) if channels else sizes.channels * 0 + operand.tensor.channels)


def _counts(job: Job, sizes: _Sizes) -> tuple[Amount, Amount]:
    """Tiles of the image, and of the channels."""
    output = job.output
    return (ceil_div(output.height, sizes.rows) * ceil_div(output.width, sizes.columns),
            ceil_div(output.channels, sizes.channels))


def _padded(size: Amount) -> Amount:
    return -(-size // 8) * 8


def _parameter_bytes(job: Job, sizes: _Sizes) -> Amount:
    known = {size: blob_bytes(job.layer, size) for size in np.unique(sizes.channels).tolist()}
    return np.array([known[size] for size in sizes.channels.tolist()], np.int64)


def _bytes(job: Job, sizes: _Sizes, mode: Mode, limits: Limits) -> Amount:
    """Bytes of L1 that candidates need in a mode."""
    image, channels = _counts(job, sizes)
    several = image * channels > 1
    inputs = sum(_padded(np.prod(_input(operand, sizes), axis=0) * operand.tensor.element_bytes + operand.beyond)
                 for operand in job.operands)
    changing = several if _by_channel(job) else image > 1
    output = _padded(sizes.rows * sizes.columns * sizes.channels * job.output.element_bytes + job.beyond)
    output = _padded(job.output.bytes + job.beyond) if mode.gathers else output * (1 + several * mode.twice)
    scratch = _padded(_scratch(job, sizes, limits.cores))
    return (2 * limits.table + inputs * (1 + changing * mode.twice) + output + scratch
            + _parameter_bytes(job, sizes) * (1 + (channels > 1) * mode.parameters_twice))


def _scratch(job: Job, sizes: _Sizes, cores: int) -> Amount:
    """Bytes of scratch: the most that any tile needs, as a smaller one may keep more cores busy."""
    numbers, output = _values(job, sizes), job.output
    if job.layer.kernel != "conv":
        return scratch_bytes(job.layer.kernel, numbers, cores)
    ends = [(size, (total - 1) % size + 1) for total, size in (
        (output.height, sizes.rows), (output.width, sizes.columns), (output.channels, sizes.channels))]
    return np.max([scratch_bytes("conv", {**numbers, "out_h": rows, "out_w": columns, "out_c": channels}, cores)
                   for rows, columns, channels in product(*ends)], axis=0)


def _by_channel(job: Job) -> bool:
    return all(operand.channels is not None for operand in job.operands)


def _values(job: Job, sizes: _Sizes) -> Mapping[str, Amount]:
    """The integer fields of a call on a tile in the middle, as arrays."""
    first = job.operands[0]
    plain = values(job, job.size)
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


@dataclass(frozen=True)
class _Times:
    """Of candidates: tiles, cycles of one tile's kernel, of its loads and stores, and how often things are loaded."""

    steps: Amount
    kernel: Amount
    inputs: Amount
    parameters: Amount
    outputs: Amount
    input_loads: Amount
    parameter_loads: Amount

    def total(self, mode: Mode, before: Before) -> Amount:
        """Cycles of the layer. The first parameters come while the layer before computes, a single output may stay."""
        busy = self.steps * (self.kernel + STEP)
        hidden = self.kernel + STEP / 2
        if not mode.twice:
            return busy + self.input_loads * self.inputs + self.parameter_loads * self.parameters + (
                self.steps * self.outputs)
        both = np.minimum(self.input_loads, self.parameter_loads)
        together = self.inputs + self.parameters * mode.parameters_twice
        exposed = (both * np.maximum(together - hidden, 0) + (self.input_loads - both) * np.maximum(
            self.inputs - hidden, 0) + (self.parameter_loads - both) * np.maximum(self.parameters - hidden, 0))
        late = 0 if mode.parameters_twice else (self.parameter_loads - 1) * (self.parameters + self.outputs)
        first = np.maximum(self.parameters - before.step, 0) + self.inputs + self.outputs * (self.steps > 1)
        return busy + exposed + late + first + self.steps * np.maximum(self.outputs - hidden, 0)


def _times(job: Job, sizes: _Sizes, mode: Mode, limits: Limits, before: Before) -> tuple[_Times, Amount]:
    """Times, and which candidates need no more commands than there are."""
    image, channels = _counts(job, sizes)
    lines = sizes.columns == job.output.width
    loads = [_transfer(op.strip.pitch, lines & _whole_lines(op, job.output.width), _input(op, sizes),
                       op.tensor.element_bytes) for op in job.operands]
    stores = _transfer(job.strip.pitch, lines, (sizes.rows, sizes.columns, sizes.channels),
                       job.output.element_bytes)
    parameters = _parameter_bytes(job, sizes)
    commands = sum(load[1] for load in loads) + (parameters > 0) + 1
    output = job.output
    edge = output.height * output.width * output.channels / (
        image * channels * sizes.rows * sizes.columns * sizes.channels)
    every = image * channels
    alone = cycles(job.layer.kernel, job.layer.requant.kind, _values(job, sizes), limits.cores) * edge
    kernel = (alone + (every - 1) * next_cycles(job.layer.kernel, alone)) / every
    moving = every if _by_channel(job) or mode.channels_outer else image
    resident = np.where(image == 1, 1, moving) if not _by_channel(job) else moving
    reloaded = channels if mode.channels_outer else np.where(channels > 1, every, 1)
    brought = sum(load[0] * (1 - _kept(op, sizes, before)) for load, op in zip(loads, job.operands, strict=True))
    times = _Times(every, kernel, brought * edge, parameters / BEAT + START, stores[0] * edge,
                   resident, reloaded)
    return times, (commands <= MAX_TRANSFERS) & (stores[1] <= MAX_TRANSFERS)


def _kept(operand: Operand, sizes: _Sizes, before: Before) -> Amount:
    """Whether tiles read rows of what the layer before has left in L1."""
    tensor = operand.tensor
    _, columns, channels = _input(operand, sizes)
    return ((columns == tensor.width) & (channels == tensor.channels)) * (operand.strip.root == before.output)


def _best(sizes: _Sizes, job: Job, limits: Limits, taste: Taste, before: Before, gathers: bool) -> Tiling | None:
    # Tiles that load nothing wait for nothing: they need two outputs.
    modes = [replace(mode, gathers=gathers) for mode in MODES if (mode.channels_outer or not taste.once) and (
        mode.twice or not _may_load_nothing(job))]
    found = [tiling for mode in modes if (tiling := _best_of(sizes, mode, job, limits, taste, before)) is not None]
    return min(found, key=lambda tiling: tiling.cycles, default=None)


def _may_load_nothing(job: Job) -> bool:
    """Whether there may be tiles that lie in the padding alone, or whose windows do."""
    ends = [(axis, count) for op in job.operands for axis, count in (
        (op.rows, job.output.height), (op.columns, job.output.width))]
    return job.layer.kernel == "pad" or any(
        axis.span(at, at + 1).size == 0 for axis, count in ends for at in (0, count - 1))


def _best_of(sizes: _Sizes, mode: Mode, job: Job, limits: Limits, taste: Taste, before: Before) -> Tiling | None:
    if not sizes.rows.size:
        return None
    need = _bytes(job, sizes, mode, limits)
    small = (_parameter_bytes(job, sizes) * taste.share <= limits.l2) | (sizes.channels == sizes.channels.min())
    fitting = (need <= limits.l1) & small
    if not fitting.any():
        return None
    kept = sizes.chosen(fitting)
    times, allowed = _times(job, kept, mode, limits, before)
    if not allowed.any():
        return None
    total = np.where(allowed, times.total(mode, before) + taste.step * times.steps, np.inf)
    best = int(np.argmin(total))
    return Tiling(int(kept.rows[best]), int(kept.columns[best]), int(kept.channels[best]), mode,
                  int(need[fitting][best]), float(total[best]), float(times.kernel[best]))


def after(tiling: Tiling, job: Job) -> Before:
    """What a layer leaves to the next one."""
    stays = job.dense and (tiling.single(job) or tiling.mode.gathers)
    return Before(tiling.step, job.strip.root if stays else "")


def signature(job: Job, before: Before) -> tuple[object, ...]:
    """What a layer's tiling follows from: layers that agree are searched once."""
    layer = job.layer
    shapes = tuple((op.tensor.height, op.tensor.width, op.tensor.channels, op.tensor.elem, op.strip.pitch, op.beyond)
                   for op in job.operands)
    weights = None if layer.weights is None else layer.weights.shape
    table = layer.requant
    return (layer.kernel, layer.window, weights, layer.weight_bits, layer.bias is None, table.kind, table.per_channel,
            len(table.scales), layer.table is None, layer.padding, shapes, job.strip.pitch, job.output.height,
            job.output.width, job.output.channels, job.output.elem, job.beyond, before.step,
            tuple(op.strip.root == before.output for op in job.operands))
