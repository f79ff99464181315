"""Steps of a program: drafts with their places filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..program import Area, Staging, Step, Transfer
from .commands import Rows
from .cost import cycles
from .drafts import OUTPUT, PARAMETERS, Draft, Draw, LayerDraft
from .limits import Limits
from .near import Near


@dataclass(frozen=True)
class ParameterPlace:
    """Where some parameters lie in L2, and where in them each field points."""

    area: Area
    offset: int
    fields: Mapping[str, int]


@dataclass(frozen=True)
class Far:
    """Places in L2 by step: of the parameters that it loads or uses, of every tensor, and the transfers with L3."""

    parameters: Sequence[ParameterPlace]
    tensors: Sequence[Mapping[str, int]]
    staged: Sequence[int]
    staging: Sequence[tuple[Staging, ...]]


def steps_of(layers: Sequence[LayerDraft], drafts: Sequence[Draft], near: Near, far: Far,
             limits: Limits) -> tuple[Step, ...]:
    """The steps of the program."""
    return tuple(_step(layers[draft.layer], index, draft, near, far, limits) for index, draft in enumerate(drafts))


def _step(layer: LayerDraft, index: int, draft: Draft, near: Near, far: Far, limits: Limits) -> Step:
    pointers = {purpose: near.places[slot].offset for purpose, slot in draft.slots.items()}
    held = far.parameters[index]
    if PARAMETERS in pointers:
        base = pointers.pop(PARAMETERS)
        pointers |= {name: base + place for name, place in held.fields.items()}
    scales, splits = pointers.pop("scales", None), pointers.pop("splits", None)
    loads = [(early, transfer) for draw, early in zip(draft.draws, near.early[index], strict=True)
             for transfer in _loads(draw, draft, index, near, far)]
    table = index % 2 * limits.table
    tables = [Transfer("table", Area.STEPS, index, table, 0, 0, 0, True)] if index else []
    return Step(draft.layer, draft.region, draft.values, pointers, scales, splits,
                tuple(transfer for early, transfer in loads if not early),
                (*tables, *(transfer for early, transfer in loads if early)), _stores(layer, draft, index, near, far),
                table, far.staged[index], far.staging[index],
                round(float(cycles(layer.job.layer.kernel, layer.job.layer.requant.kind, draft.values, limits.cores))))


def _loads(draw: Draw, draft: Draft, index: int, near: Near, far: Far) -> list[Transfer]:
    held = far.parameters[index]
    area, base = (held.area, held.offset) if draw.touch is None else (
        Area.ARENA, far.tensors[index][draw.touch.root])
    return _transfers(draw.label, area, base, near.places[draw.slot].offset, draw.rows, True)


def _stores(layer: LayerDraft, draft: Draft, index: int, near: Near, far: Far) -> tuple[Transfer, ...]:
    base = far.tensors[index][layer.job.strip.root]
    return tuple(_transfers(OUTPUT, Area.ARENA, base, near.places[draft.slots[OUTPUT]].offset, draft.stores, False))


def _transfers(label: str, area: Area, base: int, near: int, rows: Sequence[Rows], inward: bool) -> list[Transfer]:
    made = []
    for row in rows:
        made.append(Transfer(label, area, base + row.offset, near, row.size, row.length, row.stride, inward))
        near += row.size
    return made


