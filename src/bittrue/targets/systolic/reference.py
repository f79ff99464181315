"""What the hardware must compute, from the oracle's tensors: partial sums, accumulators, outputs.

Partial sums come straight from the definition (the values of a position times the weights of a kernel position); the
accumulators and the outputs are the oracle's own tensors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...engine.base import Trace
from ...errors import BadInput, declare, fail
from ...ir import Graph, IntArray
from ...ir.ops.spatial import pad_spatial, taps
from .layers import LayerConstants
from .plan import LayerPlan
from .tiles import Tile

declare({"BT5112": "the partial sums of a layer do not add up to the oracle's accumulators"})

Reals = NDArray[np.float64]
"""Integers below 2**53, which BLAS multiplies exactly."""


@dataclass(frozen=True, eq=False)
class LayerReference:
    """One layer with its tensors for one sample."""

    plan: LayerPlan
    cols: int
    padded_positions: bool
    """Whether every position of the padded image is streamed (plain schedule), not only what the outputs need."""
    constants: LayerConstants
    images: IntArray
    """(I, H, W): the channels of all sources."""
    tensor: IntArray | None
    """(O, n_out): the tensor that the accumulators are, the oracle's."""
    outputs: IntArray | None
    """(O, n_out), the oracle's."""

    @classmethod
    def of(cls, plan: LayerPlan, cols: int, padded_positions: bool, graph: Graph, trace: Trace,
           image: int) -> LayerReference:
        """The layer of `plan` with the tensors of an oracle's run."""
        layer = plan.lowered.layer
        sources = [source.values(trace[source.tensor][image:image + 1])[0] for source in plan.lowered.sources]
        tensor, outputs = (None if name is None else layer.channel_major(trace[name][image:image + 1])[0]
                           for name in (layer.name if layer.sums else None, layer.requant))
        constants = plan.lowered.constants(graph)
        return cls(plan, cols, padded_positions, constants, np.concatenate(sources), tensor, outputs)

    @cached_property
    def _streamed(self) -> Reals:
        """Values that stream: (n_kij, I, positions)."""
        layer = self.plan.lowered.layer
        padded = pad_spatial(self.images[np.newaxis], layer.window.pads, 0)[0].astype(np.float64)
        if self.padded_positions:
            return np.broadcast_to(padded.reshape(1, len(padded), -1), (layer.n_kij, len(padded), layer.n_nij))
        size, window = layer.out_shape[1:], layer.window
        return np.stack([padded[(slice(None), *taps(tap, size, window.stride, window.dilation))]
                         .reshape(len(padded), -1) for tap in np.ndindex(window.kernel)])

    def psums(self) -> Iterator[IntArray]:
        """Partial sums of every output tile: (input tiles, n_kij, positions, cols), as they leave the array."""
        weights = self.constants.weights.astype(np.float64)
        for tile in self.plan.tiles:
            yield np.stack([self._tile(weights, tile, inputs)
                            for inputs in tile.inputs(self.plan.lowered.layer.in_shape[0])])

    def _tile(self, weights: Reals, tile: Tile, inputs: range) -> IntArray:
        block = weights[tile.outputs.start:tile.outputs.stop, inputs.start:inputs.stop].transpose(2, 1, 0)
        sums = self._streamed[:, inputs.start:inputs.stop].transpose(0, 2, 1) @ block
        padding = (0, self.cols - len(tile.outputs))
        return np.pad(sums, ((0, 0), (0, 0), padding)).astype(np.int64)

    def accumulators(self, psums: list[IntArray]) -> IntArray:
        """(O, n_out). Raises `BadInput` (BT5112) when the partial sums do not add up to the oracle's tensor."""
        if self.plan.lowered.layer.takes_max and self.tensor is not None:
            return self.tensor
        summed = np.concatenate([self._gathered(sums.sum(axis=0))[:len(tile.outputs)]
                                 for tile, sums in zip(self.plan.tiles, psums, strict=True)])
        total: IntArray = summed + self.constants.bias[:, np.newaxis]
        if self.tensor is not None and not np.array_equal(total, self.tensor):
            fail(BadInput, "BT5112", f"layer {self.plan.name}",
                 "the sum over all tiles and kernel positions is not the oracle's accumulator",
                 "report this as a bug, with the model")
        return total

    def _gathered(self, psums: IntArray) -> IntArray:
        """The sum over the kernel positions, (cols, n_out), of partial sums (n_kij, positions, cols)."""
        layer = self.plan.lowered.layer
        if self.padded_positions:
            psums = np.moveaxis(psums[np.divmod(layer.addresses(), layer.n_nij)], 1, 0)
        sums: IntArray = psums.sum(axis=0).T
        return sums
