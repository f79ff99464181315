"""Layers whose output cannot lie anywhere: those without convolution, and depthwise ones.

Without convolution every group writes what it reads: as many processors of the same group, packed; the words that the
fullest group writes one after the other are the time that a pixel takes. Depthwise layers write from all processors at
once only when input and output use the same ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..cycles import layer_cycles
from ..placement import passes_through
from .demand import Move
from .geometry import Geometry


def moves(geometry: Geometry) -> Iterator[Move]:
    """What such layers allow, and what it costs."""
    for index, layer in enumerate(geometry.network.layers):
        if layer.convolves and layer.groups == 1:
            continue
        source, read = geometry.reads(layer)
        target, written = geometry.writes(index)
        starts = [(i, o) for i in geometry.shapes[source].starts for o in geometry.shapes[target].starts
                  if source != target or i == o]
        if layer.convolves:
            table = tuple((i, o, int(read.at(i) != written.at(o))) for i, o in starts)
            yield Move(index, source, target, table, cycles=False)
        else:
            costs = {i: _cycles(geometry, index, read.at(i)) for i in geometry.shapes[source].starts}
            table = tuple((i, o, costs[i]) for i, o in starts if passes_through(read.at(i), written.at(o)))
            yield Move(index, source, target, table)


def _cycles(geometry: Geometry, index: int, processors: int) -> int:
    place = replace(geometry.trial.layers[index], processors=processors)
    return layer_cycles(geometry.device, geometry.network.layers[index], geometry.hardware[index], place, 0)
