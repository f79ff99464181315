"""`bittrue systolic timeline`: when the array does what, for Perfetto."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..report.trace import trace_bytes
from ..targets.systolic.timeline import TRACKS
from ..targets.systolic.timeline import timeline as spans
from .console import Json, print_json, say
from .options import Options
from .systolic_plan import Source, planned


def timeline(
    source: Source,
    file: Annotated[Path, typer.Option("--out", "-o", help="The file to write, for example trace.json.")],
    option: Options = None,
    passes: Annotated[bool, typer.Option("--passes", help="One event per pass instead of one per output tile: "
                                                          "exact in time, and large.")] = False,
    as_json: Json = False,
) -> None:
    """Write a timeline of the array: layers, output tiles, streaming, weight loads, stalls, gather and drain.

    Open the file with ui.perfetto.dev; one cycle is shown as one microsecond. Within an output tile the phases of its
    passes are added up; with --passes every one is where it happens.

    Example: bittrue systolic timeline model.onnx -O rows=8 -O cols=8 -o trace.json
    """
    graph, plan = planned(source, option)
    data = trace_bytes(graph.name, TRACKS, spans(graph, plan, by_pass=passes))
    file.write_bytes(data)
    if as_json:
        print_json({"file": str(file), "bytes": len(data), "cycles": plan.cycles, "layers": len(plan.layers)})
        return
    say(f"{file}: {plan.cycles:,} cycles, {len(plan.layers)} layers, {len(data):,} bytes; open it with ui.perfetto.dev")
