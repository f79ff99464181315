"""What the commands of `bittrue systolic` look at: a model with options, or a project with its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import api
from ..errors import BadInput, declare, fail
from ..ir import Graph
from ..targets.project import read_manifest
from ..targets.sources import read_project
from ..targets.systolic.emit import KIND, NAME
from ..targets.systolic.plan import SystolicPlan, make_plan
from .options import parse_options

declare({"BT5150": "options are given for a project, which has its own"})

Source = Annotated[Path, typer.Argument(help="A frozen model, `model.onnx`, or a project of `bittrue compile`.")]


def planned(path: Path, given: list[str] | None) -> tuple[Graph, SystolicPlan]:
    """The graph and its plan. Raises `BadInput` (BT5150, or what is wrong with model or project), `Unsupported`."""
    options = parse_options(given)
    if not path.is_dir():
        graph = api.load(path)
        return graph, make_plan(graph, options)
    if options:
        fail(BadInput, "BT5150", str(path), "its options were chosen when it was compiled",
             "leave --option out, or name the model instead of the project")
    read_manifest(path, NAME)
    project = read_project(KIND, path)
    return project.graph, project.plan
