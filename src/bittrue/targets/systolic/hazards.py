"""How soon a layer may begin: while the last positions of the layer before are still on their way through the array and
the output stages, as long as it finds every value that it reads.

Cycles count from the cycle in which the layer before streams its last position. Its output for position p of its last
output tile can be read from cycle p - (n_out - 1) + latency + OUT_DELAY + 1 on; the next layer streams its first
position in cycle drain + START + loads + 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ...ir import Graph, IntArray
from .lowering import Lowered, Source, channel_parts
from .memory import Load
from .schedule import OUT_DELAY, START, Work
from .tiles import Tile


@dataclass(frozen=True)
class Stage:
    """What matters of a layer here."""

    lowered: Lowered
    tiles: tuple[Tile, ...]
    subword: bool
    loads: tuple[Load, ...]
    work: Work


def full_drain(work: Work) -> int:
    """Cycles until everything that streamed has been stored."""
    return work.latency + OUT_DELAY


def drain(graph: Graph, layer: Stage, following: Stage | None) -> int:
    """Cycles that a layer waits behind its last position, so that the following one finds what it reads.

    Everything is waited for when the network ends, when the host loads, when the array's multipliers change their
    mode, and when the following layer reads a concatenation of which this layer writes a part.
    """
    work = layer.work
    if following is None or following.loads or following.subword != layer.subword or _is_part(graph, layer, following):
        return full_drain(work)
    # The output stages take a layer's settings when its first sum arrives: it must not be over before.
    least = max(0, work.latency - _issue_time(work))
    begin = START + following.work.loads + 1
    waits = (int((ready - cycles).max()) - begin for ready, cycles in _reads(layer, following))
    return max(least, *waits, 0)


def _issue_time(work: Work) -> int:
    return (work.passes - 1) * work.pass_cycles + work.n_out


def _is_part(graph: Graph, layer: Stage, following: Stage) -> bool:
    parts = {part for source in following.lowered.sources for part in channel_parts(graph, source.tensor) or ()}
    return layer.lowered.result is not None and layer.lowered.result.tensor in parts


def _reads(layer: Stage, following: Stage) -> Iterator[tuple[IntArray, IntArray]]:
    """What the first passes of the following layer read of this layer's result: the cycles in which the values are
    ready, and those in which they are read, counted from the first position."""
    shape = following.lowered.layer
    height, width = shape.out_shape[1:]
    for number, (source, channels, tap) in enumerate(_passes(following)):
        begin = number * following.work.pass_cycles
        if begin > full_drain(layer.work):
            return
        if source != layer.lowered.result:
            continue
        (top, left), (sy, sx), (dy, dx) = shape.window.pads[:2], shape.window.stride, shape.window.dilation
        y = np.arange(height)[:, np.newaxis] * sy + tap[0] * dy - top
        x = np.arange(width) * sx + tap[1] * dx - left
        inside = (y >= 0) & (y < shape.in_shape[1]) & (x >= 0) & (x < shape.in_shape[2])
        if inside.any():
            cycles = begin + np.arange(shape.n_out).reshape(height, width)
            yield (_ready(layer, channels) + y * shape.in_shape[2] + x)[inside], cycles[inside]


def _passes(stage: Stage) -> Iterator[tuple[Source, range, tuple[int, ...]]]:
    """The passes of a layer in order: the source, its channels, the kernel position."""
    for tile in stage.tiles:
        for segment in tile.segments:
            for channels in segment.ranges(0):
                for tap in np.ndindex(stage.lowered.layer.window.kernel):
                    yield stage.lowered.sources[segment.source], channels, tap


def _ready(layer: Stage, channels: range) -> int:
    """The cycle from which on position 0 of these channels can be read."""
    last = min((channels.stop - 1) // len(layer.tiles[0].outputs), len(layer.tiles) - 1)
    behind = sum(tile.steps for tile in layer.tiles[last + 1:]) * layer.work.n_kij * layer.work.pass_cycles
    return full_drain(layer.work) + 2 - layer.work.n_out - behind
