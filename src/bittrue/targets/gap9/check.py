"""Whether a graph fits the cluster: every problem at once, and what the graph needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import Unsupported
from ...ir import Graph
from ..base import CheckReport, share
from .plan import NAME, Gap9Plan, make_plan
from .planning.limits import KIB

CLOCK_MHZ = 370
"""The cluster's highest clock."""
MODEL_ERROR = "-11 to +6 % beside simulated ones"
"""Of the planner's cycles: -7 to +6 % on the networks of `benchmarks/gap9.py`, -11 % on one for 8x8 images."""


def check(graph: Graph, given: Mapping[str, Any] | None = None) -> CheckReport:
    """Whether `graph` fits with these options. Raises `BadInput` for wrong options."""
    try:
        plan = make_plan(graph, given)
    except Unsupported as error:
        return CheckReport(NAME, error.diagnostics)
    return CheckReport(NAME, (), tuple(layer.name for layer in plan.network.layers), (), needs(plan))


def needs(plan: Gap9Plan) -> dict[str, str]:
    """What a plan takes of the chip, in words."""
    program, macs, cycles = plan.program, plan.network.macs, plan.total_cycles
    external = len(program.external) + program.spare
    return {
        "L1": share(program.near, plan.options.l1 * KIB),
        "L2": share(program.arena + len(program.constants), plan.options.l2 * KIB),
        "L3": share(external, plan.options.l3 * KIB) if external else "nothing",
        "MACs": f"{macs:,}",
        "cycles": f"about {cycles:,} ({cycles / (CLOCK_MHZ * 1000):.2f} ms at {CLOCK_MHZ} MHz, "
                  f"{macs / max(cycles, 1):.1f} MACs per cycle; {MODEL_ERROR})",
    }
