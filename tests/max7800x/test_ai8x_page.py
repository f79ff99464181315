"""The generated page of all keys."""

from __future__ import annotations

from pathlib import Path

from bittrue.report.ai8x_keys import ai8x_page
from bittrue.targets.max7800x.ai8x.differences import DIFFERENCES
from bittrue.targets.max7800x.ai8x.keys import GLOBAL_KEYS, LAYER_KEYS, LIST_KEYS

ROOT = Path(__file__).parents[2]


def test_the_page_in_the_documentation_is_the_generated_one() -> None:
    assert (ROOT / "docs" / "ai8x-keys.md").read_text(encoding="utf-8") == ai8x_page(), "run: make docs"


def test_the_page_has_every_key_and_difference() -> None:
    page = ai8x_page()
    for table in (GLOBAL_KEYS, LAYER_KEYS, *LIST_KEYS.values()):
        for key in table:
            assert all(f"`{name}`" in page for name in key.names)
    assert all(difference.subject in page for difference in DIFFERENCES)
    assert all(line.count("|") == page.splitlines()[i - 1].count("|") for i, line in enumerate(page.splitlines())
               if line.startswith("|---"))
