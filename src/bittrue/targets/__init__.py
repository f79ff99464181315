"""The chips. Targets are found through the entry-point group `bittrue.targets`: built-in ones, and those of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import BadInput, ToolMissing, Unsupported, declare, fail
from .base import (
    CHECKS,
    CheckReport,
    CheckResult,
    FirstDifference,
    LayerReport,
    Option,
    Options,
    Plan,
    Planner,
    Progress,
    Target,
    VerifyReport,
)
from .project import Manifest

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["CHECKS", "CheckReport", "CheckResult", "FirstDifference", "LayerReport", "Manifest", "Option", "Options",
           "Plan", "Planner", "Progress", "Target", "VerifyReport", "get", "names", "planner"]

GROUP = "bittrue.targets"

declare({
    "BT5001": "there is no such target",
    "BT5002": "a target's package cannot be loaded",
    "BT5011": "a target does not emit projects",
})


def _installed() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points

    return {point.name: point for point in sorted(entry_points(group=GROUP), key=lambda point: point.name)}


def names() -> tuple[str, ...]:
    """Names of the installed targets, sorted.

    >>> "systolic" in names()
    True
    """
    return tuple(_installed())


def planner(name: str) -> Planner[Any]:
    """The target of that name, to check and to plan; not every one emits.

    Raises `BadInput` (BT5001) if unknown, `ToolMissing` (BT5002) if it cannot be loaded.
    """
    points = _installed()
    if name not in points:
        fail(BadInput, "BT5001", f"target {name!r}", "no installed package provides it",
             f"use one of: {', '.join(points) or 'none is installed'}")
    try:
        found = points[name].load()
    except (ImportError, AttributeError) as error:
        fail(ToolMissing, "BT5002", f"target {name!r}", f"{points[name].value} cannot be loaded: {error}",
             "install what it needs, or remove the package")
    if not isinstance(found, Planner):
        fail(ToolMissing, "BT5002", f"target {name!r}", f"{points[name].value} is no bittrue.targets.Planner",
             "ask its author for a version that fits this bittrue")
    return found


def get(name: str) -> Target[Any]:
    """The target of that name, to emit, simulate and verify.

    Raises `BadInput` (BT5001) if unknown, `ToolMissing` (BT5002) if it cannot be loaded, `Unsupported` (BT5011) if it
    checks and plans only.
    """
    found = planner(name)
    if not isinstance(found, Target):
        fail(Unsupported, "BT5011", f"target {name!r}", "it checks models and places them, and emits no project",
             "use `bittrue check` and the target's own commands")
    return found
