"""`bittrue import`: models of other tools become integer graphs."""

from __future__ import annotations

import typer

from .console import command
from .import_ai8x import ai8x

import_ = typer.Typer(name="import", help="Bring a model of another tool to an integer graph.", no_args_is_help=True,
                      rich_markup_mode="rich")


@import_.callback()
def formats() -> None:
    """Bring a model of another tool to an integer graph; each format is a command."""


import_.command(name="ai8x")(command(ai8x))
