"""`bittrue systolic vectors`: text vectors for an existing Verilog test bench."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import api
from ..errors import BadInput, Difference, fail
from ..ir import Graph
from ..targets.systolic.vectors import (
    Choice,
    VectorReport,
    check_vectors,
    plan_vectors,
    recorded_choice,
    write_vectors,
)
from .console import Json, print_diagnostics, print_json, say
from .inputs import Count, Data, DataDir, File, model_inputs
from .systolic_template import Like, TemplateFile, chosen_template
from .terminal import out

MOST_SHOWN = 10
"""Wrong files that are printed; --json has all of them."""


def vectors(
    model: Annotated[Path, typer.Argument(help="A frozen model, `model.onnx`.")],
    folder: Annotated[Path | None, typer.Option("--out", "-o", help="Folder to write; older vectors are "
                                                "replaced.")] = None,
    check: Annotated[Path | None, typer.Option(help="Write nothing; compare the files in this folder with the "
                                               "model.")] = None,
    layer: Annotated[list[str] | None, typer.Option(help="Only this layer; repeatable.", show_default="all")] = None,
    image: Annotated[list[int] | None, typer.Option(help="Only this sample, from 0; repeatable.",
                                                    show_default="all")] = None,
    itile: Annotated[list[int] | None, typer.Option(help="Only this input-channel tile; repeatable.",
                                                    show_default="all")] = None,
    otile: Annotated[list[int] | None, typer.Option(help="Only this output-channel tile; repeatable.",
                                                    show_default="all")] = None,
    rows: Annotated[int | None, typer.Option(help="Rows of the array: input channels of a tile.",
                                             show_default="8")] = None,
    cols: Annotated[int | None, typer.Option(help="Columns of the array: output channels of a tile.",
                                             show_default="8")] = None,
    like: Like = None,
    template: TemplateFile = None,
    yes: Annotated[bool, typer.Option("--yes", help="Write more than 2 GB.")] = False,
    file: File = None,
    data: Data = None,
    root: DataDir = None,
    count: Count = None,
    as_json: Json = False,
) -> None:
    """Write the vectors of every layer, tile and sample as text files, or compare existing files with the model.

    Activations, weights, partial sums, addresses, accumulators, outputs and output stages. With --check a folder's own
    `vectors.json`, if it has one, says what the options leave open; exit code 1 when a value differs.

    Example: bittrue systolic vectors model.onnx -o out/vectors --like course --layer conv1 --image 0; then
    bittrue systolic vectors model.onnx --check out/vectors
    """
    _require_one_folder(folder, check)
    graph = _trusted(model)
    inputs = model_inputs(graph, file, data, root, count)
    choice = _choice(check, {"template": chosen_template(like, template), "rows": rows, "cols": cols, "layers": layer,
                             "images": image, "itiles": itile, "otiles": otile})
    plan = plan_vectors(graph, len(next(iter(inputs.values()))), choice)
    if check is not None:
        _report(check_vectors(graph, inputs, plan, check), as_json)
    elif folder is not None:
        manifest = write_vectors(graph, inputs, plan, folder, any_size=yes)
        if as_json:
            print_json({"folder": str(folder), "bytes": plan.size, "files": dict(manifest.files)})
            return
        say(f"{folder}: {len(plan.files)} files, {plan.size:,} bytes; {len(plan.layers)} layers, {len(plan.images)} "
            f"samples, array {plan.rows} x {plan.cols}, template {plan.template.name}")
        say(f"next: bittrue systolic view {folder / plan.files[0].path}")


def _trusted(model: Path) -> Graph:
    """The model. Raises `Difference` when it has a certificate that does not hold."""
    graph, certificate = api.load(model), api.check_certificate(model)
    if certificate is not None and certificate.problems:
        raise Difference(*certificate.problems)
    return graph


def _require_one_folder(folder: Path | None, check: Path | None) -> None:
    if (folder is None) == (check is None):
        fail(BadInput, "BT6002", "--out and --check", "one of them is needed, and only one",
             "write with --out FOLDER, compare with --check FOLDER")


def _choice(check: Path | None, given: dict[str, Any]) -> Choice:
    """The options, completed from the record of a folder to check."""
    recorded = recorded_choice(check) if check else None
    if recorded and (given["rows"] or given["cols"]):
        recorded = replace(recorded, itiles=(), otiles=())  # tiles of another array
    changes: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value
                               for name, value in given.items() if value is not None}
    return replace(recorded or Choice(), **changes)


def _report(report: VectorReport, as_json: bool) -> None:
    if as_json:
        print_json(report.to_json())
    else:
        print_diagnostics(tuple(file.problem for file in report.wrong[:MOST_SHOWN] if file.problem is not None))
        if len(report.wrong) > MOST_SHOWN:
            say(f"and {len(report.wrong) - MOST_SHOWN} more files (--json lists all)")
        for kind, (files, wrong, compared, differences) in report.by_kind().items():
            out.print(f"{kind:10}  {wrong:6,} of {files:6,} files wrong  {compared:12,} values compared  "
                      f"{differences:10,} differ", soft_wrap=True)
        out.print(f"{report.compared:,} compared, {report.differences:,} differences, {len(report.wrong):,} of "
                  f"{len(report.files):,} files wrong")
    if report.wrong:
        raise typer.Exit(1)
