"""Target options on the command line: `--option rows=16`."""

from __future__ import annotations

from typing import Annotated

import typer

from ..errors import BadInput, Diagnostics

Options = Annotated[list[str] | None, typer.Option("--option", "-O", metavar="NAME=VALUE",
                                                   help="A choice of the target, for example rows=16; repeatable.")]


def parse_options(given: list[str] | None) -> dict[str, str]:
    """`NAME=VALUE` words as a dictionary. Raises `BadInput` (BT6002) naming every word that is none."""
    found = Diagnostics()
    options: dict[str, str] = {}
    for word in given or []:
        name, equals, value = word.partition("=")
        if not equals or not name or name in options:
            found.add("BT6002", f"--option {word}", "it is not NAME=VALUE, or names an option twice",
                      "write for example --option rows=16")
        options[name] = value
    found.raise_as(BadInput)
    return options
