"""A network cut into more pieces than each layer alone would choose, where that hides more of the transfers.

What is stored early enough can be loaded early, parameters that are small enough have room in L1 beside those in use,
and what is put together in L1 need not be loaded at all. None of that is seen by a search for one layer: whole programs
are compared, by their timelines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from math import inf

import numpy as np

from ....errors import Diagnostic, Diagnostics, Unsupported
from ..network import Network
from ..program import Program
from .ahead import look_ahead
from .assemble import may_be_early, steps_of
from .candidates import Before, Candidates
from .checker import check_program
from .drafts import LayerDraft, all_steps, draft_layer
from .far import Far, place_far
from .footprints import Job
from .limits import Limits
from .lives import buffers
from .near import place, reads_fresh
from .tiles import WHOLE, Left, Pieces, Taste, Tiling, all_candidates, choose, left, signature, smallest
from .timeline import exposed_cycles, layer_cycles, moving_cycles

PIECES = (Pieces(waiting=2), Pieces(4), Pieces(8), Pieces(1, 2), Pieces(1, 4), Pieces(4, gathered=True),
          Pieces(8, gathered=True))
"""Pieces of layers that are tried, for all layers and for single ones."""
TRIES = 100
"""Programs that are made to better single layers."""
WORTH = 100
"""Cycles of waiting from which on a layer may be bettered."""

UNHIDDEN = 0.01
"""Share of its cycles that it is worth if a layer hides nine tenths of its transfers."""

Choice = tuple[Pieces, ...]
"""For every layer."""


@dataclass(frozen=True)
class Variant:
    """A network in some pieces, and what every layer costs (`layer_costs`)."""

    choice: Choice
    program: Program
    costs: tuple[int, ...]
    exposed: tuple[int, ...]

    @property
    def cost(self) -> int:
        """Of all layers."""
        return sum(self.costs)


def layer_costs(program: Program, exposed: Sequence[int]) -> tuple[int, ...]:
    """Cycles of every layer, and those that it waits for data once more, the less the nearer it is to its transfers.

    A layer could hide them if they take less than half of its time; if it waits for more than a tenth of theirs, it
    costs `UNHIDDEN` more.
    """
    moving = moving_cycles(program.steps, len(program.cycles))
    return tuple(_cost(*layer) for layer in zip(program.cycles, exposed, moving, strict=True))


def _cost(cycles: int, waiting: int, moving: int) -> int:
    slack = max(0.0, 1 - 2 * moving / cycles)
    return round(cycles + slack * waiting + (slack > 0 and waiting > moving / 10) * UNHIDDEN * cycles)


@dataclass
class Variants:
    """Programs of one network; what two of them have in common is made once."""

    network: Network
    jobs: Sequence[Job]
    limits: Limits
    candidates: dict[tuple[object, ...], tuple[Candidates, ...]] = field(default_factory=dict)
    tilings: dict[tuple[object, ...], Tiling | None] = field(default_factory=dict)
    drafts: dict[tuple[int, Tiling], LayerDraft] = field(default_factory=dict)
    made: dict[tuple[Taste, tuple[Tiling, ...]], Variant | None] = field(default_factory=dict)
    """By tilings: other pieces often lead to the same ones."""

    def whole(self, taste: Taste) -> list[LayerDraft]:
        """The layers as they are cut if each is looked at alone. Raises `Unsupported` (BT5550) for those that fit not.
        """
        return self._layers(self._tile((WHOLE,) * len(self.jobs), taste))

    def cost(self, taste: Taste) -> float:
        """What a program of `whole` costs, infinite if there is none."""
        found = self.variant((WHOLE,) * len(self.jobs), taste)
        return found.cost if found else inf

    def best(self, taste: Taste) -> Variant:
        """The best program that keeps to the protocol.

        Raises `Unsupported` with what is wrong with the one of `whole`, if there is none: BT5550, BT5559.
        """
        every = self._all(taste)
        for found in sorted(every, key=lambda variant: variant.cost):
            if not check_program(found.program, self.limits):
                return found
        raise Unsupported(*check_program(every[0].program, self.limits)) if every else self._why(taste)

    def _why(self, taste: Taste) -> Unsupported:
        """What keeps `whole` from being a program: no room in L1, or as much of L3 as others take too."""
        layers = self.whole(taste)
        far = place_far(self.network, layers, self.limits, taste.depth)
        if far is not None:
            try:
                self._program(layers, far)
            except Unsupported as error:
                return error
        return Unsupported(Diagnostic("BT5551", self.network.name, "no program of it fits", "make it smaller"))

    def _all(self, taste: Taste) -> list[Variant]:
        """Every kind of pieces for all layers; for each layer the one that is best for it and the layer behind it; and
        that with single layers bettered."""
        tried = [(pieces,) * len(self.jobs) for pieces in (WHOLE, *PIECES)]
        found = [variant for choice in tried if (variant := self.variant(choice, taste)) is not None]
        if not found:
            return []
        costs = np.array([variant.costs for variant in found])
        pairs = costs + np.pad(costs[:, 1:], ((0, 0), (0, 1)))
        mixed = self.variant(tuple(found[best].choice[0] for best in pairs.argmin(axis=0).tolist()), taste)
        found += [] if mixed is None else [mixed]
        return found + self._bettered(min(found, key=lambda variant: variant.cost), taste)

    def _bettered(self, best: Variant, taste: Taste) -> list[Variant]:
        """Better and better programs, each with other pieces of a layer that waits, the one before it, or both."""
        found, end = [best], len(self.made) + TRIES
        for layer in sorted(range(len(self.jobs)), key=lambda layer: -best.exposed[layer]):
            spans = dict.fromkeys(((layer, layer), (max(0, layer - 1),) * 2, (max(0, layer - 1), layer)))
            for (first, last), pieces in product(spans, (WHOLE, *PIECES)):
                best = found[-1]
                if best.exposed[layer] < WORTH or len(self.made) >= end:
                    break
                choice = (*best.choice[:first], *(pieces,) * (last + 1 - first), *best.choice[last + 1:])
                variant = self.variant(choice, taste)
                if variant is not None and variant.cost < best.cost:
                    found.append(variant)
        return found

    def variant(self, choice: Choice, taste: Taste) -> Variant | None:
        """The network in these pieces, not checked yet; None if it does not fit."""
        try:
            tilings = tuple(self._tile(choice, taste))
        except Unsupported:
            return None
        key = taste, tilings
        if key not in self.made:
            self.made[key] = self._variant(choice, tilings, taste)
        found = self.made[key]
        return found and replace(found, choice=choice)

    def _variant(self, choice: Choice, tilings: Sequence[Tiling], taste: Taste) -> Variant | None:
        try:
            layers = self._layers(tilings)
            far = place_far(self.network, layers, self.limits, taste.depth)
            if far is None or len(far.external) + far.spare > self.limits.l3:
                return None
            program = self._program(layers, far)
        except Unsupported:
            return None
        exposed = tuple(exposed_cycles(program.steps, program.cycles))
        return Variant(choice, program, layer_costs(program, exposed), exposed)

    def _program(self, layers: Sequence[LayerDraft], far: Far) -> Program:
        steps = all_steps(layers)
        allowed = [[index > 0 and not reads_fresh(draw, index, steps) and may_be_early(draw, step, index, far)
                    for draw in step.draws] for index, step in enumerate(steps)]
        near = place(layers, allowed, self.limits)
        look_ahead(layers, steps, near, far)
        made = steps_of(layers, steps, near, far, self.limits)
        return Program(self.network, made, far.constants, far.external, far.placed.places,
                       tuple(buffers(layers, near, far)), near.bytes, far.arena, far.spare,
                       layer_cycles(made, len(layers)))

    def _layers(self, tilings: Sequence[Tiling]) -> list[LayerDraft]:
        found = []
        for index, (work, tiling) in enumerate(zip(self.jobs, tilings, strict=True)):
            key = index, tiling
            if key not in self.drafts:
                self.drafts[key] = draft_layer(index, work, tiling, self.limits)
            found.append(self.drafts[key])
        return found

    def _tile(self, choice: Choice, taste: Taste) -> list[Tiling]:
        """The tilings of all layers. Raises `Unsupported` (BT5550) for those without one."""
        found, problems, before = [], Diagnostics(), Left()
        for work, pieces in zip(self.jobs, choice, strict=True):
            tiling = self._tiling(work, before.before(work), pieces, taste)
            if tiling is None:
                _too_large(work, self.limits, problems)
            else:
                found.append(tiling)
                before = left(tiling, work)
        problems.raise_as(Unsupported)
        return found

    def _tiling(self, work: Job, before: Before, pieces: Pieces, taste: Taste) -> Tiling | None:
        kind = signature(work)
        if kind not in self.candidates:
            self.candidates[kind] = all_candidates(work, self.limits)
        some, key = self.candidates[kind], (kind, before, pieces, taste)
        if key not in self.tilings:
            self.tilings[key] = (choose(some, taste, before, pieces)
                                 or choose(some, replace(taste, share=1), before, pieces))
        return self.tilings[key]


def _too_large(work: Job, limits: Limits, problems: Diagnostics) -> None:
    problems.add("BT5550", work.layer.name, f"the smallest tile of its {work.layer.kernel} needs "
                 f"{smallest(work, limits)} bytes of L1, there are {limits.l1}",
                 "give the layer fewer input channels or a smaller kernel, or narrower weights")
