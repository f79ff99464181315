"""Layers without convolution write to the groups of processors that they read. Where that cannot be, they convolve.

Every such layer ties where its input's block starts to where its output's does. Those that cannot be tied all at once
become identity convolutions, which may write anywhere; copies first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

from ..network import Layer, Operator, Weights
from ..placement import PROCESSORS, SHARED, in_passes, passes_through
from .kernel import identity
from .layout import Arrangement

Starts = dict[int, frozenset[int]]
"""Block -> the data memory instances at which it may start."""


@dataclass(frozen=True)
class _Tie:
    """The pairs of starts of two blocks that a layer allows."""

    source: int
    target: int
    pairs: frozenset[tuple[int, int]]


def connected(arrangement: Arrangement) -> Arrangement:
    """The arrangement with identity convolutions where layers without convolution cannot reach their outputs."""
    layers, kept = list(arrangement.network.layers), list[_Tie]()
    for index in sorted((i for i, layer in enumerate(layers) if not layer.convolves),
                        key=lambda i: (_is_copy(layers[i]), len(layers[i].sources) == 1)):
        tie = _tie(arrangement, index)
        if _solvable([*kept, tie]):
            kept.append(tie)
        elif layers[index].eltwise is None:
            layers[index] = _identity(layers[index])
    return replace(arrangement, network=replace(arrangement.network, layers=tuple(layers)))


def _is_copy(layer: Layer) -> bool:
    return layer.eltwise is None and not layer.pool.active


def _identity(layer: Layer) -> Layer:
    """A convolution that gives what the layer gives."""
    weights = identity(layer.in_channels)
    if layer.in_dim[1] > 1 or layer.in_dim[0] == 1:
        return replace(layer, operator=Operator.CONV2D, weights=Weights(weights, 2), shift=7)
    return replace(layer, operator=Operator.CONV1D, weights=Weights(weights[..., 0], 2), shift=7)


def _tie(arrangement: Arrangement, index: int) -> _Tie:
    layer = arrangement.network.layers[index]
    (source, read), (target, written) = (arrangement.block_of(i) for i in (layer.sources[0], index))
    channels, begin = (1 << in_passes(layer).width) - 1, read.first if len(layer.sources) == 1 else 0
    starts = [range((PROCESSORS - arrangement.blocks[block].width) // SHARED + 1) for block in (source, target)]
    pairs = ((i, o) for i, o in product(*starts) if source != target or i == o)
    return _Tie(source, target, frozenset(
        (i, o) for i, o in pairs
        if passes_through(channels << SHARED * i + begin, channels << SHARED * o + written.first)))


def _solvable(ties: Sequence[_Tie]) -> bool:
    """Whether all blocks can start somewhere."""
    starts: Starts = {}
    for tie in ties:
        for block, side in ((tie.source, 0), (tie.target, 1)):
            starts[block] = starts.get(block, frozenset(range(PROCESSORS))) & {pair[side] for pair in tie.pairs}
    return _search(ties, starts)


def _search(ties: Sequence[_Tie], starts: Starts) -> bool:
    starts = _pruned(ties, starts)
    if not all(starts.values()):
        return False
    open_ = [block for block, allowed in starts.items() if len(allowed) > 1]
    if not open_:
        return True
    block = min(open_, key=lambda b: (len(starts[b]), b))
    return any(_search(ties, starts | {block: frozenset({start})}) for start in sorted(starts[block]))


def _pruned(ties: Sequence[_Tie], starts: Starts) -> Starts:
    """Without starts for which a tie has no partner left."""
    starts, before = dict(starts), None
    while before != starts:
        before = dict(starts)
        for tie in ties:
            left = [(i, o) for i, o in tie.pairs if i in starts[tie.source] and o in starts[tie.target]]
            starts[tie.source] &= {i for i, _ in left}
            starts[tie.target] &= {o for _, o in left}
    return starts
