"""The tile of each layer: its size, the order of loops, what is loaded while the tile before is computed.

All sizes (`candidates`) and all modes are compared by modelled time; what does not fit into L1 or takes too many DMA
commands is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from ..program import Region
from .arrays import Amount, ceil_div
from .candidates import MODES, Before, Candidates, Mode
from .footprints import Job
from .limits import Limits

COLUMN_PARTS = 8
"""Rows of the image are cut into at most so many pieces, as long as a tile fits."""


@dataclass(frozen=True)
class Tiling:
    """How a layer is cut, and its time by the model."""

    rows: int
    columns: int
    channels: int
    mode: Mode
    cost: float
    """Cycles, with what waiting (`Pieces`) and steps (`Taste`) count more."""
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


@dataclass(frozen=True)
class Taste:
    """What matters beside the time of a layer alone."""

    step: int = 100
    """Cycles that one step less is worth: its table takes room in L2."""
    depth: int = 0
    """Parameters of a layer that the ring of those from L3 has room for; 0: everything is in L2."""
    share: int = 1
    """Parameters of one tile take at most this part of L2, if they are of more than one block of channels."""


@dataclass(frozen=True)
class Pieces:
    """At least so many pieces of a layer's rows and of its channels."""

    rows: int = 1
    channels: int = 1
    gathered: bool = False
    """Whether the pieces of the output are put together in L1, if there is room; they are whole rows then."""
    waiting: int = 1
    """What a cycle counts in which the cores wait for data."""


WHOLE = Pieces()


def all_candidates(job: Job, limits: Limits) -> tuple[Candidates, ...]:
    """Those to choose from; of each, if nothing of the one before fits."""
    return tuple(Candidates(job, limits, most) for most in (COLUMN_PARTS, None))


def choose(candidates: Sequence[Candidates], taste: Taste, before: Before, pieces: Pieces = WHOLE) -> Tiling | None:
    """The fastest tiling with so many pieces at least; None if no tile fits."""
    for wanted in (pieces, replace(pieces, gathered=False)) if pieces.gathered else (pieces,):
        for some in candidates:
            found = _best(some, taste, before, wanted)
            if found is not None:
                return found
    return None


def smallest(job: Job, limits: Limits) -> int:
    """Bytes of L1 that the smallest tile needs."""
    return int(Candidates(job, limits).bytes(Mode(True, job.layer.kernel == "pad", False)).min())


def _in_pieces(candidates: Candidates, pieces: Pieces) -> Amount:
    """The candidates that cut rows and channels into so many pieces, or into as many as any does."""
    job, sizes = candidates.job, candidates.sizes
    rows, channels = ceil_div(job.output.height, sizes.rows), candidates.channels
    found = (rows >= min(pieces.rows, int(rows.max()))) & (channels >= min(pieces.channels, int(channels.max())))
    if pieces.gathered:
        found &= (sizes.columns == job.output.width) & (sizes.channels == job.output.channels) & job.dense
    return found


def _best(candidates: Candidates, taste: Taste, before: Before, pieces: Pieces) -> Tiling | None:
    if not candidates.image.size:
        return None
    wanted = _in_pieces(candidates, pieces)
    if not wanted.any():
        return None
    channels = candidates.sizes.channels
    wanted &= (candidates.parameters * taste.share <= candidates.limits.l2) | (channels == channels[wanted].min())
    # What comes from L3 is loaded once. Tiles that load nothing wait for nothing: they need two outputs.
    modes = [replace(mode, gathers=pieces.gathered) for mode in MODES if (mode.channels_outer or not taste.depth) and (
        mode.twice or not _may_load_nothing(candidates.job))]
    found = [_best_of(candidates, mode, wanted, before, (pieces.waiting, taste.step)) for mode in modes]
    return min((tiling for tiling in found if tiling), key=lambda tiling: tiling.cost, default=None)


def _may_load_nothing(job: Job) -> bool:
    """Whether there may be tiles that lie in the padding alone, or whose windows do."""
    ends = [(axis, count) for op in job.operands for axis, count in (
        (op.rows, job.output.height), (op.columns, job.output.width))]
    return job.layer.kernel == "pad" or any(
        axis.span(at, at + 1).size == 0 for axis, count in ends for at in (0, count - 1))


def _best_of(candidates: Candidates, mode: Mode, wanted: Amount, before: Before,
             weights: tuple[int, int]) -> Tiling | None:
    """The one with the least cost: cycles, with weights for those that wait and for steps."""
    fitting = wanted & candidates.fitting(mode)
    if not fitting.any():
        return None
    times, sizes = candidates.times(mode), candidates.sizes
    waiting = times.waiting(mode, before, candidates.kept(before))
    cost = np.where(fitting, times.busy + weights[0] * waiting + weights[1] * times.steps, np.inf)
    best = int(np.argmin(cost))
    return Tiling(int(sizes.rows[best]), int(sizes.columns[best]), int(sizes.channels[best]), mode, float(cost[best]),
                  float(times.kernels[best] / times.steps[best]))


@dataclass(frozen=True)
class Left:
    """What a layer leaves to the next one: the cycles of its last kernel, and the tensors that are all in L1."""

    step: float = 0.0
    tensors: frozenset[str] = frozenset()

    def before(self, job: Job) -> Before:
        """The same as the next layer sees it."""
        return Before(self.step, tuple(operand.strip.root in self.tensors for operand in job.operands))


def left(tiling: Tiling, job: Job) -> Left:
    """What a layer leaves."""
    output = {job.strip.root} if job.dense and (tiling.single(job) or tiling.mode.gathers) else set()
    inputs = {operand.strip.root for operand in job.operands if tiling.single(job)}
    return Left(tiling.step, frozenset(output | inputs))


def signature(job: Job) -> tuple[object, ...]:
    """What a layer's candidates follow from: layers that agree have the same."""
    layer = job.layer
    shapes = tuple((op.tensor.height, op.tensor.width, op.tensor.channels, op.tensor.elem, op.strip.pitch, op.beyond)
                   for op in job.operands)
    weights = None if layer.weights is None else layer.weights.shape
    table = layer.requant
    return (layer.kernel, layer.window, weights, layer.weight_bits, layer.bias is None, table.kind, table.per_channel,
            len(table.scales), layer.table is None, layer.padding, shapes, job.strip.pitch, job.output.height,
            job.output.width, job.output.channels, job.output.elem, job.beyond)
