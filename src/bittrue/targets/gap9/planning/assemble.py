"""Steps of a program: drafts with their places filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..program import Area, Staging, Step, Transfer
from .commands import Rows
from .drafts import OUTPUT, PARAMETERS, Draft, Draw, LayerDraft
from .far import Far, ParameterPlace, tensor_places
from .limits import Limits
from .near import Load, Near
from .stream import staged_counts


@dataclass(frozen=True)
class _Places:
    """Everything that has a place, and by step: where tensors lie, transfers with L3 to wait for and to start."""

    near: Near
    far: Far
    limits: Limits
    tensors: Sequence[Mapping[str, int]]
    staged: Sequence[int]
    staging: Sequence[tuple[Staging, ...]]
    ahead: Mapping[int, Sequence[Draft]]
    """By step: others whose parameters are among its early loads."""


def steps_of(layers: Sequence[LayerDraft], drafts: Sequence[Draft], near: Near, far: Far,
             limits: Limits) -> tuple[Step, ...]:
    """The steps of the program."""
    staged, staging = _external(drafts, near, far)
    ahead = {step: [drafts[other] for other, at in near.ahead.items() if at == step] for step in near.ahead.values()}
    places = _Places(near, far, limits, tensor_places(far, drafts), staged, staging, ahead)
    return tuple(_step(layers[draft.layer], index, draft, places) for index, draft in enumerate(drafts))


def _external(drafts: Sequence[Draft], near: Near, far: Far) -> tuple[list[int], list[tuple[Staging, ...]]]:
    """By step: how many transfers with L3 it waits for, and those that it starts."""
    requests = far.requests()
    numbers = {what: number for number, (_, _, _, what) in enumerate(requests) if what is not None}
    needs = [(gone, number) for number, (_, gone, _, what) in enumerate(requests) if what is None]
    for index, draft in enumerate(drafts):
        for draw, load in zip(draft.draws, near.loads[index], strict=True):
            if load is Load.KEPT:
                continue
            what = (draft.layer, draft.chunk) if draw.touch is None else draw.touch.root
            if what in numbers and (draw.touch is None or returned(far, draw.touch.root, draft.layer)):
                needs.append((index - (load is Load.EARLY), numbers[what]))
    staging: list[list[Staging]] = [[] for _ in drafts]
    for start, _, transfer, _ in requests:
        staging[start].append(transfer)
    return staged_counts(needs, len(drafts)), [tuple(transfers) for transfers in staging]


def returned(far: Far, tensor: str, layer: int) -> bool:
    """Whether a layer reads a tensor that has been in L3."""
    return any(away.tensor.name == tensor and layer >= away.back for away in far.away)


def may_be_early(draw: Draw, draft: Draft, index: int, far: Far) -> bool:
    """Whether what a step loads is in L2 early enough for a load in the step before."""
    if draw.touch is None:
        streamed = far.streamed.get((draft.layer, draft.chunk))
        return streamed is None or streamed.early(index)
    return all(away.returns <= index - 2 for away in far.away
               if away.tensor.name == draw.touch.root and draft.layer >= away.back)


def _step(layer: LayerDraft, index: int, draft: Draft, places: _Places) -> Step:
    near = places.near
    pointers = {purpose: near.kept[index, purpose] if (index, purpose) in near.kept else near.places[slot].offset
                for purpose, slot in draft.slots.items()}
    pointers[OUTPUT] += draft.shift
    held = _held(draft, places)
    if PARAMETERS in pointers:
        base = pointers.pop(PARAMETERS)
        pointers |= {name: base + place for name, place in held.fields.items()}
    scales, splits = pointers.pop("scales", None), pointers.pop("splits", None)
    loads = [(load, transfer) for draw, load in zip(draft.draws, near.loads[index], strict=True)
             if load is not Load.KEPT and not (draw.touch is None and index in near.ahead)
             for transfer in _loads(draw, index, held, places)]
    loads += [(Load.EARLY, transfer) for other in places.ahead.get(index, ()) for draw in other.draws
              if draw.touch is None for transfer in _loads(draw, index, _held(other, places), places)]
    table = index % 2 * places.limits.table
    tables = [Transfer("table", Area.STEPS, index, table, 0, 0, 0, True)] if index else []
    late, early = ([transfer for load, transfer in loads if load is when] for when in (Load.LATE, Load.EARLY))
    return Step(draft.layer, draft.region, draft.values, pointers, scales, splits, tuple(late), (*tables, *early),
                _stores(layer, draft, index, places), table, places.staged[index], places.staging[index], draft.compute)


def _held(draft: Draft, places: _Places) -> ParameterPlace:
    return places.far.parameters[draft.layer, draft.chunk]


def _loads(draw: Draw, index: int, held: ParameterPlace, places: _Places) -> list[Transfer]:
    area, base = (held.area, held.offset) if draw.touch is None else (
        Area.ARENA, places.tensors[index][draw.touch.root])
    return _transfers(draw.label, area, base, places.near.places[draw.slot].offset, draw.rows, True)


def _stores(layer: LayerDraft, draft: Draft, index: int, places: _Places) -> tuple[Transfer, ...]:
    base, near = places.tensors[index][layer.job.strip.root], places.near.places[draft.slots[OUTPUT]].offset
    near += draft.shift
    return tuple(_transfers(OUTPUT, Area.ARENA, base, near, draft.stores, False))


def _transfers(label: str, area: Area, base: int, near: int, rows: Sequence[Rows], inward: bool) -> list[Transfer]:
    made = []
    for row in rows:
        made.append(Transfer(label, area, base + row.offset, near, row.size, row.length, row.stride, inward))
        near += row.size
    return made
