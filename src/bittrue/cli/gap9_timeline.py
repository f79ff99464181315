"""`bittrue gap9 timeline`: what every core and the DMA do when, and how much of the transfers is hidden."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..report.gap9 import overlap_rows, overlap_table
from ..targets.gap9.project import KIND
from ..targets.gap9.target import execution
from ..targets.project import read_manifest
from ..targets.sources import read_project
from .console import Json, print_json, say
from .terminal import print_table


def timeline(
    project: Annotated[Path, typer.Argument(help="A project of `bittrue compile --target gap9`.")],
    file: Annotated[Path | None, typer.Option("--out", "-o", help="Write the timeline here, for example "
                                              "trace.json.")] = None,
    as_json: Json = False,
) -> None:
    """Run a project's own sample on the simulated cluster; show cycles, stalls and hidden transfers of every layer.

    Open the file with ui.perfetto.dev; one cycle is shown as one microsecond.

    Example: bittrue gap9 timeline out/gap9 -o trace.json
    """
    read_manifest(project, KIND.target)
    made = read_project(KIND, project)
    part = execution()
    run = part.run_once(made)
    if file is not None:
        part.write_trace(run.result.timeline, file)
    rows = overlap_rows(made.plan, run.result)
    if as_json:
        print_json({"cycles": run.result.cycles, "layers": rows})
        return
    print_table(overlap_table(rows))
    if file is not None:
        say(f"{file}: open it with ui.perfetto.dev")
