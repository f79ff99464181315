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
    loads = [sum(len(draw.rows) for draw in step.draws) for step in layer.steps]
    loads += [sum(len(draw.rows) for draw in step.draws) for other in following for step in other.steps[:1]]
    stores = max(len(step.stores) for step in layer.steps)
    return table_bytes(layer.job.layer.kernel, 2 * max(loads) + 1 + stores) + STAGING
