"""The targets `max78000` and `max78002`: what the rest of bittrue asks of a chip."""

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
from .device import DEVICES, Device
from .options import OPTIONS
from .plan import Max7800xPlan, make_plan
from .project import Max7800xProject, project_kind

declare({"BT5460": "a compiler or an emulator for the chip is missing"})


def simulator() -> ModuleType:
    """The part that needs the packages of `bittrue[sim]`. Raises `ToolMissing` (BT5460) without them."""
    try:
        from . import simulate
    except ModuleNotFoundError as error:
        fail(ToolMissing, "BT5460", f"package {error.name}", "it is not installed", "pip install 'bittrue[sim]'")
    return simulate


def _check_simulation(project: Max7800xProject) -> VerifyReport:
    report: VerifyReport = simulator().check_simulation(project)
    return report


class Max7800x(Target[Max7800xPlan]):
    """A chip of the family as a target; see `bittrue.targets.base.Target`."""

    options = OPTIONS

    def __init__(self, device: Device) -> None:
        self.device = device
        self.name = device.name
        self.summary = f"{device.part}: 64 convolution processors, up to {device.layers} layers"
        self.kind = project_kind(device)

    def check(self, graph: Graph, options: Options | None = None) -> CheckReport:
        return check(graph, self.device, options)

    def plan(self, graph: Graph, options: Options | None = None) -> Max7800xPlan:
        return make_plan(graph, self.device, options)

    def emit(self, graph: Graph, plan: Max7800xPlan, inputs: Mapping[str, IntArray], out_dir: Path,
             attached: Mapping[str, bytes] | None = None) -> Manifest:
        return emit_project(self.kind, graph, plan, inputs, out_dir, attached)

    def simulate(self, project_dir: Path, graph: Graph | None = None) -> Trace:
        trace: Trace = simulator().simulate(read_project(self.kind, project_dir, graph))
        return trace

    def verify(self, project_dir: Path, checks: Collection[str] = CHECKS, graph: Graph | None = None) -> VerifyReport:
        return verify_project(self.kind, _check_simulation, project_dir, checks, graph)

    def run(self, project_dir: Path, inputs: Mapping[str, IntArray], jobs: int = 1,
            progress: Progress | None = None) -> Trace:
        trace: Trace = simulator().run_samples(read_project(self.kind, project_dir), inputs, jobs, progress)
        return trace


MAX78000, MAX78002 = (Max7800x(device) for device in DEVICES.values())
