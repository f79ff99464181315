"""Writes the generated pages of the documentation: `python -m bittrue.report.pages docs`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from .ai8x_keys import ai8x_page
from .diagnostics import diagnostics_page
from .gap9_cluster import cluster_page
from .max7800x_device import device_page
from .op_table import op_page

PAGES: dict[str, Callable[[], str]] = {
    "ops.md": op_page, "diagnostics.md": diagnostics_page, "max7800x-device.md": device_page, "ai8x-keys.md": ai8x_page,
    "gap9-cluster.md": cluster_page,
}
"""File name in docs/ -> what it holds."""


def main(folder: Path) -> None:
    """Write every page into `folder`."""
    for name, render in PAGES.items():
        (folder / name).write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
