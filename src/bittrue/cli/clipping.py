"""Clipping methods on the command line: each constant belongs to one of them."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import BadInput, Diagnostics


def require_method(method: str | None, constants: Mapping[str, tuple[str, float | None]]) -> None:
    """`constants` gives the method and the value of each option. Raises `BadInput` (BT6002) naming every option with a
    value that belongs to another method."""
    found = Diagnostics()
    for option, (owner, value) in constants.items():
        if value is not None and method != owner:
            found.add("BT6002", option, f"it is the constant of --clip-method {owner}",
                      f"add --clip-method {owner}, or leave it out")
    found.raise_as(BadInput)
