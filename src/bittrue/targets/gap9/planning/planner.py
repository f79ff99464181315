"""A network becomes a program: tiles, places, DMA commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate

from ....errors import Diagnostics, Unsupported
from ..network import Network
from ..program import Area, Buffer, Program
from .arena import Held, first_fit, tensors, top
from .assemble import Far, ParameterPlace, steps_of
from .drafts import LayerDraft, all_steps, draft_layer
from .footprints import Job, job
from .limits import Limits, aligned
from .near import Near, place, reads_fresh
from .parameters import Blob, blob, blob_bytes
from .tiles import Tiling, choose, signature, smallest


def plan(network: Network, limits: Limits | None = None) -> Program:
    """The program of a network.

    Raises `Unsupported` with BT5550 for every layer of which no tile fits into L1, BT5551 for a network that fits
    neither into L2 nor into L2 and L3.
    """
    held = limits or Limits()
    jobs = [job(network, layer) for layer in network.layers]
    layers = [draft_layer(index, work, tiling, {chunk: blob_bytes(work.layer, chunk[1] - chunk[0])
                                                for chunk in {region.channels for region in tiling.regions(work)}},
                          held)
              for index, (work, tiling) in enumerate(zip(jobs, tile(jobs, held), strict=True))]
    drafts = all_steps(layers)
    allowed = [[index > 0 and not reads_fresh(draw, index, drafts) for draw in draft.draws]
               for index, draft in enumerate(drafts)]
    near = place(layers, allowed, held)
    blobs = [[blob(layer.job.layer, *chunk) for chunk in layer.chunks] for layer in layers]
    constants, parameters = _resident(blobs)
    alive = tensors(network)
    places = first_fit(alive)
    far = Far([parameters[draft.layer][draft.chunk] for draft in drafts], [places] * len(drafts), [0] * len(drafts),
              [()] * len(drafts))
    steps = steps_of(layers, drafts, near, far, held)
    buffers = (*_near_buffers(near, len(drafts)), *_arena_buffers(alive, places, layers))
    return Program(network, steps, constants, b"", places, buffers, near.bytes, top(alive, places), 0,
                   tuple(sum(int(step.compute) for step in steps if step.layer == i) for i in range(len(layers))))


def tile(jobs: Sequence[Job], limits: Limits) -> list[Tiling]:
    """The tilings of all layers. Raises `Unsupported` (BT5550) for those without one."""
    known: dict[tuple[object, ...], Tiling | None] = {}
    found, problems = [], Diagnostics()
    for work in jobs:
        key = signature(work.layer, work)
        if key not in known:
            known[key] = choose(work, limits)
        tiling = known[key]
        if tiling is None:
            _too_large(work, limits, problems)
        else:
            found.append(tiling)
    problems.raise_as(Unsupported)
    return found


def _too_large(work: Job, limits: Limits, problems: Diagnostics) -> None:
    problems.add("BT5550", work.layer.name, f"the smallest tile of its {work.layer.kernel} needs "
                 f"{smallest(work, limits)} bytes of L1, there are {limits.l1}",
                 "give the layer fewer input channels or a smaller kernel, or narrower weights")


def _resident(blobs: Sequence[Sequence[Blob]]) -> tuple[bytes, list[list[ParameterPlace]]]:
    """Parameters one after the other in L2."""
    data, places = bytearray(), []
    for layer in blobs:
        row = []
        for piece in layer:
            row.append(ParameterPlace(Area.CONSTANTS, len(data), piece.places))
            data += piece.data.ljust(aligned(len(piece.data)), b"\0")
        places.append(row)
    return bytes(data), places


def _near_buffers(near: Near, steps: int) -> list[Buffer]:
    return [Buffer("L1", slot.purpose, slot.layer, held.offset, held.size, max(held.life.first, 0),
                   min(held.life.last, steps - 1)) for slot, held in near.places.items()]


def _arena_buffers(alive: Sequence[Held], places: Mapping[str, int], layers: Sequence[LayerDraft]) -> list[Buffer]:
    ends = list(accumulate(len(layer.steps) for layer in layers))
    return [Buffer("L2 arena", tensor.name, None, places[tensor.name], tensor.size,
                   ends[tensor.first] - len(layers[tensor.first].steps), ends[tensor.last] - 1) for tensor in alive]
