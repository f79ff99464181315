"""Places in L2 and L3, step by step: parameters that stay or are staged, tensors, and the transfers with L3."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, product

from ..network import Network
from ..program import Area, Staging
from .arena import LEAVING, Held, first_fit, most_alive, tensors, top
from .demand import WEIGHT, Demand, Placed
from .drafts import Draft, LayerDraft
from .limits import Limits, aligned
from .parameters import Blob
from .stream import Piece, Streamed, ring
from .tables import tables_bytes

Chunk = tuple[int, int]
"""A layer, and which of its parameters."""
SLACKS = (0, 1, 2)
"""Room that is kept free for the ring, in pieces of the largest parameters: those of several sizes leave gaps."""


@dataclass(frozen=True)
class ParameterPlace:
    """Where some parameters lie in L2, and where in them each field points."""

    area: Area
    offset: int
    fields: Mapping[str, int]


@dataclass(frozen=True)
class Away:
    """A tensor that waits in L3: its places there and in the arena, when it leaves, when it is back."""

    tensor: Held
    external: int
    places: tuple[int, int]
    leaves: int
    """The step that starts the transfer to L3."""
    gone: int
    """The first step that may write into its place."""
    returns: int
    """The step that starts the transfer back."""
    back: int
    """The first layer that finds it in its second place."""


@dataclass(frozen=True)
class Far:
    """Everything about L2 and L3."""

    held: tuple[Held, ...]
    placed: Placed
    parameters: Mapping[Chunk, ParameterPlace]
    streamed: Mapping[Chunk, Streamed]
    away: tuple[Away, ...]
    constants: bytes
    external: bytes
    arena: int
    spare: int

    def place(self, tensor: str, layer: int) -> int:
        """Where a tensor lies while a layer runs."""
        for away in self.away:
            if away.tensor.name == tensor and layer >= away.back:
                return away.places[1]
        return self.placed.places[tensor]

    def requests(self) -> list[tuple[int, int, Staging, Chunk | str | None]]:
        """All transfers with L3 in their order: the step that starts them, when it is needed, and what they bring."""
        found: list[tuple[int, int, Staging, Chunk | str | None]] = [
            (piece.start, piece.piece.first, piece.staging(), chunk) for chunk, piece in self.streamed.items()]
        for away in self.away:
            name, size = away.tensor.name, away.tensor.size
            found.append((away.leaves, away.gone, Staging(name, away.external, away.places[0], size, False), None))
            found.append((away.returns, away.returns, Staging(name, away.external, away.places[1], size, True), name))
        return sorted(found, key=lambda request: request[:2])


def place_far(network: Network, layers: Sequence[LayerDraft], limits: Limits, depth: int) -> Far | None:
    """Places in L2 for everything; None if there are none.

    With a `depth`, parameters that find no room in L2 come from L3 through a ring that has room for so many pieces of
    each layer, or for one if that is too much.
    """
    held = tensors(network)
    room = (limits.l2 - tables_bytes(layers)) // 8 * 8
    sizes = [[aligned(layer.bytes_of(chunk)) for chunk in range(len(layer.chunks))] for layer in layers]
    places = first_fit(held)
    if top(held, places) + sum(map(sum, sizes)) <= room:
        return _far(layers, held, Placed(places, {}, tuple(map(len, sizes))), room)
    if not depth:
        return None
    demands = [_demand(layer, row) for layer, row in zip(layers, sizes, strict=True)]
    for spill, deep in product((False, True), (depth, 1)):
        far = _searched(layers, held, demands, (room, spill, deep)) if spill or most_alive(held)[1] <= room else None
        if far is not None:
            return far
    return None


def _searched(layers: Sequence[LayerDraft], held: tuple[Held, ...], demands: Sequence[Demand],
              options: tuple[int, bool, int]) -> Far | None:
    """What the search finds, if the ring has room for what is streamed: else with fewer bytes that stay."""
    from .placement import search  # the solver takes half a second to load, and most networks fit without it

    room, spill, depth = options
    largest = max((demand.size for demand in demands), default=0)
    for slack in SLACKS:
        found = search(held, demands, room - slack * largest, spill, depth)
        if found is None:
            return None
        far = _far(layers, held, found, room)
        if far is not None:
            return far
    return None


def _demand(layer: LayerDraft, sizes: Sequence[int]) -> Demand:
    """A streamed byte costs up to three times as much where the kernel takes less time than the transfer."""
    total = sum(sizes)
    kernels = layer.tiling.step * len(layer.steps)
    exposed = max(0.0, 1 - kernels / total) if total else 0.0
    return Demand(len(sizes) if total else 0, max(sizes, default=0), WEIGHT + round(2 * WEIGHT * exposed))


def _far(layers: Sequence[LayerDraft], held: tuple[Held, ...], placed: Placed, room: int) -> Far | None:
    blobs = {(index, chunk): found for index, layer in enumerate(layers) for chunk, found in enumerate(layer.blobs)}
    stay = {(index, chunk) for index, count in enumerate(placed.resident)
            for chunk in _spread(count, len(layers[index].chunks))}
    constants, parameters = _resident({chunk: found for chunk, found in blobs.items()
                                       if chunk in stay or not found.data})
    leaving = {chunk: found for chunk, found in blobs.items() if chunk not in parameters}
    external, pieces = _pieces(layers, leaving)
    begin = max((end for end in _ends(held, placed)), default=0)
    streamed = ring(list(pieces.values()), begin, room - begin - len(constants))
    if streamed is None:
        return None
    staged = dict(zip(pieces, streamed, strict=True))
    parameters |= {chunk: ParameterPlace(Area.ARENA, found.offset, blobs[chunk].places)
                   for chunk, found in staged.items()}
    away = tuple(_away(layers, held, placed, len(external)))
    return Far(held, placed, parameters, staged, away, constants, external,
               max([begin, *(found.end for found in streamed)]), sum(found.tensor.size for found in away))


def _spread(count: int, total: int) -> set[int]:
    """`count` of `total` numbers, at equal distances."""
    return {index * total // count for index in range(count)}


def _ends(held: Sequence[Held], placed: Placed) -> Iterator[int]:
    for tensor in held:
        for places in (placed.places, placed.later):
            if tensor.name in places:
                yield places[tensor.name] + tensor.size


def _resident(blobs: Mapping[Chunk, Blob]) -> tuple[bytes, dict[Chunk, ParameterPlace]]:
    """Parameters one after the other in L2."""
    data, places = bytearray(), {}
    for chunk, found in blobs.items():
        places[chunk] = ParameterPlace(Area.CONSTANTS, len(data), found.places)
        data += found.data.ljust(aligned(len(found.data)), b"\0")
    return bytes(data), places


def _pieces(layers: Sequence[LayerDraft], blobs: Mapping[Chunk, Blob]) -> tuple[bytes, dict[Chunk, Piece]]:
    """The image in L3, and its pieces in the order of use."""
    uses = _uses(layers)
    data, pieces = bytearray(), {}
    for chunk in sorted(blobs, key=lambda chunk: uses[chunk]):
        found = blobs[chunk].data
        pieces[chunk] = Piece(layers[chunk[0]].job.layer.name, len(data), len(found), *uses[chunk])
        data += found.ljust(aligned(len(found)), b"\0")
    return bytes(data), pieces


def _uses(layers: Sequence[LayerDraft]) -> dict[Chunk, tuple[int, int]]:
    """The first and the last step that loads each piece of parameters."""
    uses: dict[Chunk, tuple[int, int]] = {}
    number = 0
    for index, layer in enumerate(layers):
        for step in layer.steps:
            if any(draw.touch is None for draw in step.draws):
                chunk = (index, step.chunk)
                uses[chunk] = (uses.get(chunk, (number, 0))[0], number)
            number += 1
    return uses


def _away(layers: Sequence[LayerDraft], held: Sequence[Held], placed: Placed, external: int) -> Iterator[Away]:
    first = [0, *accumulate(len(layer.steps) for layer in layers)]
    for tensor in held:
        if tensor.name not in placed.later or tensor.gap is None:
            continue
        before, after = tensor.gap
        # Two steps after the last one that may store into it, its stores are done.
        yield Away(tensor, external, (placed.places[tensor.name], placed.later[tensor.name]), first[before + 1] + 1,
                   first[before + LEAVING + 1], first[after - 1], after)
        external += tensor.size


def tensor_places(far: Far, drafts: Sequence[Draft]) -> list[Mapping[str, int]]:
    """By step: where every tensor lies."""
    changes = sorted({away.back for away in far.away})
    by_layer: dict[int, Mapping[str, int]] = {}
    for draft in drafts:
        epoch = sum(change <= draft.layer for change in changes)
        if epoch not in by_layer:
            by_layer[epoch] = {name: far.place(name, draft.layer) for name in far.placed.places}
    return [by_layer[sum(change <= draft.layer for change in changes)] for draft in drafts]
