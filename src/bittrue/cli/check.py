"""`bittrue check`: does the certificate hold, and which chips can run the model?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from .. import api
from ..report.tables import plain_table
from ..targets import CheckReport
from .console import Json, print_diagnostics, print_json, say
from .options import Options, parse_options
from .terminal import out


def check(
    model: Annotated[Path, typer.Argument(help="A frozen model, `model.onnx`.")],
    target: Annotated[str, typer.Option(help="A target, or `all` installed ones.")] = "all",
    option: Options = None,
    as_json: Json = False,
) -> None:
    """Re-verify a model's certificate and list everything that keeps it from a target.

    Exit code 1 when the certificate does not hold, 3 when the model fits none of the targets.

    Example: bittrue check model.onnx --target all
    """
    graph = api.load(model)
    certificate = api.check_certificate(model)
    reports = api.check(graph, target, parse_options(option))
    verdict = "missing" if certificate is None else certificate.verdict
    problems = () if certificate is None else certificate.problems
    if as_json:
        print_json({"model": str(model), "certificate": verdict,
                    "certificate_problems": [p.to_json() for p in problems],
                    "targets": [report.to_json() for report in reports]})
    else:
        say(f"certificate: {verdict}")
        print_diagnostics(tuple(problems))
        out.print(_table(reports))
        for report in reports:
            print_diagnostics(report.problems)
    if problems:
        raise typer.Exit(1)
    if not any(report.fits for report in reports):
        raise typer.Exit(3)


def _table(reports: list[CheckReport]) -> Table:
    table = plain_table("target", "fits", "layers on the chip", "beside it", "needs")
    for report in reports:
        table.add_row(report.target, "yes" if report.fits else f"no ({len(report.problems)})", str(len(report.layers)),
                      str(len(report.host)), ", ".join(f"{name} {value}" for name, value in report.needs.items()))
    return table
