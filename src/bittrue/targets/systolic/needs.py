"""The widths that a graph needs of the array, by proof from its value ranges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...ir import Graph, IntArray, IntType
from ...ir.ops import Linear
from .layers import ArrayLayer, layer_constants
from .options import SystolicOptions

MIN_ADDR_BITS = 11


@dataclass(frozen=True)
class Needs:
    """The narrowest widths that hold every value of a graph, by proof."""

    act_bits: int
    weight_bits: int
    psum_bits: int
    acc_bits: int
    mul_bits: int
    out_bits: int
    addr_bits: int


def needs_of(graph: Graph, layers: tuple[ArrayLayer, ...], options: SystolicOptions) -> Needs:
    """What the graph needs of an array with `options.rows` rows; every width is proven from the value ranges."""
    each = [_layer_needs(graph, layer, options) for layer in layers]
    return Needs(*(max(values) for values in zip(*each, strict=True)))


def _layer_needs(graph: Graph, layer: ArrayLayer, options: SystolicOptions) -> tuple[int, ...]:
    constants = layer_constants(graph, layer)
    psum_lo, psum_hi = _sum_bounds(graph, layer, constants.weights, options.rows)
    # An accumulator starts at the bias and may hold any subset of the tiles' sums on its way.
    acc_lo = (constants.bias + psum_lo.sum(axis=(1, 2))).min()
    acc_hi = (constants.bias + psum_hi.sum(axis=(1, 2))).max()
    out = 1 if layer.out is None else layer.out.bits
    largest = max(layer.n_nij * layer.n_kij, layer.n_kij * options.cols, options.rows + options.cols)
    return (layer.act.bits, layer.weight.bits + (not layer.weight.signed),
            _signed_bits(psum_lo.min(), psum_hi.max()), _signed_bits(acc_lo, acc_hi),
            _signed_bits(constants.multiplier.min(), constants.multiplier.max()), out,
            max(MIN_ADDR_BITS, largest.bit_length()))


def _sum_bounds(graph: Graph, layer: ArrayLayer, weights: IntArray, rows: int) -> tuple[IntArray, IntArray]:
    """Bounds (O, tiles, n_kij) of the partial sums of every input-channel tile, and of every prefix of them.

    The input's proven range is widened to hold zero (padding, unused rows), so leaving terms out never widens a sum.
    """
    reach = graph.ranges[layer.source].including(0)
    lo, hi = (_channel_bounds(layer, bound, extreme) for bound, extreme in ((reach.lo, np.min), (reach.hi, np.max)))
    low, high = np.minimum(weights * lo, weights * hi), np.maximum(weights * lo, weights * hi)
    starts = np.arange(0, layer.in_shape[0], rows)
    return np.add.reduceat(low, starts, axis=1), np.add.reduceat(high, starts, axis=1)


def _channel_bounds(layer: ArrayLayer, bound: IntArray, extreme: Any) -> IntArray:
    """Bounds of the input channels, (I, 1), from bounds of the input tensor with axes of full length or 1."""
    axis = bound.ndim - 1 if layer.kind == Linear.kind else 0
    per_channel = extreme(bound, axis=tuple(i for i in range(bound.ndim) if i != axis))
    column: IntArray = np.broadcast_to(per_channel, (layer.in_shape[0],))[:, np.newaxis]
    return column


def _signed_bits(lo: int, hi: int) -> int:
    """Bits of the narrowest signed type that holds lo..hi."""
    return IntType.smallest(min(int(lo), -1), max(int(hi), 0)).bits
