"""The generated page of ops."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bittrue.ir import OPS
from bittrue.report.op_table import op_page

PAGE = Path(__file__).parents[2] / "docs" / "ops.md"


def test_docs_are_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == op_page(), "run: make docs"


def test_every_op_is_specified() -> None:
    for kind, op in OPS.items():
        if not op.__module__.startswith("bittrue."):
            continue  # an op of some other test
        assert f"\n## {kind}\n" in op_page()
        assert op.__doc__
        assert not op.__doc__.startswith(f"{kind}(")  # not the one that dataclasses write


def test_printing() -> None:
    run = subprocess.run([sys.executable, "-m", "bittrue.report.op_table"], capture_output=True, text=True, check=True)
    assert run.stdout == op_page()
