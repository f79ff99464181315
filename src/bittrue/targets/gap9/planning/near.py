"""Places in L1: when each slot is used, and where it lies.

Within a layer its slots lie side by side. Between two layers the slots of both are alive for some steps; what of the
next layer's first tile has room beside them is loaded early, the rest late, when the layer before is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from .drafts import OUTPUT, Draft, Draw, LayerDraft, Slot
from .limits import Limits


@dataclass(frozen=True)
class Life:
    """Steps in which a slot is used, both included; `drained` is the last one if the step after it loads late."""

    first: int
    last: int
    drained: int


@dataclass(frozen=True)
class Place:
    """A slot's place in L1: bytes from the begin of the buffers, and when it is used."""

    offset: int
    size: int
    life: Life


@dataclass(frozen=True)
class Near:
    """The slots' places, and which loads are early: by step, in the order of its draws."""

    places: Mapping[Slot, Place]
    early: tuple[tuple[bool, ...], ...]
    bytes: int


def reads_fresh(draw: Draw, step: int, drafts: Sequence[Draft]) -> bool:
    """Whether a load reads what one of the two steps before stores, so that it cannot begin a step earlier."""
    touch = draw.touch
    return touch is not None and any(touch.meets(before.writes) for before in drafts[max(0, step - 2):step])


_EAGER: tuple[Callable[[Draw], bool], ...] = (
    lambda draw: True, lambda draw: draw.touch is None, lambda draw: draw.touch is not None, lambda draw: False)
"""Which loads of a layer's first step are early: all, parameters, inputs, none; the first that has room is taken."""


def place(layers: Sequence[LayerDraft], allowed: Sequence[Sequence[bool]], limits: Limits) -> Near:
    """Places for the slots of all layers; `allowed` says which loads of a step may be early for what they read."""
    places: dict[Slot, Place] = {}
    early: list[tuple[bool, ...]] = []
    for layer in layers:
        first = len(early)
        near = {slot: held for slot, held in places.items() if held.life.last >= first - 1}
        found, flags = _layer(layer, first, allowed, near, limits)
        if not all(flags[0]):
            places.update({slot: _drained(held, first) for slot, held in near.items()})
        places.update(found)
        early.extend(flags)
    top = max((held.offset + held.size for held in places.values()), default=0)
    return Near(places, tuple(early), max(top, 2 * limits.table))


def _drained(held: Place, step: int) -> Place:
    """A place that is free from a step on, because its stores are waited for before that step's late loads."""
    return replace(held, life=replace(held.life, last=min(held.life.last, max(step - 1, held.life.drained))))


def _layer(layer: LayerDraft, first: int, allowed: Sequence[Sequence[bool]], near: Mapping[Slot, Place],
           limits: Limits) -> tuple[dict[Slot, Place], list[tuple[bool, ...]]]:
    for eager in _EAGER:
        flags = _flags(layer, first, allowed, eager)
        lives = _lives(layer, first, flags)
        held = near.values() if all(flags[0]) else [_drained(place, first) for place in near.values()]
        for downward in (False, True):
            packed = _pack(layer.sizes, lives, held, limits, downward)
            if packed is not None:
                return packed, flags
    raise ValueError(f"the slots of {layer.job.layer.name} do not fit into L1")


def _flags(layer: LayerDraft, first: int, allowed: Sequence[Sequence[bool]],
           eager: Callable[[Draw], bool]) -> list[tuple[bool, ...]]:
    """Which loads are early: within a layer those whose slot is free, of its first step what `eager` says."""
    return [tuple(may and (draw.free if index else eager(draw))
                  for may, draw in zip(allowed[first + index], step.draws, strict=True))
            for index, step in enumerate(layer.steps)]


def _lives(layer: LayerDraft, first: int, flags: Sequence[Sequence[bool]]) -> dict[Slot, Life]:
    lives: dict[Slot, Life] = {}
    for index, step in enumerate(layer.steps):
        now = first + index
        early = {draw.slot for draw, flag in zip(step.draws, flags[index], strict=True) if flag}
        for purpose, slot in step.slots.items():
            begin = lives[slot].first if slot in lives else now - (slot in early)
            lives[slot] = Life(begin, now + (purpose == OUTPUT), now)
    return lives


def _pack(sizes: Mapping[Slot, int], lives: Mapping[Slot, Life], held: Iterable[Place], limits: Limits,
          downward: bool) -> dict[Slot, Place] | None:
    """Places for a layer's slots beside what is alive at the same time, from below or from above; None: no room."""
    placed: dict[Slot, Place] = {}
    others = list(held)
    for slot in sorted(sizes, key=lambda slot: (lives[slot].first, -sizes[slot], slot.purpose, slot.turn)):
        life, size = lives[slot], sizes[slot]
        taken = [(p.offset, p.offset + p.size) for p in (*placed.values(), *(
            other for other in others if other.life.last >= life.first))]
        offset = _fit(taken, size, (2 * limits.table, limits.l1), downward)
        if offset is None:
            return None
        placed[slot] = Place(offset, size, life)
    return placed


def _fit(taken: Sequence[tuple[int, int]], size: int, room: tuple[int, int], downward: bool) -> int | None:
    """The lowest (highest) offset where `size` bytes meet nothing that is taken."""
    if downward:
        starts = sorted((room[1] - room[1] % 8 - size, *(begin - size for begin, _ in taken)), reverse=True)
    else:
        starts = sorted((room[0], *(end for _, end in taken)))
    for start in starts:
        inside = room[0] <= start and start + size <= room[1]
        if inside and all(start + size <= begin or end <= start for begin, end in taken):
            return start
    return None
