"""Bytes of the tables of steps: what they take of L2."""

from __future__ import annotations

from collections.abc import Sequence

from ..step_tables import STAGING, table_bytes
from .drafts import LayerDraft


def tables_bytes(layers: Sequence[LayerDraft]) -> int:
    """The most that the tables of all steps take; all tables of a layer are as long as its longest."""
    return sum(len(layer.steps) * _table(layer, layers[index + 1:index + 2]) for index, layer in enumerate(layers))


def _table(layer: LayerDraft, following: Sequence[LayerDraft]) -> int:
    """One table of a layer: its late loads and stores, and the next step's early loads (with that step's table)."""
    stores = max(len(step.stores) for step in layer.steps)
    return table_bytes(layer.job.layer.kernel, 2 * most_loads(layer, following) + 1 + stores) + STAGING


def most_loads(layer: LayerDraft, following: Sequence[LayerDraft]) -> int:
    """The most commands that loads of one step take; a table has room for twice as many."""
    loads = [sum(len(draw.rows) for draw in step.draws) for step in layer.steps]
    return max(loads + [sum(len(draw.rows) for draw in step.draws) for other in following for step in other.steps[:1]])
