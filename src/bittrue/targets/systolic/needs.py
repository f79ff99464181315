"""The widths that a graph needs of the array, by proof from its value ranges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...ir import Graph, IntArray, IntType
from ...ir.ops import Requant
from .layers import LayerConstants
from .lowering import ROWS, UNFOLDED, Lowered, Source
from .tiles import tiles

Bounds = tuple[IntArray, IntArray]
"""Lower and upper bounds."""


@dataclass(frozen=True)
class Needs:
    """The narrowest widths that hold every value of a graph, by proof."""

    act_bits: int
    weight_bits: int
    psum_bits: int
    acc_bits: int
    mul_bits: int
    out_bits: int
    scaled_bits: int
    slope_bits: int

    @classmethod
    def together(cls, each: Sequence[Needs]) -> Needs:
        """What all of these need."""
        return cls(*(max(values) for values in zip(*(vars(needs).values() for needs in each), strict=True)))


def layer_needs(graph: Graph, lowered: Lowered, cols: int, width: int) -> Needs:
    """What a layer needs of an array of `cols` columns that sums up `width` channels at a time."""
    layer, constants = lowered.layer, lowered.constants(graph)
    psum, acc = _sum_bounds(graph, lowered, constants.weights, constants.bias, cols, width)
    return Needs(act_bits=layer.act.bits, weight_bits=layer.weight.bits + (not layer.weight.signed),
                 psum_bits=signed_type(*psum).bits, acc_bits=signed_type(*acc).bits,
                 mul_bits=signed_type(constants.multiplier.min(), constants.multiplier.max()).bits,
                 out_bits=1 if layer.out is None else layer.out.bits,
                 scaled_bits=_scaled_bits(constants, acc, _slope(graph, lowered)),
                 slope_bits=max(1, _slope(graph, lowered).bit_length()))


def _slope(graph: Graph, lowered: Lowered) -> int:
    """What multiplies negative values in the layer's output stages."""
    name = lowered.layer.requant
    op = None if name is None else graph.node[name].op
    return op.slope_multiplier if isinstance(op, Requant) else 1


def _scaled_bits(constants: LayerConstants, acc: tuple[int, int], slope: int) -> int:
    """Bits that hold acc * multiplier + offset, and its product with the slope, with either sign."""
    steepest, farthest = (int(np.abs(values).max()) for values in (constants.multiplier, constants.offset))
    return ((max(map(abs, acc)) * steepest + farthest) * max(1, slope)).bit_length() + 1


def _sum_bounds(graph: Graph, lowered: Lowered, weights: IntArray, bias: IntArray, cols: int,
                width: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Bounds of every partial sum and of every accumulator on its way.

    The input's proven range is widened to hold zero (padding, unused rows), so leaving terms out never widens a sum:
    prefixes of the sums lie within the bounds of the whole.
    """
    layer = lowered.layer
    ranges = [_channel_bounds(graph, source, layer.in_shape[0]) for source in lowered.sources]
    lo, hi = (np.concatenate(parts)[:, np.newaxis] for parts in zip(*ranges, strict=True))
    low, high = np.minimum(weights * lo, weights * hi), np.maximum(weights * lo, weights * hi)
    starts = {part.start: part for tile in tiles(layer, cols, width) for part in tile.inputs(layer.in_shape[0])}
    parts = [(low[:, part.start:part.stop].sum(axis=1), high[:, part.start:part.stop].sum(axis=1))
             for part in starts.values()]
    psum = min(int(p[0].min()) for p in parts), max(int(p[1].max()) for p in parts)
    if layer.takes_max:
        return psum, psum
    acc = int((bias + low.sum(axis=(1, 2))).min()), int((bias + high.sum(axis=(1, 2))).max())
    return psum, acc


def _channel_bounds(graph: Graph, source: Source, channels: int) -> Bounds:
    """Bounds of a source's channels, (C,) each, from bounds of its tensor with axes of full length or 1."""
    reach, shape = graph.ranges[source.tensor].including(0), graph.types[source.tensor].shape
    axis = len(shape) - 1 if source.view == ROWS else 0
    lo, hi = (_per_channel(bound, shape[axis], axis, extreme)
              for bound, extreme in ((reach.lo, np.min), (reach.hi, np.max)))
    repeats = channels // shape[axis] if source.view == UNFOLDED else 1
    return np.repeat(lo, repeats), np.repeat(hi, repeats)


def _per_channel(bound: IntArray, channels: int, axis: int, extreme: Any) -> IntArray:
    per_channel = extreme(bound, axis=tuple(i for i in range(bound.ndim) if i != axis))
    return np.array(np.broadcast_to(per_channel, (channels,)))


def signed_type(lo: int, hi: int) -> IntType:
    """The narrowest signed type that holds lo..hi."""
    return IntType.smallest(min(int(lo), -1), max(int(hi), 0))
