"""Tables for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table

from ..targets import LayerReport

KINDS = {"psums": ("psum",), "results": ("acc", "out"), "values": ("data",), "on host": ("host",)}
"""What hardware computes in a layer, by column: an array's partial sums; its accumulators and outputs (counters are
compared too); what a layer leaves in a chip's data memory; the same of the program compiled for this computer."""

NAME_WIDTH = 16
"""Characters of a layer's name that stand in one line at least."""


def right_aligned(table: Table, first: int = 1) -> Table:
    """The same table with its columns from `first` on aligned to the right and never cut, as numbers are."""
    for column in table.columns[first:]:
        column.justify, column.no_wrap = "right", True
    return table


def plain_table(*headers: str, title: str | None = None, footer: bool = False) -> Table:
    """A table that fits 80 columns and survives being pasted: lines only between head, body and foot."""
    table = Table(*headers, title=title, title_justify="left", box=box.SIMPLE, show_footer=footer, pad_edge=False)
    table.columns[0].overflow = "fold"  # a long layer name goes on in the next line
    return table


def layers_table(layers: Sequence[LayerReport],
                 title: str = "layers: work, cycles, how many values were compared") -> Table:
    """One row per layer that the simulated hardware ran, and the total; kinds that nothing has are left out."""
    kinds = {name: of for name, of in KINDS.items() if any(_compared(layer, of) for layer in layers)}
    table = plain_table("layer", "MACs", "cycles", "util.", *kinds, "differ",
                        title=title, footer=True)
    table.columns[0].min_width = min(NAME_WIDTH, max((len(layer.name) for layer in layers), default=0))
    for layer in layers:
        table.add_row(layer.name, f"{layer.macs:,}", f"{layer.cycles:,}", f"{layer.utilization:.1%}",
                      *(f"{_compared(layer, of):,}" for of in kinds.values()), f"{layer.differences:,}")
    totals = ("total", sum(x.macs for x in layers), sum(x.cycles for x in layers), "",
              *(sum(_compared(x, of) for x in layers) for of in kinds.values()),
              sum(x.differences for x in layers))
    for column, total in zip(table.columns, totals, strict=True):
        column.footer = total if isinstance(total, str) else f"{total:,}"
    return right_aligned(table)


def _compared(layer: LayerReport, of: Sequence[str]) -> int:
    return sum(layer.compared.get(kind, 0) for kind in of)
