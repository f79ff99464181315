"""Tables of networks on GAP9: layers as they are planned, and as they ran."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table

from ..targets.gap9.overlap import layer_times, overlaps
from ..targets.gap9.plan import Gap9Plan
from ..targets.gap9.program import Step
from .tables import plain_table, right_aligned

if TYPE_CHECKING:
    from ..targets.gap9.simulate import ClusterResult


def plan_table(plan: Gap9Plan) -> Table:
    """One row per layer: kernel, output, tiles, MACs, the planner's cycles."""
    table = plain_table("layer", "kernel", "output", "tiles", "first tile", "MACs", "cycles", "MACs/cycle", footer=True)
    for layer, cycles in zip(plan.network.layers, plan.program.cycles, strict=True):
        steps, tensor = plan.program.steps_of(layer), plan.network.tensors[layer.output]
        table.add_row(layer.name, layer.kernel, f"{tensor.height}x{tensor.width}x{tensor.channels} {tensor.elem}",
                      str(len(steps)), _size(steps[0]), f"{layer.macs:,}", f"{cycles:,}", _rate(layer.macs, cycles))
    total = ("total", "", "", str(len(plan.program.steps)), "", f"{plan.network.macs:,}", f"{plan.total_cycles:,}",
             _rate(plan.network.macs, plan.total_cycles))
    for column, text in zip(table.columns, total, strict=True):
        column.footer = text
    return right_aligned(table, 2)


def _size(step: Step) -> str:
    spans = (step.region.rows, step.region.columns, step.region.channels)
    return "x".join(str(end - begin) for begin, end in spans)


def _rate(macs: int, cycles: int) -> str:
    return f"{macs / cycles:.1f}" if macs and cycles else ""


def overlap_rows(plan: Gap9Plan, result: ClusterResult) -> list[dict[str, Any]]:
    """Every layer of a run: cycles, those in which the DMA moves bytes, those in which the cores wait for it."""
    found = overlaps(result.timeline, [layer.name for layer in plan.network.layers])
    times = layer_times(result)
    return [{"layer": layer.name, "macs": layer.macs, "cycles": times[index][0], "planned": plan.program.cycles[index],
             "dma": found[layer.name].busy, "waiting": found[layer.name].waiting, "hidden": found[layer.name].hidden,
             "stalls": times[index][1]} for index, layer in enumerate(plan.network.layers)]


def overlap_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """The same for people."""
    table = plain_table("layer", "cycles", "planned", "MACs/cycle", "DMA", "waiting", "hidden", "conflicts",
                        footer=True)
    for row in rows:
        table.add_row(row["layer"], f"{row['cycles']:,}", f"{row['planned']:,}", _rate(row["macs"], row["cycles"]),
                      f"{row['dma']:,}", f"{row['waiting']:,}", f"{row['hidden']:.1%}",
                      f"{row['stalls'].get('L1 conflict', 0):,}")
    cycles, planned, macs, dma, waiting = (sum(row[name] for row in rows)
                                           for name in ("cycles", "planned", "macs", "dma", "waiting"))
    total = ("total", f"{cycles:,}", f"{planned:,}", _rate(macs, cycles), f"{dma:,}", f"{waiting:,}",
             f"{1 - min(waiting, dma) / max(dma, 1):.1%}", "")
    for column, text in zip(table.columns, total, strict=True):
        column.footer = text
    return right_aligned(table)
