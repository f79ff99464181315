"""`bittrue systolic`: what only the systolic array can show."""

from __future__ import annotations

import typer

from .console import command
from .systolic_area import area
from .systolic_report import report
from .systolic_timeline import timeline
from .systolic_vectors import vectors
from .systolic_view import view

COMMANDS = (report, timeline, area, vectors, view)

systolic = typer.Typer(name="systolic", help="Look into the systolic array: cycles, time, silicon, vectors.",
                       no_args_is_help=True, rich_markup_mode="rich")
for function in COMMANDS:
    systolic.command(name=function.__name__)(command(function))
