"""Looks for the packages that emulation needs, before anything here imports them."""

from __future__ import annotations

from importlib.util import find_spec

from ....errors import ToolMissing, declare, fail

declare({"BT5464": "a package that the emulated chip needs is missing"})

PACKAGES = {"unicorn": "unicorn", "numba": "numba", "elftools": "pyelftools"}
"""Module -> package."""


def missing_packages() -> list[str]:
    """The packages that are not installed."""
    return [package for module, package in PACKAGES.items() if find_spec(module) is None]


def require_packages() -> None:
    """Raises `ToolMissing` (BT5464) with the packages that are missing."""
    missing = missing_packages()
    if missing:
        fail(ToolMissing, "BT5464", "emulated chip", f"not installed: {', '.join(missing)}",
             "pip install 'bittrue[sim]'")


require_packages()
