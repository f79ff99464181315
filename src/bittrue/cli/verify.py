"""`bittrue verify`: execute what was emitted and compare every tensor."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from .. import api
from ..report.tables import layers_table
from .console import Json, print_diagnostics, print_json, say
from .inputs import Count, Data, DataDir, File, model_inputs
from .terminal import out


def verify(
    path: Annotated[Path, typer.Argument(help="A project of `bittrue compile`, or a frozen `model.onnx`.")],
    file: File = None,
    data: Data = None,
    root: DataDir = None,
    count: Count = None,
    as_json: Json = False,
) -> None:
    """Compare every tensor with zero tolerance; exit code 1 and the first difference when there is one.

    A project: its files against its manifest and against a second emission, its certificate, and every value of its
    execution on the target's simulator against the oracle. A model: its certificate, ONNX Runtime and the fast executor
    against the oracle, on the given samples.

    Examples: bittrue verify out/array; bittrue verify model.onnx --data digits
    """
    exact = _model(path, model_inputs(api.load(path), file, data, root, count), as_json) if path.suffix == ".onnx" \
        else _project(path, as_json)
    if not exact:
        raise typer.Exit(1)


def _project(path: Path, as_json: bool) -> bool:
    report = api.verify(path)
    if as_json:
        print_json(report.to_json())
    else:
        if report.target.console:
            say(report.target.console.strip() + "\n")
        out.print(layers_table(report.target.layers))
        if report.target.host:
            say(f"run by the oracle between them: {', '.join(report.target.host)}")
        say(f"certificate: {report.certificate}")
        print_diagnostics((*report.certificate_problems, *report.target.problems))
        out.print(f"{report.target.compared:,} compared, {report.differences:,} differences")
    return report.differences == 0


def _model(path: Path, inputs: api.Inputs, as_json: bool) -> bool:
    report = api.verify_model(path, inputs)
    exact = report.differences == 0 and report.certificate == "proved"
    if as_json:
        print_json({"differences": report.differences, "compared": report.compared, "certificate": report.certificate,
                    "layers": {name: [asdict(layer) for layer in r.layers] for name, r in report.executors.items()}})
    else:
        say(f"certificate: {report.certificate}")
        for name, comparison in report.executors.items():
            say(f"{name}: {comparison.compared:,} compared, {comparison.differences:,} differences")
            if comparison.first is not None:
                say(str(comparison.first))
    return exact
