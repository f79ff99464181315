"""How long a run on MAX78000 or MAX78002 takes, as a table."""

from __future__ import annotations

from rich.table import Table

from ..targets.max7800x.latency import Clock, Latency, Phase
from .tables import plain_table

NUMBERS = 1, 3, 4
"""Columns of numbers."""


def latency_table(latency: Latency) -> Table:
    """One row per phase, the layers under the phase in which they run; cycles, clock, time, energy, formula."""
    table = plain_table("phase", "cycles", "clock", "µs", "µJ", "basis", "formula", footer=True)
    for phase in latency.phases:
        table.add_row(phase.name, f"{phase.cycles:,}", f"{phase.clock.value}, {phase.mhz} MHz", f"{phase.us:,.1f}",
                      _energy(phase), phase.basis.value, phase.formula)
        for layer in latency.layers:
            if phase.name == layer.phase:
                table.add_row(f"  {layer.layer}", f"{layer.cycles:,}", _clock(phase), "", "", "", "")
    table.columns[0].footer, table.columns[3].footer = "total", f"{latency.total_us:,.1f}"
    table.columns[6].footer = f"{latency.repeated_us:,.1f} µs for every further input"
    for column in NUMBERS:
        table.columns[column].justify = "right"
    return table


def _clock(phase: Phase) -> str:
    """The layers' cycles count in the accelerator's clock, also where their phase counts in the CPU's."""
    return "" if phase.clock is Clock.ACCELERATOR else Clock.ACCELERATOR.value


def _energy(phase: Phase) -> str:
    if phase.energy is None:
        return ""
    return f"{phase.energy.uj:,.1f} ±{round(100 * phase.energy.error)} %"
