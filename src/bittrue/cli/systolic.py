"""`bittrue systolic`: what only the systolic array can show."""

from __future__ import annotations

import typer

from .console import command
from .systolic_vectors import vectors
from .systolic_view import view

COMMANDS = (vectors, view)

systolic = typer.Typer(name="systolic", help="Look into the systolic array: vectors.",
                       no_args_is_help=True, rich_markup_mode="rich")
for function in COMMANDS:
    systolic.command(name=function.__name__)(command(function))
