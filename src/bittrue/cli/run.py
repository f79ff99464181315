"""`bittrue run`: a whole data set through the simulated chip."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from .. import api
from ..engine.base import Trace
from ..engine.fast import FastExecutor
from ..errors import BadInput, Diagnostic, declare, fail
from ..evaluation import Evaluation, classified
from ..ir import Graph
from .console import Json, print_diagnostics, print_json, say
from .evaluate import confusion_table
from .inputs import Count, DataDir, Labelled, Split, labelled_inputs
from .options import Options, parse_options
from .terminal import err, print_table

declare({
    "BT6015": "the simulated chip computes something else than the graph",
    "BT6016": "a project has a target and options of its own",
})


@dataclass(frozen=True, eq=False)
class _Outcome:
    """What the chip computed for the images, and what that is worth."""

    found: Evaluation
    differences: int
    compared: int
    seconds: float
    first: Diagnostic | None


def run(
    path: Annotated[Path, typer.Argument(help="A project of `bittrue compile`, or a frozen `model.onnx`.")],
    data: Annotated[str, typer.Option(help="Whose images: digits, mnist, cifar10; or a folder with data sets, for the "
                                           "one whose images the model takes.")],
    target: Annotated[str | None, typer.Option(help="The target, for a model.")] = None,
    option: Options = None,
    root: DataDir = None,
    count: Count = None,
    pixels: Annotated[str, typer.Option(help="How pixels become the model's input: auto, own, signed, ai8x.")] = "auto",
    split: Annotated[Split, typer.Option(help="Which images.")] = Split.TEST,
    jobs: Annotated[int | None, typer.Option("--jobs", "-j", min=1, help="Simulators that run side by side; one per "
                                             "core by default.")] = None,
    confusion: Annotated[bool, typer.Option("--confusion", help="Print the confusion matrix.")] = False,
    as_json: Json = False,
) -> None:
    """Run images of a data set on the simulated chip; compare every output with the graph's and count right answers.

    The chip is started once per simulator; its own program then loads, computes and unloads every image. Exit code 1
    when any output differs.

    Example: bittrue run model.onnx --target max78000 --data mnist -n 1000
    """
    with ExitStack() as kept:
        project = path if path.is_dir() else None
        _require_one_choice(path, project, target, option)
        graph = api.load(path if project is None else project / api.PROJECT_MODEL)
        images = labelled_inputs(graph, data, root, count, pixels, split)
        if project is None:
            project = Path(kept.enter_context(TemporaryDirectory())) / "project"
            first = {name: values[:1] for name, values in images.inputs.items()}
            api.compile(path, target or "", project, first, parse_options(option))
        outcome = _outcome(graph, project, images, jobs or len(os.sched_getaffinity(0)), quiet=as_json)
    _report(path, outcome, images, confusion, as_json)
    if outcome.differences:
        raise typer.Exit(1)


def _require_one_choice(path: Path, project: Path | None, target: str | None, option: list[str] | None) -> None:
    if project is not None and (target or option):
        fail(BadInput, "BT6016", str(path), "it was compiled for one target with its own options",
             "leave --target and --option out, or name the model instead")
    if project is None and target is None:
        fail(BadInput, "BT6002", "--target", "a model runs on any target", "name one, for example --target max78000")


def _outcome(graph: Graph, project: Path, images: Labelled, jobs: int, quiet: bool) -> _Outcome:
    begin = time.perf_counter()
    with _bar(quiet) as bar:
        task = bar.add_task("images", total=len(images.labels))
        got = api.run(project, images.inputs, jobs, lambda n: bar.advance(task, n))
    seconds = time.perf_counter() - begin
    expected = FastExecutor(graph, keep="outputs").predict(images.inputs)
    differences, first = _differences(expected, got)
    return _Outcome(classified(graph, got, images.labels, images.classes), differences,
                    sum(values.size for values in expected.values()), seconds, first)


def _bar(quiet: bool) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=err, transient=True, disable=quiet)


def _differences(expected: Trace, got: Trace) -> tuple[int, Diagnostic | None]:
    """How many output elements differ, and the first of them."""
    total, first = 0, None
    for name, values in expected.items():
        computed = got[name].reshape(values.shape)
        places = np.argwhere(values != computed)
        total += len(places)
        if len(places) and first is None:
            sample, *place = index = tuple(places[0].tolist())
            first = Diagnostic("BT6015", f"output {name}, image {sample}, element {place}",
                               f"expected {values[index]}, got {computed[index]}",
                               "compile a project with this image and verify it: that names the layer")
    return total, first


def _report(path: Path, outcome: _Outcome, images: Labelled, confusion: bool, as_json: bool) -> None:
    rate = len(images.labels) / outcome.seconds
    if as_json:
        print_json({"path": str(path), "data_set": images.description, "images_per_second": round(rate, 2),
                    "compared": outcome.compared, "differences": outcome.differences,
                    "first": outcome.first.to_json() if outcome.first else None, **outcome.found.to_json()})
        return
    if outcome.first is not None:
        print_diagnostics((outcome.first,))
    say(f"Top-1: {outcome.found.top1:.2%} ({outcome.found.correct:,} of {len(outcome.found.labels):,})")
    if confusion:
        print_table(confusion_table(outcome.found))
    say(images.description)
    say(f"{rate:.1f} images/s; {outcome.compared:,} outputs compared with the graph's, "
        f"{outcome.differences:,} differences")
