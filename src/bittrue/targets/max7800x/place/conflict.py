"""Why nothing fits: the smallest sets of layers that cannot be placed together, by resource.

Every entry of the demand gets a literal that makes it count; the solver names literals that suffice for a
contradiction, and those that turn out not to be needed are dropped one by one, the smallest demands first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ortools.sat.python import cp_model

from .constraints import build
from .demand import Demand
from .model import Model, Resource
from .solve import make_solver

Entry = tuple[Resource, int]


@dataclass(frozen=True)
class Conflict:
    """Entries of a demand (by resource and index) that cannot be placed together; without any of them the rest can."""

    entries: tuple[Entry, ...]

    @property
    def resources(self) -> tuple[Resource, ...]:
        """The resources that are fought for."""
        return tuple(resource for resource in Resource if any(resource is kind for kind, _ in self.entries))

    def of(self, resource: Resource) -> tuple[int, ...]:
        """Its entries of one resource."""
        return tuple(index for kind, index in self.entries if kind is resource)


def conflicts(demand: Demand, effort: float) -> tuple[Conflict, ...]:
    """A smallest conflict for each resource that is short on its own; if none is, one of all resources together."""
    model = build(demand, stacked=False, optional=True)
    found = [_shrink(model, [key for key in model.entries if key[0] is resource], effort) for resource in Resource]
    alone = tuple(conflict for conflict in found if conflict is not None)
    if alone:
        return alone
    together = _shrink(model, list(model.entries), effort)
    return () if together is None else (together,)


def _shrink(model: Model, entries: list[Entry], effort: float) -> Conflict | None:
    """A smallest set of entries that contradict one another; None if they do not, or that cannot be shown."""
    core = _core(model, entries, effort)
    if not core:
        return None
    for entry in sorted(core, key=lambda key: _weight(model.demand, key)):
        if entry in core:
            core = _core(model, [other for other in core if other != entry], effort) or core
    return Conflict(tuple(sorted(core, key=lambda key: (list(Resource).index(key[0]), key[1]))))


def _core(model: Model, entries: Iterable[Entry], effort: float) -> list[Entry] | None:
    """Some of the entries that contradict one another; None if there is no contradiction that the effort finds."""
    literals = {model.entries[entry].index: entry for entry in entries}
    model.cp.clear_assumptions()
    model.cp.add_assumptions([model.entries[entry] for entry in entries])
    solver = make_solver(effort)
    if solver.solve(model.cp) != cp_model.INFEASIBLE:
        return None
    return [literals[index] for index in solver.sufficient_assumptions_for_infeasibility()]


def _weight(demand: Demand, entry: Entry) -> tuple[int, int]:
    """How much an entry demands: the least is left out first."""
    resource, index = entry
    if resource is Resource.DATA:
        area = demand.areas[index]
        return area.size * len(area.instances), -index
    if resource is Resource.KERNELS:
        kernel = demand.kernels[index]
        return kernel.units * len(kernel.instances), -index
    return demand.biases[index].most if resource is Resource.BIAS else 0, -index
