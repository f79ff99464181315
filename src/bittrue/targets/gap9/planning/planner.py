"""A network becomes a program: tiles, places, DMA commands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ....errors import Diagnostics, Unsupported
from ..network import Network
from ..program import Program
from .arena import most_alive, tensors
from .assemble import may_be_early, steps_of
from .checker import check_program
from .drafts import Draft, LayerDraft, all_steps, draft_layer
from .far import Far, place_far
from .footprints import Job, job
from .limits import Limits
from .lives import buffers
from .near import place, reads_fresh
from .tables import tables_bytes
from .tiles import WHOLE, Before, Pieces, Taste, Tiling, after, choose, signature, smallest
from .timeline import exposed_cycles, layer_cycles

TASTES = (Taste(), Taste(100, True), Taste(500, True), Taste(2_000, True), Taste(2_000, True, 16), Taste(20_000, True))
"""What tiles are chosen by, one after the other until everything has a place: with more and more regard to L2."""


PIECES: tuple[Pieces, ...] = ((4, 1), (8, 1), (1, 2), (1, 4))
"""Pieces of layers that are tried."""


@dataclass(frozen=True)
class _Draft:
    """A network that is cut into tiles."""

    network: Network
    layers: list[LayerDraft]
    steps: list[Draft]


def plan(network: Network, limits: Limits | None = None) -> Program:
    """The program of a network.

    Raises `Unsupported` with BT5550 for every layer of which no tile fits into L1, BT5551 for a network that fits
    neither into L2 nor into L2 and L3, and BT5559 for a plan that fails its own check.
    """
    held = limits or Limits()
    jobs = [job(network, layer) for layer in network.layers]
    for taste in TASTES:
        draft = _draft(network, jobs, held, taste, [WHOLE] * len(jobs))
        far = place_far(network, draft.layers, held, taste.once)
        if far is not None:
            break
    else:
        raise _no_room(draft, held)
    if len(far.external) + far.spare > held.l3:
        raise _no_room_in_l3(far, held)
    return _checked(_in_pieces(_program(draft, far, held), jobs, held, taste), held)


def _in_pieces(program: Program, jobs: Sequence[Job], limits: Limits, taste: Taste) -> Program:
    """The program, or a better one whose layers have more tiles: what is stored early enough can be loaded early, and
    parameters that are small enough have room in L1 beside those in use.

    Every kind of pieces is tried for all layers, then for each the one that is best for it and the layer behind it.
    """
    programs = [program]
    uniform = [[pieces] * len(jobs) for pieces in PIECES]
    programs += filter(None, (_attempt(program, jobs, limits, taste, pieces) for pieces in uniform))
    costs = np.array([layer_costs(found) for found in programs])
    pairs = costs + np.pad(costs[:, 1:], ((0, 0), (0, 1)))
    chosen = [(WHOLE, *PIECES)[best] for best in pairs.argmin(axis=0)] if len(programs) == 1 + len(PIECES) else []
    mixed = _attempt(program, jobs, limits, taste, chosen) if chosen else None
    return min([*programs, *([mixed] if mixed else [])], key=lambda found: sum(layer_costs(found)))


def layer_costs(program: Program) -> list[int]:
    """Cycles of every layer; those that wait for data count twice."""
    return [a + b for a, b in zip(program.cycles, exposed_cycles(program.steps, program.cycles), strict=True)]


def _attempt(program: Program, jobs: Sequence[Job], limits: Limits, taste: Taste,
             pieces: Sequence[Pieces]) -> Program | None:
    """The network in other pieces, if it fits and keeps to the protocol: pieces that no search by time would have
    chosen may leave a load without a moment at which it is safe."""
    try:
        draft = _draft(program.network, jobs, limits, taste, pieces)
    except Unsupported:
        return None
    far = place_far(program.network, draft.layers, limits, taste.once)
    if far is None or len(far.external) + far.spare > limits.l3:
        return None
    made = _program(draft, far, limits)
    return None if check_program(made, limits) else made


def _draft(network: Network, jobs: Sequence[Job], limits: Limits, taste: Taste, pieces: Sequence[Pieces]) -> _Draft:
    layers = [draft_layer(index, work, tiling, limits)
              for index, (work, tiling) in enumerate(zip(jobs, tile(jobs, limits, taste, pieces), strict=True))]
    return _Draft(network, layers, all_steps(layers))


def _program(draft: _Draft, far: Far, limits: Limits) -> Program:
    allowed = [[index > 0 and not reads_fresh(draw, index, draft.steps) and may_be_early(draw, step, index, far)
                for draw in step.draws] for index, step in enumerate(draft.steps)]
    near = place(draft.layers, allowed, limits)
    steps = steps_of(draft.layers, draft.steps, near, far, limits)
    return Program(draft.network, steps, far.constants, far.external, far.placed.places,
                   tuple(buffers(draft.layers, near, far)), near.bytes, far.arena, far.spare,
                   layer_cycles(steps, len(draft.layers)))


def _checked(program: Program, limits: Limits) -> Program:
    """The program, if it keeps to the protocol; what is wrong is the planner's own mistake (BT5559)."""
    problems = check_program(program, limits)
    if problems:
        raise Unsupported(*problems)
    return program


def tile(jobs: Sequence[Job], limits: Limits, taste: Taste, pieces: Sequence[Pieces]) -> list[Tiling]:
    """The tilings of all layers, each in so many pieces at least.

    Raises `Unsupported` (BT5550) for those without one.
    """
    known: dict[tuple[object, ...], Tiling | None] = {}
    found, problems, before = [], Diagnostics(), Before()
    for work, least in zip(jobs, pieces, strict=True):
        key = (*signature(work, before), least)
        if key not in known:
            known[key] = (choose(work, limits, taste, before, least)
                          or choose(work, limits, replace(taste, share=1), before, least))
        tiling = known[key]
        if tiling is None:
            _too_large(work, limits, problems)
        else:
            found.append(tiling)
            before = after(tiling, work)
    problems.raise_as(Unsupported)
    return found


def _too_large(work: Job, limits: Limits, problems: Diagnostics) -> None:
    problems.add("BT5550", work.layer.name, f"the smallest tile of its {work.layer.kernel} needs "
                 f"{smallest(work, limits)} bytes of L1, there are {limits.l1}",
                 "give the layer fewer input channels or a smaller kernel, or narrower weights")


def _no_room(draft: _Draft, limits: Limits) -> Unsupported:
    """Why a network does not fit into L2."""
    layer, alive = most_alive(tensors(draft.network))
    tables, largest = tables_bytes(draft.layers), max(
        work.bytes_of(chunk) for work in draft.layers for chunk in range(len(work.chunks)))
    need = alive + tables + largest
    why = f"{need} bytes of L2" if need > limits.l2 else f"{need} bytes of L2 or, as they do not lie side by side, more"
    found = Diagnostics()
    found.add("BT5551", draft.network.layers[layer].name, f"the tensors that are alive while it runs take {alive} "
              f"bytes, the largest parameters {largest}, {len(draft.steps)} steps {tables}: {why}; there are "
              f"{limits.l2}",
              f"make the image smaller or its channels fewer, by {max(need - limits.l2, need // 50)} bytes")
    return Unsupported(*found)


def _no_room_in_l3(far: Far, limits: Limits) -> Unsupported:
    found = Diagnostics()
    found.add("BT5551", "L3", f"parameters take {len(far.external)} bytes, tensors that wait {far.spare}, there are "
              f"{limits.l3}", "give the board's size of L3 if it has more, or narrower weights")
    return Unsupported(*found)
