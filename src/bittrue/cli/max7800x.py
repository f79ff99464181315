"""`bittrue max7800x`: what only MAX78000 and MAX78002 can show."""

from __future__ import annotations

import typer

from .console import command
from .max7800x_place import place

max7800x = typer.Typer(name="max7800x", help="Place networks on MAX78000 and MAX78002, and look at their memories.",
                       no_args_is_help=True, rich_markup_mode="rich")


@max7800x.callback()
def chips() -> None:
    """Place networks on MAX78000 and MAX78002, and look at their memories."""


max7800x.command(name="place")(command(place))
