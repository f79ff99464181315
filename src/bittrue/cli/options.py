"""Target options on the command line: `--option rows=16`."""

from __future__ import annotations

from typing import Annotated

import typer

from ..errors import BadInput, Diagnostics

Options = Annotated[list[str] | None, typer.Option("--option", "-O", metavar="NAME[=VALUE]",
                                                   help="A choice of the target, for example rows=16; repeatable. "
                                                        "A switch needs no value.")]


def parse_options(given: list[str] | None) -> dict[str, str]:
    """`NAME=VALUE` words as a dictionary, `NAME` alone with an empty value (a switch).

    Raises `BadInput` (BT6002) naming every word that is none.

    >>> parse_options(["rows=16", "softmax"])
    {'rows': '16', 'softmax': ''}
    """
    found = Diagnostics()
    options: dict[str, str] = {}
    for word in given or []:
        name, _, value = word.partition("=")
        if not name or name in options:
            found.add("BT6002", f"--option {word}", "it is not NAME or NAME=VALUE, or names an option twice",
                      "write for example --option rows=16")
        options[name] = value
    found.raise_as(BadInput)
    return options
