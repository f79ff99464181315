"""`bittrue max7800x latency`: how long one run takes, phase by phase, and what it costs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import api
from ..report.max7800x_latency import latency_table
from ..targets import planner
from ..targets.max7800x.latency import latency as estimate
from ..targets.max7800x.lower import RegisterOptions, register_program
from ..targets.max7800x.plan import Max7800xPlan
from .console import Json, print_json
from .import_ai8x import Chip
from .options import Options, parse_options
from .terminal import print_table


def latency(
    model: Annotated[Path, typer.Argument(help="A frozen model, `model.onnx`.")],
    target: Annotated[Chip, typer.Option(help="The chip.")] = Chip.MAX78000,
    option: Options = None,
    as_json: Json = False,
) -> None:
    """Estimate the time of loading weights, configuring, loading an input, inference (per layer) and unloading.

    The formulas, and how they compare with published measurements, are in docs/max7800x-latency.md.

    Example: bittrue max7800x latency model.onnx --target max78002
    """
    plan: Max7800xPlan = planner(target.value).plan(api.load(model), parse_options(option))
    registers = RegisterOptions(**dict(plan.options.emission.registers))
    found = estimate(plan, register_program(plan, registers), registers.pipelined(plan.device))
    if as_json:
        print_json({"target": target.value, **found.to_json()})
    else:
        print_table(latency_table(found))
