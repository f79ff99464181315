"""Writes the generated pages of the documentation: `python -m bittrue.report.pages docs`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from .diagnostics import diagnostics_page
from .op_table import op_page

PAGES: dict[str, Callable[[], str]] = {"ops.md": op_page, "diagnostics.md": diagnostics_page}
"""File name in docs/ -> what it holds."""


def main(folder: Path) -> None:
    """Write every page into `folder`."""
    for name, render in PAGES.items():
        (folder / name).write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
