"""The values of the vectors: what a layer's blocks hold; accumulators and outputs are the oracle's own tensors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ....engine.base import Trace
from ....ir import Graph, IntArray
from ....ir.ops import Requant
from ..layers import ROUNDINGS, ArrayLayer, LayerConstants, layer_constants
from .kinds import Place
from .layout import VectorPlan


@dataclass(frozen=True, eq=False)
class LayerValues:
    """One layer with its tensors for the plan's samples; every block is (steps, lanes), lane 0 first."""

    rows: int
    cols: int
    samples: dict[int, int]
    """Sample number -> its position in the tensors."""
    constants: LayerConstants
    inputs: IntArray
    """(N, I, n_nij), padded."""
    accumulators: IntArray
    """(N, O, n_out)."""
    outputs: IntArray
    """(N, O, n_out); the accumulators where there is no output stage."""
    requant: Requant | None
    addresses: IntArray
    """(n_out, n_kij)."""

    @classmethod
    def of(cls, plan: VectorPlan, layer: ArrayLayer, graph: Graph, trace: Trace) -> LayerValues:
        """A layer with the tensors of an oracle's run on the plan's samples."""
        op = None if layer.requant is None else graph.node[layer.requant].op
        return cls(plan.rows, plan.cols, {image: i for i, image in enumerate(plan.images)},
                   layer_constants(graph, layer), layer.padded_input(trace[layer.source]),
                   layer.channel_major(trace[layer.name]), layer.channel_major(trace[layer.requant or layer.name]),
                   op if isinstance(op, Requant) else None, layer.addresses())

    def block(self, kind: str, place: Place) -> IntArray:
        """The values of a kind of file at a place."""
        return BLOCKS[kind](self, place)

    def activation(self, place: Place) -> IntArray:
        """(n_nij, rows): one padded position per line."""
        return _tile(self.inputs[self._sample(place)], place.ic, self.rows).T

    def weight(self, place: Place) -> IntArray:
        """(cols, rows): an output channel per line, an input channel per field."""
        weights = self.constants.weights[:, :, place.kij or 0]
        return _tile(_tile(weights, place.oc, self.cols).T, place.ic, self.rows).T

    def psum(self, place: Place) -> IntArray:
        """(n_nij, cols): what the array gives for every padded position."""
        sums: IntArray = self.activation(place) @ self.weight(place).T
        return sums

    def acc_out(self, place: Place) -> IntArray:
        """(n_out, cols): accumulators over all tiles and kernel positions, bias included."""
        return _tile(self.accumulators[self._sample(place)], place.oc, self.cols).T

    def out(self, place: Place) -> IntArray:
        """(n_out, cols): what leaves the output stage."""
        return _tile(self.outputs[self._sample(place)], place.oc, self.cols).T

    def stage(self, place: Place) -> IntArray:
        """(cols, 9): the parameters of the output stages; unused columns are zero."""
        constants, op = self.constants, self.requant
        shared = (1, 0, 0, 0, 0) if op is None else (op.slope_multiplier, op.slope_shift, ROUNDINGS.index(op.rounding),
                                                     op.lo, op.hi)
        own = np.stack([constants.bias, constants.multiplier, constants.offset, constants.shift], axis=1)
        table = np.concatenate([own, np.broadcast_to(np.array(shared, np.int64), (len(own), len(shared)))], axis=1)
        return _tile(table, place.oc, self.cols)

    def acc(self, place: Place) -> IntArray:
        """(n_out, 1): addresses of the partial sums of a kernel position."""
        kij = place.kij or 0
        return self.addresses[:, kij:kij + 1]

    def _sample(self, place: Place) -> int:
        return self.samples[place.image or 0]


BLOCKS: dict[str, Callable[[LayerValues, Place], IntArray]] = {
    "activation": LayerValues.activation, "weight": LayerValues.weight, "psum": LayerValues.psum,
    "acc_out": LayerValues.acc_out, "out": LayerValues.out, "stage": LayerValues.stage, "acc": LayerValues.acc,
}
"""By kind of file what gives its blocks."""


def _tile(channels: IntArray, tile: int | None, lanes: int) -> IntArray:
    """Tile number `tile` of channels (C, ...), filled up with zeros to `lanes` channels."""
    start = (tile or 0) * lanes
    cut = channels[start:start + lanes]
    return np.pad(cut, ((0, lanes - len(cut)), *[(0, 0)] * (channels.ndim - 1)))
