"""`bittrue demo`: the whole way on embedded data, in one table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from ..report.tables import layers_table, plain_table, right_aligned
from ..targets import get
from ..zoo import ZOO, Recipe
from .console import Json, print_json, say
from .terminal import err, out

if TYPE_CHECKING:
    from ..chain import ChainReport
    from ..frontends.brevitas.float32 import Float32Report

DEFAULT = "max7800x-digits"
"""A network that all three chips can run."""

RAN = {"systolic": "array in RTL", "max78000": "program on MAX78000", "max78002": "program on MAX78002",
       "gap9": "program on GAP9"}
"""What runs on a target's simulator."""


def demo(
    model: Annotated[str, typer.Option(help="A network of the zoo for the digits: max7800x-digits, digits_cnn, "
                                            "digits_leaky, digits_resnet, digits_concat, lenet_digits.")] = DEFAULT,
    preset: Annotated[str | None, typer.Option(help="Quantization preset; the network's own by default.")] = None,
    folder: Annotated[Path, typer.Option("--out", help="Folder for everything that is written.")] = Path("out/demo"),
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs, in float and quantized each.")] = None,
    targets: Annotated[list[str] | None, typer.Option("--target", "-t", help="Chips; an array, MAX78000 and GAP9 by "
                                                                             "default.")] = None,
    samples: Annotated[int, typer.Option("--count", "-n", min=1, help="Images that the simulated chips run.")] = 2,
    as_json: Json = False,
) -> None:
    """Train a small CNN on scikit-learn's digits, freeze it, prove it, compile and run it for three chips.

    The chips: a systolic array in RTL, MAX78000 (emulated), GAP9 (simulated). Exit code 0 only when every comparison
    has 0 differences and every layer is proved; a chip that cannot run the network is told with the reasons.

    Example: bittrue demo --preset w8a8_channel --model digits_resnet
    """
    import torch

    from ..chain import CHIPS, run_chain
    from ..quantization.runs import Run

    torch.set_num_threads(1)  # these layers are too small to share
    for name in targets or ():
        get(name)  # a misspelt target shall not cost a training
    entry = ZOO.get(model)
    run = Run(model, preset or (entry.preset if entry else "w4a4"), "digits")
    recipe = (entry.recipe if entry else Recipe()).changed({"float_epochs": epochs, "epochs": epochs})
    report = run_chain(run, folder, recipe=recipe, chips=targets or CHIPS, samples=samples,
                       say=lambda line: err.print(line, style="dim", soft_wrap=True))
    if as_json:
        print_json(report.to_json())
    else:
        _print(report)
    if not report.exact:
        raise typer.Exit(1)


def _print(report: ChainReport) -> None:
    for change in report.frozen.changes:
        say(f"note: {change}")
    for problems in report.refused.values():
        for problem in problems:
            say(f"note: {problem}")
    out.print(_links(report))
    for name, project in report.chips.items():
        out.print(layers_table(project.target.layers, f"{name}: work, cycles, how many values were compared"))
    for line in _float32(report.float32):
        say(line)
    verdict = f"[bold {'green' if report.exact else 'red'}]{report.differences:,} differences[/]"
    out.print(f"certificate {report.certificate}; {report.compared:,} values compared, {verdict}", markup=True)
    projects = "".join(f", {name}/" for name in report.chips)
    say(f"written to {report.folder}: model.onnx, model.cert.json{projects}")


def _links(report: ChainReport) -> Table:
    """One row per link of the chain."""
    proved = sum(layer.verdict == "proved" for layer in report.frozen.certificate.layers)
    layers = len(report.frozen.certificate.layers)
    table = plain_table("link", "compared", "differences")
    for name, accuracy in report.accuracy.items():
        table.add_row(f"accuracy of the {name} model", "", f"{accuracy:.2%}")
    table.add_section()
    table.add_row(f"certificate: {proved} of {layers} requantizations", f"{proved} proved", str(layers - proved))
    table.add_row("trained model in real arithmetic = graph", f"{report.reference.compared:,}",
                  f"{report.reference.differences:,}")
    for name, comparison in report.model.executors.items():
        table.add_row(f"graph = {name}", f"{comparison.compared:,}", f"{comparison.differences:,}")
    for name, project in report.chips.items():
        table.add_row(f"graph = {RAN.get(name, name)}", f"{project.target.compared:,}", f"{project.differences:,}")
    for name, problems in report.refused.items():
        table.add_row(f"{name} cannot run it, reasons above: {len(problems)}", "", "")
    table.add_section()
    table.add_row("beside it: float32 evaluation, end to end", f"{report.float32.elements:,}",
                  f"{report.float32.end_to_end:,}")
    return right_aligned(table)


def _float32(report: Float32Report) -> Iterator[str]:
    """What the float32 evaluation of the trained model differs in, from the graph and from itself."""
    yield f"float32 against the graph: {report.end_to_end:,} integers differ end to end, {report.layer_by_layer:,} " \
        f"layer by layer, {report.unexplained:,} of them unexplained by summation order near a tie"
    for size, count in zip(report.batch_sizes, report.disagreements, strict=False):
        yield f"float32 against itself: {count:,} integers differ between batch {report.batch_sizes[-1]} and {size}"
