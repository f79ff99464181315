"""Groups of commands that are tables: a command's module is loaded when the command is used."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup

from .console import command
from .values import QuickHelp, quicken


class _Command(QuickHelp, TyperCommand):
    """One command."""


class _Commands(QuickHelp, TyperGroup):
    """The commands of a table, in its order."""

    table: ClassVar[Mapping[str, str]] = {}
    """Name -> module and function, or module and group."""

    def list_commands(self, ctx: object) -> list[str]:
        return list(self.table)

    def get_command(self, ctx: object, cmd_name: str) -> Any:
        if cmd_name not in self.table:
            return None
        module, _, name = self.table[cmd_name].partition(":")
        found = getattr(import_module(f".{module}", __package__), name)
        return typer.main.get_group(found) if isinstance(found, typer.Typer) else _made(cmd_name, found)


def _made(name: str, function: Any) -> Any:
    """A function as a command."""
    single = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)
    single.command(name=name, cls=_Command)(command(function))
    found = typer.main.get_command(single)
    quicken(found, function)
    return found


def group(name: str, text: str, table: Mapping[str, str], epilog: str | None = None) -> typer.Typer:
    """A group of commands; `text` is its help."""

    def callback() -> None: ...

    callback.__doc__ = text
    commands = type("Commands", (_Commands,), {"table": table})
    made = typer.Typer(name=name, cls=commands, help=text, epilog=epilog, no_args_is_help=True, add_completion=False,
                       rich_markup_mode="rich", pretty_exceptions_enable=False)
    made.callback()(callback)
    return made
