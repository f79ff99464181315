"""Splits a convolution's output into rectangles whose windows see the same taps.

A window at the border looks into the padding, whose zeros add nothing: those taps are left out. On small images this
saves much work (a 3x3 kernel on 2x2 pixels meets 4 of its 9 taps). A split must pay: tiles compute whole groups of
pixels, so a region with few pixels in the batch wastes more than it saves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, product

import numpy as np

from ..ir import IntArray
from ..ir.ops.spatial import Window
from .native import MAX_ROWS, PANEL
from .packing import Packed
from .tensors import Image

TILE_ROWS = 4
"""Output pixels that the smallest tile computes together."""
REGION_COST = 2048
"""What a region costs besides, in multiplications of one output channel."""
CACHE_BYTES = 384 << 10
"""Weights that a unit of work may cycle through: they stay in a core's level 2 cache."""
UNITS_PER_THREAD = 4
"""Units of work that a thread should find, so that all finish at about the same time."""


@dataclass(frozen=True)
class Span:
    """Outputs `first` .. `first + count - 1` along one axis, which see `taps` taps from `tap` on."""

    first: int
    count: int
    tap: int
    taps: int


@dataclass(frozen=True)
class Region:
    """A rectangle of output pixels: its spans of rows and of columns."""

    rows: Span
    columns: Span


def spans(outputs: int, size: int, axis: int, window: Window) -> list[Span]:
    """The outputs along one axis, cut where the taps change that lie inside of 0..size-1."""
    kernel, stride, dilation = window.kernel[axis], window.stride[axis], window.dilation[axis]

    def seen(output: int) -> tuple[int, int]:
        begin = output * stride - window.pads[axis]
        inside = [tap for tap in range(kernel) if 0 <= begin + tap * dilation < size]
        return (inside[0], len(inside)) if inside else (0, 1)  # one tap of padding: nothing is nothing

    cut, first = [], 0
    for (tap, taps), group in groupby(range(outputs), key=seen):
        count = len(list(group))
        cut.append(Span(first, count, tap, taps))
        first += count
    return cut


def split(source: Image, target: Image, window: Window, packed: Packed, batch: int) -> list[Region]:
    """The cheapest of the possible splits for a batch: not at all, rows, columns, or both."""
    whole = [Span(0, target.height, 0, window.kernel[0])], [Span(0, target.width, 0, window.kernel[1])]
    cut = spans(target.height, source.height, 0, window), spans(target.width, source.width, 1, window)
    aligned = packed.whole_rows and source.channels % 4 == 0
    narrow = bool((packed.slots >= 0).reshape(-1, PANEL).sum(axis=1).max() <= PANEL // 2)
    columns = [whole[1]] if not aligned or narrow else [whole[1], cut[1]]  # narrow panels work on pairs of columns
    choices = [[Region(*pair) for pair in product(*axes)] for axes in product((whole[0], cut[0]), columns)]
    inputs = source.channels // packed.groups
    return min(choices, key=lambda regions: sum(_cost(region, batch, inputs) for region in regions))


def _cost(region: Region, batch: int, inputs: int) -> int:
    """Multiplications of one output channel: pixels that tiles compute, times taps, times input channels."""
    pixels = -(-batch * region.rows.count * region.columns.count // TILE_ROWS) * TILE_ROWS
    return pixels * region.rows.taps * region.columns.taps * inputs + REGION_COST


def region_table(regions: list[Region], source: Image, packed: Packed, kernel: tuple[int, int], batch: int,
                 threads: int) -> IntArray:
    """The regions as rows of `bt_region`."""
    wanted = -(-UNITS_PER_THREAD * threads // len(regions))
    return np.array([list(_row(region, source, packed, kernel, batch, wanted)) for region in regions], np.int64)


def _row(region: Region, source: Image, packed: Packed, kernel: tuple[int, int], batch: int, wanted: int,
         ) -> Iterator[int]:
    rows, columns = region.rows, region.columns
    yield from (rows.first, columns.first, rows.count, columns.count)
    per_row = packed.runs // kernel[0]  # stretches of one row of the kernel
    yield from (rows.tap * per_row, rows.taps * per_row)
    cut = columns.taps < kernel[1]
    yield from (columns.tap * source.channels // 4, columns.taps * source.channels // 4) if cut else (0, packed.quads)
    yield int(columns.count % 2 == 0)
    panel_bytes = packed.panel_bytes * rows.taps * columns.taps // (kernel[0] * kernel[1])
    yield from _unit(batch * rows.count * columns.count, packed.panels, panel_bytes, wanted)


def _unit(pixels: int, panels: int, panel_bytes: int, wanted: int) -> tuple[int, int]:
    """(output pixels, panels) of a unit of work: as large as caches allow, small enough to make `wanted` units."""
    size, share = MAX_ROWS, max(1, min(panels, CACHE_BYTES // panel_bytes))
    while size > 32 and -(-pixels // size) * -(-panels // share) < wanted:
        size //= 2
    while share > 1 and -(-pixels // size) * -(-panels // share) < wanted:
        share -= share // 2
    return size, share


def unit_table(table: IntArray, panels: int, batch: int, threads: int) -> IntArray:
    """The units of work (region, first pixel, first panel), in the order of work.

    Threads take equal stretches of it, so units are ordered by the part of the images that they belong to; within such
    a part by panels, so that weights stay in the cache while regions and pixels change.
    """
    units = []
    for region, row in enumerate(table):
        pixels, size, share = batch * int(row[2] * row[3]), int(row[-2]), int(row[-1])
        count = -(-panels // share)
        for panel, pixel in product(range(0, panels, share), range(0, pixels, size)):
            position = (pixel // size * count + panel // share + 0.5) / (-(-pixels // size) * count)
            units.append((int(position * threads), panel, region, pixel))
    return np.array([(region, pixel, panel) for _, panel, region, pixel in sorted(units)], np.int64).reshape(-1, 3)


def part(taps: IntArray, region: Region) -> IntArray:
    """The taps of (O, KH, KW) that a region meets."""
    rows, columns = region.rows, region.columns
    return taps[:, rows.tap:rows.tap + rows.taps, columns.tap:columns.tap + columns.taps]
