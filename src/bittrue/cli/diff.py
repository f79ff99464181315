"""`bittrue diff`: two executions side by side, and where they part."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from .. import api
from ..engine.base import Executor
from ..engine.compare import compare
from ..engine.fast import FastExecutor
from ..engine.oracle import Oracle
from ..engine.ort import OnnxRuntimeExecutor
from ..errors import BadInput, fail
from ..ir import Graph
from .console import Json, print_json, say
from .inputs import Count, Data, DataDir, File, model_inputs
from .terminal import out

EXECUTORS: dict[str, Callable[[Graph], Executor]] = {
    "oracle": Oracle, "fast": FastExecutor, "onnxruntime": OnnxRuntimeExecutor,
}


def diff(
    left: Annotated[str, typer.Argument(help="`model.onnx` or `model.onnx@EXECUTOR`; executors: oracle (default), "
                                             "fast, onnxruntime.")],
    right: Annotated[str, typer.Argument(help="The same, for example another version of the model.")],
    file: File = None,
    data: Data = None,
    root: DataDir = None,
    count: Count = None,
    as_json: Json = False,
) -> None:
    """Run two models, or one model on two executors; name the first element that differs and a likely cause.

    Example: bittrue diff model.onnx model.onnx@onnxruntime --data digits
    """
    graph, executor = _parse(left)
    other_graph, other = _parse(right)
    _require_same_tensors(graph, other_graph)
    report = compare(graph, executor(graph), other(other_graph), model_inputs(graph, file, data, root, count))
    if as_json:
        print_json(report.to_json())
    else:
        for layer in report.layers:
            if layer.differences:
                say(f"{layer.name}: {layer.differences:,} of {layer.compared:,} differ")
        say("no difference" if report.first is None else str(report.first))
        out.print(f"{report.compared:,} compared, {report.differences:,} differences")
    if report.differences:
        raise typer.Exit(1)


def _parse(side: str) -> tuple[Graph, Callable[[Graph], Executor]]:
    whole = "@" not in side or Path(side).is_file()  # a path may hold an @ too
    path, _, name = (side, "", "oracle") if whole else side.rpartition("@")
    if name not in EXECUTORS:
        fail(BadInput, "BT6002", side, f"there is no executor {name!r}", f"use one of {', '.join(EXECUTORS)}")
    return api.load(Path(path)), EXECUTORS[name]


def _require_same_tensors(left: Graph, right: Graph) -> None:
    ours, theirs = ({node.name: str(g.types[node.name].shape) for node in g.nodes} for g in (left, right))
    if ours != theirs:
        odd = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
        fail(BadInput, "BT6013", ", ".join(odd[:8]), "the two models do not have the same tensors",
             "compare two versions of one network")
