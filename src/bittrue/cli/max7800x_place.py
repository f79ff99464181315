"""`bittrue max7800x place`: processors, offsets and kernel columns of a model, chosen automatically."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import api
from ..errors import BadInput, fail
from ..report.max7800x import bias_picture, data_pictures, kernel_picture, layer_table, owners
from ..report.memory_map import letter, svg, text
from ..targets import planner
from ..targets.max7800x.ai8x import save_checkpoint
from ..targets.max7800x.check import needs
from ..targets.max7800x.files import placement_files, write_files
from ..targets.max7800x.plan import Max7800xPlan
from .console import Json, print_json, say
from .import_ai8x import Chip
from .options import Options, parse_options
from .terminal import out, print_table


def place(
    model: Annotated[Path, typer.Argument(help="A frozen model, `model.onnx`.")],
    target: Annotated[Chip, typer.Option(help="The chip.")] = Chip.MAX78000,
    option: Options = None,
    folder: Annotated[Path | None, typer.Option("--out", "-o", help="Write plan.json, network.yaml and the pictures "
                                                "kernels.svg and data.svg here.")] = None,
    checkpoint: Annotated[bool, typer.Option("--checkpoint", help="Write network.pth.tar too, for ai8xize.")] = False,
    dataset: Annotated[str, typer.Option(help="The data set's name in network.yaml.")] = "unknown",
    memory_map: Annotated[bool, typer.Option("--map", help="Draw the memories in the terminal.")] = False,
    as_json: Json = False,
) -> None:
    """Choose processors, data offsets, kernel columns and bias groups; show what every layer takes.

    network.yaml is the same decision as an ai8x network description.

    Example: bittrue max7800x place model.onnx --target max78000 -o out/placed --map
    """
    if checkpoint and folder is None:
        fail(BadInput, "BT6002", "--checkpoint", "there is no folder to write it to", "name one with --out")
    graph = api.load(model)
    plan: Max7800xPlan = planner(target.value).plan(graph, parse_options(option))
    files = _files(plan, graph.name, dataset)
    if folder is not None:
        write_files(files, folder)
        if checkpoint:
            save_checkpoint(plan.network, folder / "network.pth.tar", graph.name)
    written = [*files, *(["network.pth.tar"] if checkpoint else [])] if folder is not None else []
    if as_json:
        print_json({"target": target.value, "needs": needs(plan), "plan": plan.to_json(),
                    "cycles": {x.layer: x.cycles for x in plan.cycles}, "files": sorted(written)})
        return
    print_table(layer_table(plan))
    for name, value in needs(plan).items():
        say(f"{name}: {value}")
    if memory_map:
        _draw(plan)


def _files(plan: Max7800xPlan, arch: str, dataset: str) -> dict[str, bytes]:
    names = owners(plan)
    return placement_files(plan, arch, dataset) | {
        "kernels.svg": svg([kernel_picture(plan), bias_picture(plan)], names).encode(),
        "data.svg": svg(data_pictures(plan), names).encode()}


def _draw(plan: Max7800xPlan) -> None:
    for picture in (kernel_picture(plan), bias_picture(plan), *data_pictures(plan)):
        out.print(text(picture), soft_wrap=True)
    say("  ".join(f"{letter(i)} {name}" for i, name in enumerate(owners(plan))))
