"""Places in L1: when each slot is used, and where it lies.

Within a layer its slots lie side by side. Between two layers the slots of both are alive for some steps; what of the
next layer's first tile has room beside them is loaded early, the rest late, when the layer before is done. What a layer
reads may lie in L1 still, as the output or an input of a layer before: then it is not loaded at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import product

from ....errors import Diagnostic, Unsupported
from .commands import BEAT
from .drafts import OUTPUT, Draft, Draw, LayerDraft, Slot, Touch, touch_of
from .limits import Limits


class Load(Enum):
    """When a step's load is started; KEPT: what it would bring is in L1 already."""

    EARLY = "early"
    LATE = "late"
    KEPT = "kept"


FARTHEST = 16
"""Steps that a load is ahead of its step, at most."""
Loads = tuple[Load, ...]
"""Of one step, in the order of its draws."""


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

    def beside(self, other: Place) -> bool:
        """Whether they have no byte in common."""
        return self.offset + self.size <= other.offset or other.offset + other.size <= self.offset


@dataclass
class Near:
    """The slots' places, and what becomes of the loads of each step; it grows layer by layer."""

    places: dict[Slot, Place] = field(default_factory=dict)
    loads: list[Loads] = field(default_factory=list)
    kept: dict[tuple[int, str], int] = field(default_factory=dict)
    """By step and purpose: where in L1 something lies that was not loaded for it."""
    contents: dict[Slot, tuple[int, Touch]] = field(default_factory=dict)
    """What a slot holds since which step."""
    computes: list[int] = field(default_factory=list)
    """Cycles of the kernel of every step."""
    ahead: dict[int, int] = field(default_factory=dict)
    """Steps whose parameters are loaded more than one step ahead, and among whose early loads they are (`ahead`)."""
    bytes: int = 0


@dataclass(frozen=True)
class _Kept:
    """An operand of a layer that lies in another layer's slot: where, for each of its steps."""

    slot: Slot
    places: tuple[int, ...]


@dataclass(frozen=True)
class _Packed:
    """One way to place a layer."""

    places: Mapping[Slot, Place]
    loads: list[Loads]
    held: Mapping[Slot, Place]
    """Places of the layers before, with what this one does to their lives."""


def reads_fresh(draw: Draw, step: int, drafts: Sequence[Draft]) -> bool:
    """Whether a load reads what one of the two steps before stores, so that it cannot begin a step earlier."""
    touch = draw.touch
    return touch is not None and any(touch.meets(before.writes) for before in drafts[max(0, step - 2):step])


Eager = Callable[[Draw], bool]
_EAGER: tuple[Eager, ...] = (
    lambda draw: True, lambda draw: draw.touch is None, lambda draw: draw.touch is not None, lambda draw: False)
"""Which loads of a layer's first step are early: all, parameters, inputs, none; the first that has room is taken."""


def place(layers: Sequence[LayerDraft], allowed: Sequence[Sequence[bool]], limits: Limits) -> Near:
    """Places for the slots of all layers; `allowed` says which loads of a step may be early for what they read."""
    near = Near(bytes=2 * limits.table)
    for layer in layers:
        first = len(near.loads)
        kept = _kept(layer, near)
        found = _layer(layer, first, allowed[first:first + len(layer.steps)], near, kept, limits)
        near.places.update(found.held)
        near.places.update(found.places)
        used = {purpose: held for purpose, held in kept.items() if held.slot in found.held
                and any(Load.KEPT in loads for loads in found.loads)}
        near.kept.update({(first + index, purpose): at for purpose, held in used.items()
                          for index, at in enumerate(held.places)})
        near.contents.update(_contents(layer, first, used))
        near.loads.extend(found.loads)
        near.computes.extend(step.compute for step in layer.steps)
        near.bytes = max([near.bytes, *(held.offset + held.size for held in found.places.values())])
    return near


def _contents(layer: LayerDraft, first: int, kept: Mapping[str, _Kept]) -> Iterator[tuple[Slot, tuple[int, Touch]]]:
    """What the layer leaves in its slots."""
    for index, step in enumerate(layer.steps):
        for draw in step.draws:
            if draw.touch is not None and draw.label not in kept:
                yield draw.slot, (first + index, draw.touch)
        if not layer.tiling.mode.gathers:
            yield step.slots[OUTPUT], (first + index, step.writes)
    if layer.tiling.mode.gathers:
        whole = touch_of(layer.job.strip, None, layer.job, layer.job.size)
        yield layer.steps[0].slots[OUTPUT], (first + len(layer.steps) - 1, whole)


def _kept(layer: LayerDraft, near: Near) -> dict[str, _Kept]:
    """Operands of which all that the layer reads lies in one slot that nobody has written to since."""
    purposes = dict.fromkeys(draw.label for step in layer.steps for draw in step.draws if draw.touch is not None)
    found = {}
    for purpose in purposes:
        for slot, (since, touch) in near.contents.items():
            shifts = _shifts(layer, purpose, touch)
            if shifts is not None and _untouched(near, slot, since):
                offset = near.places[slot].offset
                found[purpose] = _Kept(slot, tuple(offset + shift for shift in shifts))
                break
    return found


def _shifts(layer: LayerDraft, purpose: str, touch: Touch) -> list[int] | None:
    """Where each step's part of an operand begins in what a slot holds."""
    shifts: list[int] = []
    for step in layer.steps:
        for draw in step.draws:
            if draw.label == purpose and draw.touch is not None:
                shift = touch.holds(draw.touch)
                if shift is None:
                    return None
                break
        else:
            shift = shifts[-1] if shifts else 0
        shifts.append(shift)
    return shifts


def _untouched(near: Near, slot: Slot, since: int) -> bool:
    held = near.places[slot]
    return all(other is held or other.life.first <= since or held.beside(other) for other in near.places.values())


def _layer(layer: LayerDraft, first: int, allowed: Sequence[Sequence[bool]], near: Near, kept: Mapping[str, _Kept],
           limits: Limits) -> _Packed:
    for use, eager in product((kept, {}) if kept else ({},), _EAGER):
        loads = _loads(layer, allowed, eager, use)
        if not _outputs_wait(layer, loads):
            continue
        held = _held(near, first, first + len(layer.steps) - 1, use, Load.LATE in loads[0])
        lives = _lives(layer, first, loads, use)
        sizes, recent = {slot: layer.sizes[slot] for slot in lives}, _recent(layer, first, loads[0], near)
        for downward in (False, True):
            packed = _pack(sizes, lives, held.values(), recent, (2 * limits.table, limits.l1), downward)
            if packed is not None:
                return _Packed(packed, loads, held)
    raise Unsupported(Diagnostic("BT5550", layer.job.layer.name, "the buffers of its tiles find no room in L1, or no "
                                 "moment at which they can be loaded", "give the layer fewer channels, or more of L1"))


def _outputs_wait(layer: LayerDraft, loads: Sequence[Loads]) -> bool:
    """Whether a slot that takes the outputs of two steps in a row is free again: late loads wait for the stores."""
    slots = [step.slots[OUTPUT] for step in layer.steps]
    return layer.tiling.mode.gathers or all(before != after or Load.LATE in late
               for before, after, late in zip(slots, slots[1:], loads[1:], strict=False))


def _held(near: Near, first: int, last: int, kept: Mapping[str, _Kept], drained: bool) -> dict[Slot, Place]:
    """Places of layers before that are alive still: shorter if stores are waited for, longer if they are kept."""
    keep = {held.slot for held in kept.values()}
    found = {}
    for slot, held in near.places.items():
        if slot in keep:
            until = max(last, held.life.last)
            found[slot] = replace(held, life=Life(held.life.first, until, until))
        elif held.life.last >= first - 1:
            found[slot] = _drained(held, first) if drained else held
    return found


def _drained(held: Place, step: int) -> Place:
    """A place that is free from a step on, because its stores are waited for before that step's late loads."""
    return replace(held, life=replace(held.life, last=min(held.life.last, max(step - 1, held.life.drained))))


def _loads(layer: LayerDraft, allowed: Sequence[Sequence[bool]], eager: Eager,
           kept: Mapping[str, _Kept]) -> list[Loads]:
    """Within a layer loads are early whose slot is free, of its first step what `eager` says."""
    return [tuple(Load.KEPT if draw.label in kept else Load.EARLY if may and (draw.free if index else eager(draw))
                  else Load.LATE for may, draw in zip(allowed[index], step.draws, strict=True))
            for index, step in enumerate(layer.steps)]


def _lives(layer: LayerDraft, first: int, loads: Sequence[Loads], kept: Mapping[str, _Kept]) -> dict[Slot, Life]:
    lives: dict[Slot, Life] = {}
    for index, step in enumerate(layer.steps):
        now = first + index
        early = {draw.slot for draw, load in zip(step.draws, loads[index], strict=True) if load is Load.EARLY}
        for purpose, slot in step.slots.items():
            if purpose not in kept:
                begin = lives[slot].first if slot in lives else now - (slot in early)
                lives[slot] = Life(begin, now + (purpose == OUTPUT), now)
    return lives


def _recent(layer: LayerDraft, first: int, loads: Loads, near: Near) -> Mapping[Slot, list[Place]]:
    """Places that the first step's parameters should not have, so that they can be loaded a few steps earlier (module
    `ahead`): those that are used from the last kernel on that takes longer than their load."""
    for draw, load in zip(layer.steps[0].draws, loads, strict=True):
        if draw.touch is None and load is Load.EARLY:
            size = sum(rows.size for rows in draw.rows) // BEAT
            long = next((step for step in range(first - 1, max(-1, first - FARTHEST), -1)
                         if near.computes[step] > size), first)
            return {draw.slot: [held for held in near.places.values() if held.life.last >= long]}
    return {}


def _pack(sizes: Mapping[Slot, int], lives: Mapping[Slot, Life], others: Iterable[Place],
          recent: Mapping[Slot, list[Place]], room: tuple[int, int], downward: bool) -> dict[Slot, Place] | None:
    """Places for a layer's slots beside what is alive at the same time (if possible, beside what is `recent`), from
    below or from above; None: no room."""
    placed: dict[Slot, Place] = {}
    for slot in sorted(sizes, key=lambda slot: (lives[slot].first, -sizes[slot], slot.purpose, slot.turn)):
        life, size = lives[slot], sizes[slot]
        taken = [(p.offset, p.offset + p.size) for p in (*placed.values(), *(
            other for other in others if other.life.last >= life.first))]
        avoided = [*taken, *((p.offset, p.offset + p.size) for p in recent.get(slot, ()))]
        offset = _fit(avoided, size, room, downward)
        if offset is None:
            offset = _fit(taken, size, room, downward)
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
