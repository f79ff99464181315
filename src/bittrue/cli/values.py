"""Turns the words of a command line into values where that is plain, which saves loading what Typer does it with."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from functools import partial
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_type_hints


class QuickHelp:
    """A command or group whose `--help`, when it is not asked for, takes no time."""

    def get_help_option(self, ctx: Any) -> Any:
        """The option, see Click."""
        found = super().get_help_option(ctx)  # type: ignore[misc]
        if found is not None:
            found.process_value = partial(_asked, found.process_value)
        return found


def _asked(usual: Callable[[Any, Any], Any], ctx: Any, value: Any) -> Any:
    return usual(ctx, value) if value else False


def quicken(made: Any, function: Callable[..., Any]) -> None:
    """Let the parameters of a command take paths, texts, choices and lists of texts as they are."""
    hints = get_type_hints(function)
    for parameter in made.params:
        if parameter.name in hints:
            parameter.process_value = partial(_processed, hints[parameter.name], parameter.process_value)


def _processed(hint: Any, usual: Callable[[Any, Any], Any], ctx: Any, value: Any) -> Any:
    """A value of a parameter; whatever is not plain, and what is wrong, goes the usual way."""
    kinds = [kind for kind in get_args(hint) or (hint,) if kind is not NoneType]
    if value is None and len(kinds) < len(get_args(hint)):
        return None
    kind = kinds[0] if len(kinds) == 1 else None
    if kind in (str, Path) and isinstance(value, str):
        return kind(value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        found = next((member for member in kind if value in (member, member.value)), None)
        return usual(ctx, value) if found is None else found
    if kind == list[str] and isinstance(value, tuple | list) and value:
        return list(value)
    return usual(ctx, value)
