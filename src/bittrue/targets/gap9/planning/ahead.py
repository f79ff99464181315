"""Parameters that are loaded more than one step ahead, because the kernel before their layer is too short to hide them.

A load may be among the early loads of any step before the one that needs it, if its place in L1 is free by then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..program import MAX_TRANSFERS
from .commands import START
from .drafts import Draft, Draw, LayerDraft
from .far import Far
from .near import FARTHEST, Load, Near, Place
from .tables import most_loads


def look_ahead(layers: Sequence[LayerDraft], drafts: Sequence[Draft], near: Near, far: Far) -> None:
    """Move loads of parameters to earlier steps: fills `near.ahead` and makes the lives of their places longer.

    Only parameters that stay in L2: those from L3 are there a step before they are loaded.
    """
    busy = [_early_cycles(draft, loads) for draft, loads in zip(drafts, near.loads, strict=True)]
    for index, draft in enumerate(drafts):
        number = _parameters(draft, near.loads[index])
        if number is None or index == 0 or drafts[index - 1].layer == draft.layer or (
                (draft.layer, draft.chunk) in far.streamed) or busy[index] <= drafts[index - 1].compute:
            continue
        load = _load(draft.draws[number])
        best = min(_choices(index, draft.draws[number], load, (layers, drafts, near, busy)), default=(0, index))
        exposed, step = best
        if step < index and exposed < busy[index] - drafts[index - 1].compute:
            slot = draft.draws[number].slot
            near.ahead[index] = step
            near.places[slot] = replace(near.places[slot], life=replace(near.places[slot].life, first=step - 1))
            busy[step], busy[index] = busy[step] + load, busy[index] - load


def _parameters(draft: Draft, loads: Sequence[Load]) -> int | None:
    """Which of a step's draws are parameters that are loaded early."""
    return next((number for number, (draw, load) in enumerate(zip(draft.draws, loads, strict=True))
                 if draw.touch is None and load is Load.EARLY), None)


def _load(draw: Draw) -> int:
    return sum(rows.cycles + START for rows in draw.rows)


def _early_cycles(draft: Draft, loads: Sequence[Load]) -> int:
    return sum(_load(draw) for draw, load in zip(draft.draws, loads, strict=True) if load is Load.EARLY)


def _choices(index: int, draw: Draw, load: int,
             context: tuple[Sequence[LayerDraft], Sequence[Draft], Near, Sequence[int]]) -> Iterator[tuple[int, int]]:
    """Earlier steps that may load it: cycles that are not hidden there, and the step, counted from the near one on."""
    layers, drafts, near, busy = context
    held = near.places[draw.slot]
    for step in range(index - 1, max(0, index - FARTHEST), -1):
        if not _free(near, held, step - 1):
            return
        if not _has_room(layers, drafts, near, step):
            continue
        exposed = max(0, busy[step] + load - drafts[step - 1].compute)
        yield exposed, step
        if not exposed:
            return


def _free(near: Near, held: Place, step: int) -> bool:
    """Whether nothing else lies in a place in a step."""
    return not any(other.life.first <= step <= other.life.last and not other.beside(held)
                   for other in near.places.values())


def _has_room(layers: Sequence[LayerDraft], drafts: Sequence[Draft], near: Near, step: int) -> bool:
    """Whether a step can have one early load more: the DMA has counters, the table of the step before room for it."""
    early, late, before = (sum(
        len(draw.rows) for draw, load in zip(drafts[number].draws, near.loads[number], strict=True) if load is when)
        for number, when in ((step, Load.EARLY), (step, Load.LATE), (step - 1, Load.LATE)))
    early += sum(other == step for other in near.ahead.values()) + 1
    layer = drafts[step - 1].layer
    return early + late + 1 <= MAX_TRANSFERS and (
        before + early <= 2 * most_loads(layers[layer], layers[layer + 1:layer + 2]))
