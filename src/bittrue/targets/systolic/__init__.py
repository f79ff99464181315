"""Target `systolic`: a weight-stationary systolic array in SystemVerilog, run on Verilator.

Convolutions and linear layers (each with the requantization that follows it) run on the array; the oracle computes
what is between them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from ...engine.base import Trace
from ...ir import Graph, IntArray
from ..base import CHECKS, CheckReport, Options, Target, VerifyReport
from ..project import Manifest
from ..sources import read_project
from ..verification import emit_project, verify_project
from .check import check
from .emit import KIND, NAME
from .options import OPTIONS
from .plan import SystolicPlan, make_plan
from .simulate import simulate
from .verify import check_simulation


class Systolic(Target[SystolicPlan]):
    """The array as a target; see `bittrue.targets.base.Target`."""

    name = NAME
    summary = "weight-stationary systolic array in SystemVerilog, any rows x columns, on Verilator"
    options = OPTIONS

    def check(self, graph: Graph, options: Options | None = None) -> CheckReport:
        return check(graph, options)

    def plan(self, graph: Graph, options: Options | None = None) -> SystolicPlan:
        return make_plan(graph, options)

    def emit(self, graph: Graph, plan: SystolicPlan, inputs: Mapping[str, IntArray], out_dir: Path,
             attached: Mapping[str, bytes] | None = None) -> Manifest:
        return emit_project(KIND, graph, plan, inputs, out_dir, attached)

    def simulate(self, project_dir: Path, graph: Graph | None = None) -> Trace:
        return simulate(read_project(KIND, project_dir, graph))

    def verify(self, project_dir: Path, checks: Collection[str] = CHECKS, graph: Graph | None = None) -> VerifyReport:
        return verify_project(KIND, check_simulation, project_dir, checks, graph)


TARGET = Systolic()
