"""Tables for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from ..targets import LayerReport


def right_aligned(table: Table, first: int = 1) -> Table:
    """The same table with its columns from `first` on aligned to the right, as numbers are."""
    for column in table.columns[first:]:
        column.justify = "right"
    return table


def array_table(layers: Sequence[LayerReport]) -> Table:
    """One row per layer that the simulated hardware ran, and the total."""
    kinds = list(dict.fromkeys(kind for layer in layers for kind in layer.compared))
    table = Table("layer", "op", "MACs", "cycles", "utilization", *(f"{kind}s compared" for kind in kinds),
                  "differences", show_footer=True)
    for layer in layers:
        table.add_row(layer.name, layer.op, f"{layer.macs:,}", f"{layer.cycles:,}", f"{layer.utilization:.1%}",
                      *(f"{layer.compared.get(kind, 0):,}" for kind in kinds), f"{layer.differences:,}")
    totals = ("total", "", sum(x.macs for x in layers), sum(x.cycles for x in layers), "",
              *(sum(x.compared.get(kind, 0) for x in layers) for kind in kinds), sum(x.differences for x in layers))
    for column, total in zip(table.columns, totals, strict=True):
        column.footer = total if isinstance(total, str) else f"{total:,}"
    return right_aligned(table, 2)
