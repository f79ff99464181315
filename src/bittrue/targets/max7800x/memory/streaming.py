"""Streaming: when a layer may start, how it steps, and the circular buffer that its input goes through.

Streaming layers run at the same time. Each waits for the first words of its input, then takes as many as it needs for
the next output; words that are no longer needed are overwritten by new ones. All numbers are those of the existing
network loader: a formula of its own for the MAX78000, and the vendor's spreadsheet for the MAX78002.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..device import Device
from ..hardware import Hardware
from ..network import Layer, Network
from ..placement import SHARED, Fifo, LayerPlacement, Placement
from ..units import units, whole

SLACK = 2
"""MAX78000: words that a layer waits in addition."""

CHW_BUFFER = 12
"""MAX78000: words of the buffer of an input in CHW."""


@dataclass(frozen=True)
class Stream:
    """The numbers of a streaming layer, or of a first layer that waits for its whole input from a FIFO. In words."""

    start: int
    """Words of input before the first output."""
    column_step: int = 0
    """Words from one output to the next."""
    row_step: int = 0
    """Words from one row of outputs to the next."""
    passes: int = 0
    """Passes of all layers before this one."""
    tram: int = 0
    """Words of TRAM of all layers before this one."""
    buffer: int | None = None
    """Words of the circular buffer, per data memory instance; None where the whole input lies in memory."""


@dataclass(frozen=True)
class _Layer:
    """What the formulas need of a layer."""

    layer: Layer
    hardware: Hardware
    place: LayerPlacement
    before: Hardware | None
    """The layer before this one."""
    first: bool
    last: bool
    """Whether the layer is the last streaming one."""
    fifo: bool
    chw: bool
    pipeline: bool

    @property
    def columns(self) -> int:
        return self.hardware.in_dim[1]

    @property
    def padded(self) -> int:
        """Columns with the padding on both sides."""
        return self.columns + 2 * self.hardware.pad[1]


def streams(network: Network, placement: Placement, device: Device,
            layers: Sequence[Hardware]) -> tuple[Stream | None, ...]:
    """The numbers of every layer; None for one that neither is streaming nor waits for a FIFO."""
    formula = FORMULAS[device.stream_formulas]
    found: list[Stream | None] = []
    for index, place in enumerate(placement.layers):
        first_in = index == 0 and placement.fifo is not Fifo.NONE
        if not place.streaming and not first_in:
            found.append(None)
            continue
        view = _view(network, placement, device, layers, index)
        stream = formula(view)
        if place.streaming and index > 0:
            stream = replace(stream, passes=_passes(placement, layers[:index]), tram=_tram(layers[:index]))
        found.append(stream if place.streaming and placement.fifo is not Fifo.NONE else replace(stream, buffer=None))
    return tuple(found)


def _view(network: Network, placement: Placement, device: Device, layers: Sequence[Hardware], index: int) -> _Layer:
    places = placement.layers
    return _Layer(network.layers[index], layers[index], places[index], layers[index - 1] if index else None,
                  first=index == 0, last=index + 1 == len(places) or not places[index + 1].streaming,
                  fifo=placement.fifo is not Fifo.NONE, chw=placement.chw and index == 0, pipeline=device.pipeline)


def calculates_in_parallel(hardware: Hardware, place: LayerPlacement) -> bool:
    """Whether four passes are calculated at once (`tcalc`): by default with read-ahead of several passes."""
    if place.tram_calc is not None:
        return place.tram_calc
    return place.read_ahead and hardware.in_passes.count > 1


def _passes(placement: Placement, before: Sequence[Hardware]) -> int:
    return sum(whole(h.in_passes.count, SHARED) if calculates_in_parallel(h, place) else h.in_passes.count
               for h, place in zip(before, placement.layers, strict=False))


def _tram(before: Sequence[Hardware]) -> int:
    return sum(layer.tram * layer.in_passes.count for layer in before)


def _simple(view: _Layer) -> Stream:
    """MAX78000."""
    stream = _simple_first(view) if view.before is None else _simple_later(view, view.before)
    if view.chw:
        size = CHW_BUFFER
    else:
        pool = view.layer.pool
        size = stream.start + (pool.window[0] - 1) * view.columns \
            + max(view.layer.stride[1], pool.stride[1], pool.window[1])
    return replace(stream, buffer=whole(size, view.hardware.in_passes.count))


def _simple_first(view: _Layer) -> Stream:
    if not view.fifo:
        return Stream(0)
    pool, operands = view.layer.pool, view.layer.operands
    if not view.place.streaming:
        return Stream(_frame(view) * pool.window[0])
    start = ((pool.window[0] - 1) * view.columns + pool.window[1]) * pool.window[0]
    return Stream(start, (pool.stride[1] - 1) * operands, (pool.window[0] - 1) * view.columns * operands)


def _simple_later(view: _Layer, before: Hardware) -> Stream:
    pool, operands = view.layer.pool, view.layer.operands
    row = before.pooled_dim[1] + 2 * before.pad[1]
    start = row * (before.kernel[0] - 1 + pool.window[0] - 1) + before.kernel[1] - 1 + pool.window[1] + SLACK
    return Stream(start, pool.stride[1] * operands, (pool.stride[0] - 1) * row + pool.window[1] * operands)


def _frame(view: _Layer) -> int:
    """Words of the whole input."""
    pixels = view.hardware.in_dim[0] * view.hardware.in_dim[1]
    return units(pixels, SHARED) if view.chw else pixels


def _spreadsheet(view: _Layer) -> Stream:
    """MAX78002."""
    if view.first:
        return _spreadsheet_first(view)
    start = _prefill(view)
    column_step = view.layer.pool.stride[1] * view.layer.operands
    stride, adjust = view.layer.pool.stride[0], _adjusted_columns(view)
    row_step = (column_step if stride == 1 else (stride - 1) * view.columns) + adjust
    passes, column = view.hardware.in_passes.count, _column_reach(view.layer)
    more = (passes - 1) * (_row_reach(view.layer) * view.columns + view.hardware.pad[1] + column)
    return Stream(start, column_step, row_step, buffer=whole(start + more + column, passes))


def _row_reach(layer: Layer) -> int:
    return max(layer.pool.window[0] * layer.pool.dilation[0], layer.pool.stride[0])


def _column_reach(layer: Layer) -> int:
    return max(layer.pool.window[1] * layer.pool.dilation[1], layer.pool.stride[1])


def _windows(view: _Layer) -> int:
    """Words that the pooling windows of one output need beyond its rows of padding."""
    pad = view.hardware.pad[1]
    return (_row_reach(view.layer) * view.padded + pad + 2 * _column_reach(view.layer)) * view.layer.operands


def _prefill(view: _Layer) -> int:
    """Words before the first output of a layer that is not the first."""
    stride = view.layer.pool.stride
    start = (view.hardware.pad[1] or stride[0]) * view.padded + _windows(view)
    start += stride[1] if view.place.read_ahead else 0
    return start + (_adjusted_columns(view) * stride[1] if view.last else 0)


def _adjusted_columns(view: _Layer) -> int:
    """Columns at the end of a row that no window begins in."""
    pool, reach = view.layer.pool, _column_reach(view.layer)
    windows = view.columns // reach
    if windows * pool.stride[1] + pool.window[1] > view.columns:
        windows -= 1
    return 0 if reach == 1 else view.columns - windows * reach


def _spreadsheet_first(view: _Layer) -> Stream:
    pool, pixels = view.layer.pool, SHARED if view.chw else 1
    start, skips = _first_start(view), (pool.stride[0], pool.window[0]) != (1, 1)
    size = start + _column_reach(view.layer) + (pool.stride[1] - 1) * view.padded
    if view.chw:
        size *= pool.stride[1] * SHARED
    if not view.place.streaming:
        return Stream(units(start, pixels))
    column_step = units(pool.stride[1] * view.layer.operands - (not skips), pixels)
    skipped = max(0, view.columns - _first_windows(view) * pool.stride[1])
    row_step = column_step + skipped if pool.stride[0] == 1 else \
        (pool.stride[0] - 1) * view.columns + skipped + pool.window[1] - 1
    row_step = units(row_step, pixels)
    return Stream(units(start, pixels), column_step, row_step + (view.pipeline and row_step > 0), buffer=size)


def _first_windows(view: _Layer) -> int:
    """Windows that begin in a row of the first layer."""
    pool = view.layer.pool
    windows = view.columns // pool.stride[1]
    return windows - (windows * pool.stride[1] + pool.window[1] - 1 > view.columns)


def _first_start(view: _Layer) -> int:
    """Pixels before the first output of the first layer."""
    pool = view.layer.pool
    if not view.fifo:
        return 0
    if not view.place.streaming:
        return view.hardware.in_dim[0] * view.hardware.in_dim[1]
    if (pool.stride[0], pool.window[0]) == (1, 1):
        return _column_reach(view.layer)
    return _windows(view) + (pool.stride[1] if view.place.read_ahead else 0)


FORMULAS = {1: _simple, 2: _spreadsheet}
"""`Device.stream_formulas` -> the formulas."""
