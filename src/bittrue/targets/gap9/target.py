"""The target `gap9`: what the rest of bittrue asks of a chip."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from types import ModuleType

from ...engine.base import Trace
from ...errors import ToolMissing, declare, fail
from ...ir import Graph, IntArray
from ..base import CHECKS, CheckReport, Options, Progress, Target, VerifyReport
from ..project import Manifest
from ..sources import read_project
from ..verification import emit_project, verify_project
from .check import check
from .options import OPTIONS
from .plan import NAME, Gap9Plan, make_plan
from .project import KIND, Gap9Project

declare({"BT5570": "a part of the cluster's simulator is missing"})


def execution() -> ModuleType:
    """The part that needs the packages of `bittrue[sim]`. Raises `ToolMissing` (BT5570) without them."""
    try:
        from . import execution as found
    except ModuleNotFoundError as error:
        fail(ToolMissing, "BT5570", f"package {error.name}", "it is not installed", "pip install 'bittrue[sim]'")
    return found


def _check_simulation(project: Gap9Project) -> VerifyReport:
    report: VerifyReport = execution().check_simulation(project)
    return report


class Gap9(Target[Gap9Plan]):
    """The chip as a target; see `bittrue.targets.base.Target`."""

    name = NAME
    summary = "GAP9: eight RISC-V cores with SIMD, 128 KiB L1, 1.5 MiB L2, external memory, on our cluster simulator"
    options = OPTIONS

    def check(self, graph: Graph, options: Options | None = None) -> CheckReport:
        return check(graph, options)

    def plan(self, graph: Graph, options: Options | None = None) -> Gap9Plan:
        return make_plan(graph, options)

    def emit(self, graph: Graph, plan: Gap9Plan, inputs: Mapping[str, IntArray], out_dir: Path,
             attached: Mapping[str, bytes] | None = None) -> Manifest:
        return emit_project(KIND, graph, plan, inputs, out_dir, attached)

    def simulate(self, project_dir: Path, graph: Graph | None = None) -> Trace:
        trace: Trace = execution().simulate(read_project(KIND, project_dir, graph))
        return trace

    def verify(self, project_dir: Path, checks: Collection[str] = CHECKS, graph: Graph | None = None) -> VerifyReport:
        return verify_project(KIND, _check_simulation, project_dir, checks, graph)

    def run(self, project_dir: Path, inputs: Mapping[str, IntArray], jobs: int = 1,
            progress: Progress | None = None) -> Trace:
        trace: Trace = execution().run_samples(read_project(KIND, project_dir), inputs, jobs, progress)
        return trace


GAP9 = Gap9()
