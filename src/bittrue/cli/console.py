"""What every command shares: printing, JSON, and turning diagnostics into exit codes."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable
from typing import Annotated, Any, ParamSpec, TypeVar

import typer
from rich.console import Console
from rich.markup import escape

from ..errors import BadInput, BittrueError, Diagnostic, ToolMissing, declare

declare({
    "BT6001": "the operating system refused a file operation",
    "BT6005": "an optional package is missing",
    "BT6002": "an argument of the command line cannot be understood",
})

OPTIONAL = ("torch", "brevitas", "lightning")
"""Packages that only the extra `train` brings."""

P = ParamSpec("P")
R = TypeVar("R")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output, for scripts.")]

out = Console(highlight=False)
"""What the user asked for."""
err = Console(stderr=True, highlight=False)
"""Progress and diagnostics."""


def command(function: Callable[P, R]) -> Callable[P, R]:
    """Run a command; print diagnostics instead of tracebacks and exit with the code of the error's class."""

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except BittrueError as error:
            diagnostics, code = error.diagnostics, error.exit_code
        except OSError as error:
            diagnostics, code = (_os_diagnostic(error),), BadInput.exit_code
        except ModuleNotFoundError as error:
            if error.name not in OPTIONAL:
                raise
            diagnostics, code = (_package_diagnostic(error),), ToolMissing.exit_code
        if kwargs.get("as_json"):
            print_json({"diagnostics": [d.to_json() for d in diagnostics], "exit_code": code})
        else:
            print_diagnostics(diagnostics)
        raise typer.Exit(code)

    return guarded


def _package_diagnostic(error: ModuleNotFoundError) -> Diagnostic:
    return Diagnostic("BT6005", f"package {error.name}", "this command needs it, and it is not installed",
                      "pip install torch (the CPU build is enough), then pip install 'bittrue[train]'")


def _os_diagnostic(error: OSError) -> Diagnostic:
    where = str(error.filename) if error.filename else "file system"
    return Diagnostic("BT6001", where, error.strerror or str(error),
                      "check the path, its permissions and the free space")


def print_diagnostics(diagnostics: tuple[Diagnostic, ...]) -> None:
    """One block per problem on standard error, then their number."""
    for problem in diagnostics:
        err.print(f"[bold red]{problem.code}[/] [bold]{escape(problem.where)}[/]: {escape(problem.why)}\n"
                  f"       [green]fix:[/] {escape(problem.fix)}", soft_wrap=True)
    if len(diagnostics) > 1:
        err.print(f"{len(diagnostics)} problems")


def say(line: str) -> None:
    """A line of plain text on standard output, as it is: no markup, no wrapping."""
    out.print(line, markup=False, soft_wrap=True)


def print_json(value: dict[str, Any]) -> None:
    """One JSON object on standard output, keys in the order given."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")
