"""`bittrue gap9 plan`: layers, tiles and memories of a model on GAP9."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import api
from ..report.gap9 import plan_table
from ..report.gap9_memory import memory_over_time
from ..targets.gap9.check import needs
from ..targets.gap9.plan import make_plan
from .console import Json, print_json, say
from .options import Options, parse_options
from .terminal import print_table


def plan(
    model: Annotated[Path, typer.Argument(help="A frozen model, `model.onnx`.")],
    option: Options = None,
    memory_map: Annotated[Path | None, typer.Option("--map", help="Draw every buffer over time into this SVG file.")] =
    None,
    as_json: Json = False,
) -> None:
    """Show how a model is cut into tiles and where everything lies; nothing is compiled or run.

    Cycles are the planner's model; `bittrue verify` of a compiled project shows those of the simulator.

    Example: bittrue gap9 plan model.onnx --map memory.svg
    """
    found = make_plan(api.load(model), parse_options(option))
    if memory_map is not None:
        memory_map.write_text(memory_over_time(found.program), encoding="utf-8")
    if as_json:
        print_json({"needs": needs(found), "plan": found.to_json()})
        return
    print_table(plan_table(found))
    for name, value in needs(found).items():
        say(f"{name}: {value}")
