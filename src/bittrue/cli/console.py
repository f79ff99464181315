"""What every command shares: printing, JSON, and turning diagnostics into exit codes."""

from __future__ import annotations

import functools
import json
import sys
import sysconfig
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TypeVar

import typer

from ..errors import BadInput, BittrueError, Diagnostic, ToolMissing, declare

declare({
    "BT6001": "the operating system refused a file operation",
    "BT6005": "an optional package is missing",
    "BT6002": "an argument of the command line cannot be understood",
    "BT6006": "the memory is too small",
    "BT6007": "the code of your own model raises an exception",
})

OPTIONAL = ("torch", "brevitas", "lightning")
"""Packages that only the extra `train` brings."""

P = ParamSpec("P")
R = TypeVar("R")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output, for scripts.")]


def command(function: Callable[P, R]) -> Callable[P, R]:
    """Run a command; print diagnostics instead of tracebacks and exit with the code of the error's class.

    An exception that nobody foresaw stays a traceback, unless it comes out of the user's own file of a model.
    """

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except (Exception, SystemExit) as error:
            if (found := _diagnosed(error)) is None:
                raise
            diagnostics, code = found
        if kwargs.get("as_json"):
            print_json({"diagnostics": [d.to_json() for d in diagnostics], "exit_code": code})
        else:
            print_diagnostics(diagnostics)
        raise typer.Exit(code)

    return guarded


def _diagnosed(error: BaseException) -> tuple[tuple[Diagnostic, ...], int] | None:
    """What to print and the exit code; None for what is no user's doing."""
    if isinstance(error, BittrueError):
        return error.diagnostics, error.exit_code
    if isinstance(error, ModuleNotFoundError) and error.name in OPTIONAL:
        return (_package_diagnostic(error),), ToolMissing.exit_code
    if (where := _users_line(error)) is not None:
        return (_users_diagnostic(error, where),), BadInput.exit_code
    if isinstance(error, OSError):
        return (_os_diagnostic(error),), BadInput.exit_code
    if isinstance(error, MemoryError):
        return (_memory_diagnostic(error),), BadInput.exit_code
    return None


def _users_line(error: BaseException) -> str | None:
    """The innermost line of the user's own code, the file of a model, that an exception comes from."""
    if isinstance(error, SyntaxError):
        return f"{error.filename or 'the file of the model'}:{error.lineno or 1}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_users(frame.filename)]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else None


def _is_users(filename: str) -> bool:
    """Whether a file is neither a part of bittrue nor of the installed packages."""
    path = Path(filename)
    installed = (Path(__file__).parents[1], *map(Path, sysconfig.get_paths().values()))
    return path.is_file() and not any(path.is_relative_to(folder) for folder in installed)


def _users_diagnostic(error: BaseException, where: str) -> Diagnostic:
    return Diagnostic("BT6007", where, f"{type(error).__name__}: {error}",
                      "correct the code of your model; call it in Python to see all of the traceback")


def _memory_diagnostic(error: MemoryError) -> Diagnostic:
    return Diagnostic("BT6006", "memory", str(error) or "there is not enough of it",
                      "run fewer samples (--count), or a smaller model")


def _package_diagnostic(error: ModuleNotFoundError) -> Diagnostic:
    return Diagnostic("BT6005", f"package {error.name}", "this command needs it, and it is not installed",
                      "pip install torch (the CPU build is enough), then pip install 'bittrue[train]'")


def _os_diagnostic(error: OSError) -> Diagnostic:
    where = str(error.filename) if error.filename else "file system"
    return Diagnostic("BT6001", where, error.strerror or str(error),
                      "check the path, its permissions and the free space")


def print_diagnostics(diagnostics: tuple[Diagnostic, ...]) -> None:
    """One block per problem on standard error, then their number."""
    if diagnostics:
        from .terminal import show_diagnostics

        show_diagnostics(diagnostics)


def say(line: str) -> None:
    """A line of plain text on standard output, as it is."""
    typer.echo(line)


def print_json(value: dict[str, Any]) -> None:
    """One JSON object on standard output, keys in the order given."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")
