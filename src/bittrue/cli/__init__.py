"""The command line: one module per command, one table that lists them."""

from __future__ import annotations

import typer

from .check import check
from .compile import compile_
from .console import command
from .demo import demo
from .diff import diff
from .evaluate import evaluate
from .freeze import freeze
from .import_ import import_
from .info import info
from .max7800x import max7800x
from .run import run
from .systolic import systolic
from .train import train
from .verify import verify

COMMANDS = (demo, train, freeze, evaluate, info, check, compile_, verify, run, diff)

app = typer.Typer(
    name="bittrue",
    help="Quantized neural networks from PyTorch to silicon without losing a bit.",
    epilog="Exit codes: 0 all exact, 1 a difference was found, 2 bad input, 3 not supported or does not fit, "
           "4 a tool is missing.",
    no_args_is_help=True, add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False,
)
for function in COMMANDS:
    app.command(name=function.__name__.rstrip("_"))(command(function))
for group in (import_, systolic, max7800x):
    app.add_typer(group)


def main() -> None:
    """Entry point of the `bittrue` script."""
    app()
