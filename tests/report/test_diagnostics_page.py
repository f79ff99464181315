"""Diagnostic codes: declared once, documented, and none is raised without being declared."""

from __future__ import annotations

import re
from pathlib import Path

from bittrue.errors import catalogue
from bittrue.report.diagnostics import diagnostics_page

ROOT = Path(__file__).parents[2]


def test_the_page_is_up_to_date() -> None:
    assert (ROOT / "docs" / "diagnostics.md").read_text(encoding="utf-8") == diagnostics_page(), "run: make docs"


def test_every_code_in_the_sources_is_declared() -> None:
    diagnostics_page()  # imports every module
    used = {code for path in (ROOT / "src").rglob("*.py")
            for code in re.findall(r'"(BT\d{4})"', path.read_text(encoding="utf-8"))}
    assert used == set(catalogue())
