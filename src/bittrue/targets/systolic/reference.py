"""What every tile must compute, from the oracle's tensors: activations, weights, partial sums, accumulators, outputs.

Partial sums come straight from the definition (activations of a padded position times the weights of a kernel
position); accumulators gather them through windows of the image, not through the address list that the hardware
reads, and the last accumulators and the outputs are the oracle's own tensors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...engine.base import Trace
from ...errors import BadInput, declare, fail
from ...ir import Graph, IntArray, Rounding
from ...ir.ops import Requant
from .layers import LayerConstants, layer_constants
from .plan import Geometry, LayerPlan

declare({"BT5112": "the partial sums of a layer do not add up to the oracle's accumulators"})

ROUNDINGS = tuple(Rounding)
"""A rounding mode's code in the hardware is its position here."""


@dataclass(frozen=True, eq=False)
class LayerReference:
    """One layer with its tensors for a batch."""

    plan: LayerPlan
    geometry: Geometry
    constants: LayerConstants
    inputs: IntArray
    """(N, I, n_nij), padded."""
    accumulators: IntArray
    """(N, O, n_out), the oracle's."""
    outputs: IntArray | None
    """(N, O, n_out), the oracle's; None without Requant."""
    requant: Requant | None

    @classmethod
    def of(cls, plan: LayerPlan, geometry: Geometry, graph: Graph, trace: Trace) -> LayerReference:
        """The layer of `plan` with the tensors of an oracle's run."""
        layer = plan.layer
        outputs = None if layer.requant is None else layer.channel_major(trace[layer.requant])
        op = None if layer.requant is None else graph.node[layer.requant].op
        return cls(plan, geometry, layer_constants(graph, layer), layer.padded_input(trace[layer.source]),
                   layer.channel_major(trace[layer.name]), outputs, op if isinstance(op, Requant) else None)

    def activations(self, image: int, ic: int) -> IntArray:
        """Input-channel tile `ic` over time: (n_nij, rows)."""
        rows = self.geometry.rows
        return _padded(self.inputs[image, ic * rows:(ic + 1) * rows], rows).T

    def weights(self, oc: int, ic: int) -> IntArray:
        """Weights of a tile: (n_kij, cols, rows)."""
        rows, cols = self.geometry.rows, self.geometry.cols
        tile = self.constants.weights[oc * cols:(oc + 1) * cols, ic * rows:(ic + 1) * rows]
        tile = np.pad(tile, ((0, cols - tile.shape[0]), (0, rows - tile.shape[1]), (0, 0)))
        return np.moveaxis(tile, 2, 0)

    def psums(self, image: int, oc: int, ic: int) -> IntArray:
        """Partial sums of a tile: (n_kij, n_nij, cols)."""
        sums: IntArray = self.activations(image, ic) @ self.weights(oc, ic).transpose(0, 2, 1)
        return sums

    def partial_accumulators(self, image: int, oc: int, psums: list[IntArray]) -> IntArray:
        """The accumulators after each of the tiles whose partial sums are given: (tiles, n_out, cols).

        Raises `BadInput` (BT5112) when all tiles are given and their sum is not the oracle's: a broken plan.
        """
        steps = np.stack([self._gathered(tile) for tile in psums])
        sums: IntArray = self.bias(oc) + np.cumsum(steps, axis=0)
        if not np.array_equal(sums[-1], self.final_accumulators(image, oc)):
            fail(BadInput, "BT5112", f"layer {self.plan.layer.name}, image {image}, otile {oc}",
                 "the sum over all tiles and kernel positions is not the oracle's accumulator",
                 "report this as a bug, with the model")
        return sums

    def _gathered(self, psums: IntArray) -> IntArray:
        """The sum over the kernel positions for every output position: (n_out, cols)."""
        layer = self.plan.layer
        window, (height, width) = layer.window, layer.out_shape[1:]
        images = psums.reshape(*window.kernel, *layer.padded, -1)
        total = np.zeros((height, width, psums.shape[-1]), np.int64)
        for ky, kx in np.ndindex(window.kernel):
            top, left = ky * window.dilation[0], kx * window.dilation[1]
            total += images[ky, kx, top::window.stride[0], left::window.stride[1]][:height, :width]
        return total.reshape(layer.n_out, -1)

    def final_accumulators(self, image: int, oc: int) -> IntArray:
        """The oracle's accumulators of a tile: (n_out, cols); unused columns are zero."""
        return self._columns(self.accumulators[image], oc)

    def final_outputs(self, image: int, oc: int) -> IntArray | None:
        """The oracle's outputs of a tile: (n_out, cols); unused columns are zero. None without Requant."""
        return None if self.outputs is None else self._columns(self.outputs[image], oc)

    def bias(self, oc: int) -> IntArray:
        """What the accumulators of a tile start with: (cols,)."""
        bias: IntArray = self._columns(self.constants.bias[:, np.newaxis], oc)[0]
        return bias

    def stage(self, oc: int) -> IntArray:
        """The output stages of a tile: (cols, 9), fields as in `Formats.stage`; unused columns are all zero."""
        constants, op, cols = self.constants, self.requant, self.geometry.cols
        shared = (1, 0, 0, 0, 0) if op is None else (op.slope_multiplier, op.slope_shift, ROUNDINGS.index(op.rounding),
                                                     op.lo, op.hi)
        own = np.stack([constants.bias, constants.multiplier, constants.offset, constants.shift], axis=1)
        table = np.concatenate([own, np.broadcast_to(np.array(shared, np.int64), (len(own), len(shared)))], axis=1)
        return _padded(table[oc * cols:(oc + 1) * cols], cols)

    def _columns(self, channels: IntArray, oc: int) -> IntArray:
        """Columns of tile `oc` of (O, positions): (positions, cols), padded with zeros."""
        cols = self.geometry.cols
        return _padded(channels[oc * cols:(oc + 1) * cols], cols).T


def _padded(channels: IntArray, count: int) -> IntArray:
    """Channels (C, positions) with zeros up to `count` channels."""
    return np.pad(channels, ((0, count - len(channels)), (0, 0)))
