"""Why no multiplier is exact, and what would help: the text of BT3010, computed, not guessed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..ir import IntArray, Rounding
from .conditions import Conditions, Layer
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
    """The fewest wrong steps of one channel over all shifts and slopes, with the multipliers next to the real gain."""
    best = len(search.steps[channel].positions)
    for shape in search.shapes:
        layer = search.layer(shape).pick(np.array([channel]))
        for shift in range(MAX_SHIFT - shape.slope_shift + 1):
            conditions = layer.conditions(shift)
            best = min([best, *(_wrong_steps(layer, conditions, m) for m in _candidates(layer, conditions))])
    return best


def _candidates(layer: Layer, conditions: Conditions) -> list[int]:
    """The multipliers next to the slope from the first to the last step, within what is allowed."""
    stepped = (layer.positions[0] > layer.first[0]) & (layer.positions[0] <= layer.last[0])
    t, v = (a[0, :-1][stepped].tolist() for a in (conditions.low_t, conditions.low_v))
    gain = (v[-1] - v[0]) // (t[-1] - t[0]) if t and t[-1] > t[0] else 0
    start, limit = int(layer.start[0]), int(layer.limit[0])
    return sorted({min(max(m, start), limit) for m in (gain, gain + 1)}) if start <= limit else []


def _wrong_steps(layer: Layer, conditions: Conditions, m: int) -> int:
    """Steps not in place with the best offset: the most of the steps' intervals of offsets that have a common point."""
    low = (conditions.low_v - m * conditions.low_t)[0, :-1]
    high = (conditions.up_v - m * conditions.up_t)[0, :-1]
    begins, ends = np.sort(low[low <= high]), np.sort(high[low <= high])
    common = np.searchsorted(begins, begins, side="right") - np.searchsorted(ends, begins, side="left")
    return len(low) - int(common.max(initial=0))


def _remedies(search: Search, failing: tuple[int, ...]) -> Iterator[str]:
    part = search.changed(failing)
    free = part.changed(tuple(range(len(failing))), prescribed=None, bits=WIDEST)
    if (solution := free.solution) is not None:
        yield f"allow a multiplier of {_bits(solution.multiplier)} bits"
    working = [r for r in Rounding if r is not search.rounding
               and part.changed(tuple(range(len(failing))), rounding=r).solution is not None]
    if working:
        yield f"round {' or '.join(map(str, working))}"


def _bits(multiplier: IntArray) -> int:
    return int(np.abs(multiplier).max()).bit_length()
