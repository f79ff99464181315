"""The hardware check of a project: the RTL that is *in* the project runs on the files that are *in* the project.

Every partial sum of every tile, every accumulator, every output and every counter is compared with the oracle and the
plan: the project holds no expected values that it could believe.
"""

from __future__ import annotations

from dataclasses import replace

from ...errors import BittrueError, ToolMissing
from ..base import SIMULATION, CheckResult, VerifyReport
from .compare import Comparison
from .emit import NAME, SystolicProject
from .simulate import simulated


def check_simulation(project: SystolicProject) -> VerifyReport:
    """Run the project's RTL on the project's files and compare everything it computes with the oracle.

    What a damaged project makes impossible is a difference. Raises `ToolMissing` without the simulator.
    """
    comparison = Comparison(project)
    report = VerifyReport(NAME, (), host=project.plan.host)
    try:
        with simulated(project.folder, project.plan, project.samples) as runs:
            comparison.compare(runs)
    except ToolMissing:
        raise
    except BittrueError as error:
        result = CheckResult(SIMULATION, 0, len(error.diagnostics), error.diagnostics)
    else:
        compared = sum(sum(layer.compared.values()) for layer in comparison.reports)
        result = CheckResult(SIMULATION, compared, comparison.differences, tuple(comparison.problems))
    return replace(report, results=(result,), layers=tuple(comparison.reports), first=comparison.first)
