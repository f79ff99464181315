"""`bittrue systolic report`: cycles, stalls and traffic of every layer, and other schedules beside."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..report.array import csv_text, html_page, report_rows, rich_table
from ..targets.systolic.report import array_report
from .console import Json, print_json, say
from .options import Options
from .systolic_plan import Source, planned
from .terminal import print_table


def report(
    source: Source,
    option: Options = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write one line per layer into this file.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write the tables as a page into this file.")] = None,
    as_json: Json = False,
) -> None:
    """Show what every layer costs on the array: cycles, utilization, stalls by cause, memory traffic.

    The last table sets the plain and the overlapped schedule beside SCALE-Sim's weight-stationary formula and the
    bound. Nothing is simulated: the plan gives these numbers, and `bittrue verify` holds the RTL to them.

    Example: bittrue systolic report model.onnx -O rows=8 -O cols=8
    """
    graph, plan = planned(source, option)
    found = array_report(graph, plan)
    for path, render in ((csv, csv_text), (html, html_page)):
        if path is not None:
            path.write_text(render(found), encoding="utf-8")
    if as_json:
        print_json(found.to_json())
        return
    for rows in report_rows(found):
        print_table(rich_table(rows))
    say(f"nodes run by the host: {', '.join(found.host) or 'none'}")
