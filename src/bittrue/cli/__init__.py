"""The command line: one module per command, one table that lists them; a module is loaded when its command is used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from .console import command

COMMANDS = {
    "demo": "demo:demo", "train": "train:train", "freeze": "freeze:freeze", "evaluate": "evaluate:evaluate",
    "info": "info:info", "check": "check:check", "compile": "compile:compile_", "verify": "verify:verify",
    "run": "run:run", "diff": "diff:diff",
}
"""Name -> module and function."""
GROUPS = {"import": "import_:import_", "systolic": "systolic:systolic", "max7800x": "max7800x:max7800x"}
"""Name -> module and the commands below that name."""


class Commands(TyperGroup):
    """All commands, in the order of the tables; only those that are asked for are loaded."""

    def list_commands(self, ctx: object) -> list[str]:
        return [*COMMANDS, *GROUPS]

    def get_command(self, ctx: object, cmd_name: str) -> Any:
        if cmd_name in GROUPS:
            return get_command(_loaded(GROUPS[cmd_name]))
        if cmd_name not in COMMANDS:
            return None
        single = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)
        single.command(name=cmd_name)(command(_loaded(COMMANDS[cmd_name])))
        return get_command(single)


def _loaded(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(f".{module}", __name__), name)


app = typer.Typer(
    name="bittrue", cls=Commands,
    help="Quantized neural networks from PyTorch to silicon without losing a bit.",
    epilog="Exit codes: 0 all exact, 1 a difference was found, 2 bad input, 3 not supported or does not fit, "
           "4 a tool is missing.",
    no_args_is_help=True, add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False,
)


@app.callback()
def bittrue() -> None:
    """Quantized neural networks from PyTorch to silicon without losing a bit."""


def main() -> None:
    """Entry point of the `bittrue` script."""
    app()
