"""Tables of networks on GAP9: layers as they are planned, and as they ran."""

from __future__ import annotations

from rich.table import Table

from ..targets.gap9.plan import Gap9Plan
from ..targets.gap9.program import Step
from .tables import plain_table, right_aligned


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
