"""`bittrue evaluate`: the accuracy of a frozen classifier, from its integers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from .. import api
from ..evaluation import Evaluation
from ..evaluation import evaluate as evaluate_graph
from ..files import write_whole
from ..report.tables import plain_table, right_aligned
from .console import Json, print_json, say
from .inputs import Count, DataDir, Split, labelled_inputs
from .terminal import print_table


def evaluate(
    model: Annotated[Path, typer.Argument(help="A frozen classifier, `model.onnx`.")],
    data: Annotated[str, typer.Option(help="Whose test images: digits, mnist, cifar10; or a folder with data sets, for "
                                           "the one whose images the model takes.")],
    root: DataDir = None,
    count: Count = None,
    pixels: Annotated[str, typer.Option(help="How pixels become the model's input: auto, own (as the data set says), "
                                             "signed (-1 to 1), ai8x (as its data loaders do with pixels "
                                             "0 to 255).")] = "auto",
    split: Annotated[Split, typer.Option(help="Which images; `all` for a model that was trained on other ones.")]
        = Split.TEST,
    confusion: Annotated[bool, typer.Option("--confusion", help="Print the confusion matrix.")] = False,
    csv: Annotated[Path | None, typer.Option(help="Write label, prediction and scores of every image.")] = None,
    as_json: Json = False,
) -> None:
    """Classify the images of a data set with the integers of a frozen model.

    What is evaluated is always the integer graph, as the chip computes it: there is no float mode.

    Example: bittrue evaluate model.onnx --data mnist --confusion
    """
    graph = api.load(model)
    images = labelled_inputs(graph, data, root, count, pixels, split)
    found = evaluate_graph(graph, images.inputs, images.labels, images.classes)
    if csv is not None:
        write_whole(csv, _csv(found).encode())
    if as_json:
        print_json({"model": str(model), "data_set": images.description, **found.to_json()})
        return
    say(f"Top-1: {found.top1:.2%} ({found.correct:,} of {len(found.labels):,})")
    if confusion:
        print_table(confusion_table(found))
    say(images.description)


def confusion_table(found: Evaluation) -> Table:
    """Rows are true classes, columns what they were taken for."""
    classes = range(len(found.confusion))
    table = plain_table("is \\ said", *map(str, classes), "found")
    for number, (row, recall) in enumerate(zip(found.confusion.tolist(), found.recalls, strict=True)):
        shown = "" if recall is None else f"{recall:.2%}"
        table.add_row(str(number), *(f"{n:,}" if n else "." for n in row), shown)
    return right_aligned(table)


def _csv(found: Evaluation) -> str:
    header = ["image", "label", "predicted", *(f"score{i}" for i in range(found.scores.shape[1]))]
    rows: list[list[Any]] = [[number, label, said, *scores] for number, (label, said, scores) in enumerate(
        zip(found.labels.tolist(), found.predicted.tolist(), found.scores.tolist(), strict=True))]
    return "".join(",".join(map(str, row)) + "\n" for row in [header, *rows])
