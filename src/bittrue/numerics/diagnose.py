"""Why no multiplier is exact, and what would help: the text of BT3010, computed, not guessed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ..ir import IntArray, Rounding
from .conditions import Conditions, Layer
from .steps import thresholds
from .synthesis import MAX_SHIFT, Search

WIDEST = 31


def why_and_fix(search: Search) -> tuple[str, str]:
    """Names every failing channel with the number of steps that the best multiplier found still misplaces."""
    failing = search.failing
    wrong = {c: misplaced(search, c) for c in failing}
    listed = ", ".join(f"{c} ({n} of {len(search.steps[c].positions)})" for c, n in wrong.items())
    kind = "the given multiplier is not" if search.prescribed is not None else \
        f"no multiplier of at most {search.bits} bits is"
    shared = " with one shift for all" if search.shared_shift else ""
    why = f"{kind} exact{shared} in {len(failing)} of {len(search.steps)} channels; " \
        f"channel (steps out of place with the best one found): {listed}"
    return why, "; or ".join([*_remedies(search, failing), "fine-tune with this requantization inside of the model"])


def misplaced(search: Search, channel: int) -> int:
    """The fewest wrong steps of one channel over all shifts, with the multipliers next to the real gain."""
    best = len(search.steps[channel].positions)
    for shape in search.representative_shapes:
        layer = search.layer(shape).pick(np.array([channel]))
        for shift in range(MAX_SHIFT - shape.slope_shift + 1):
            conditions = layer.conditions(shift)
            gain, start, limit = _gain(layer, conditions), int(layer.start[0]), int(layer.limit[0])
            allowed = {min(max(m, start), limit) for m in (gain, gain + 1)} if start <= limit else set()
            best = min([best, *(_wrong_steps(conditions, m) for m in allowed)])
            if gain > limit:
                break
    return best


def _gain(layer: Layer, conditions: Conditions) -> int:
    """Floor of the multiplier that leads from the first to the last step."""
    stepped = (layer.positions[0] > layer.first[0]) & (layer.positions[0] <= layer.last[0])
    t, v = (a[0, :-1][stepped].tolist() for a in (conditions.low_t, conditions.low_v))
    return int((v[-1] - v[0]) // (t[-1] - t[0])) if t and t[-1] > t[0] else 0


def _wrong_steps(conditions: Conditions, m: int) -> int:
    """Steps not in place with the best offset: the most of the steps' intervals of offsets that have a common point."""
    low = (conditions.low_v - m * conditions.low_t)[0, :-1]
    high = (conditions.up_v - m * conditions.up_t)[0, :-1]
    begins, ends = np.sort(low[low <= high]), np.sort(high[low <= high])
    common = np.searchsorted(begins, begins, side="right") - np.searchsorted(ends, begins, side="left")
    return len(low) - int(common.max(initial=0))


def _remedies(search: Search, failing: tuple[int, ...]) -> Iterator[str]:
    """Changes that are known to help all failing channels, each tried on its own."""
    part = search.part(failing)
    if (solution := replace(part, prescribed=None, bits=WIDEST).solution) is not None:
        yield f"allow a multiplier of {_bits(solution.multiplier)} bits"
    for rounding in (r for r in Rounding if r is not search.rounding):
        if replace(part, rounding=rounding).solution is not None:
            yield f"round {rounding} on the chip"
    model = replace(search.model, rounding=Rounding.HALF_UP)
    steps = tuple(thresholds(model, c, search.steps[c].lo_acc, search.steps[c].hi_acc) for c in failing)
    if search.model.rounding is not Rounding.HALF_UP \
            and replace(part, model=model, steps=steps, rounding=Rounding.HALF_UP).solution is not None:
        yield "train with HALF_UP rounding, whose ties all go one way"


def _bits(multiplier: IntArray) -> int:
    return int(np.abs(multiplier).max()).bit_length()
