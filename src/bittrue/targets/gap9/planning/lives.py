"""The memory map over time: every piece of memory, what lies in it, from which step to which."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

from ..program import Buffer
from .drafts import LayerDraft
from .far import Far
from .limits import aligned
from .near import Near

L1, ARENA, CONSTANTS, L3 = "L1", "L2 arena", "L2 constants", "L3"


def buffers(layers: Sequence[LayerDraft], near: Near, far: Far) -> Iterator[Buffer]:
    """All buffers."""
    first = [0, *accumulate(len(layer.steps) for layer in layers)]
    last = first[-1] - 1
    for slot, held in near.places.items():
        yield Buffer(L1, slot.purpose, slot.layer, held.offset, held.size, held.life.first, min(held.life.last, last))
    yield from _tensors(far, first)
    for chunk, piece in far.streamed.items():
        # The step that starts its transfer has waited for the last load of what lay there before.
        yield Buffer(ARENA, piece.piece.label, chunk[0], piece.offset, aligned(piece.piece.size),
                     min(piece.start + (piece.start > 0), piece.piece.last), piece.piece.last)
        yield Buffer(L3, piece.piece.label, chunk[0], piece.piece.external, aligned(piece.piece.size), 0, last)
    for chunk, found in far.parameters.items():
        size = aligned(layers[chunk[0]].bytes_of(chunk[1]))
        if chunk not in far.streamed and size:
            yield Buffer(CONSTANTS, layers[chunk[0]].job.layer.name, chunk[0], found.offset, size, 0, last)


def _tensors(far: Far, first: Sequence[int]) -> Iterator[Buffer]:
    waiting = {away.tensor.name: away for away in far.away}
    for tensor in far.held:
        place, size, end = far.placed.places[tensor.name], tensor.size, first[tensor.last + 1] - 1
        away = waiting.get(tensor.name)
        if away is None:
            yield Buffer(ARENA, tensor.name, None, place, size, first[tensor.first], end)
            continue
        yield Buffer(ARENA, tensor.name, None, place, size, first[tensor.first], away.gone - 1)
        yield Buffer(L3, tensor.name, None, away.external, size, away.leaves, end)
        yield Buffer(ARENA, tensor.name, None, away.places[1], size, away.returns, end)
