"""The constraint model of a placement, for OR-Tools CP-SAT: which starts and offsets let everything fit.

Data memory: areas that are in use together are rectangles (instances x words) that do not overlap. Kernel memory:
every layer's kernels are rectangles (instances x units); a layer's lie behind those of all layers before it that share
a processor, which a loader that takes the first gap never exceeds (stacked), or anywhere free of others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from ortools.sat.python import cp_model

from .demand import Area, Demand, Kernel, Solution, height
from .shapes import GROUPS, runs


class Resource(str, Enum):
    """What layers compete for."""

    DATA = "data memory"
    KERNELS = "kernel memory"
    BIAS = "bias memory"
    PROCESSORS = "processors"


@dataclass
class Model:
    """Variables and constraints of a demand."""

    demand: Demand
    cp: cp_model.CpModel
    starts: list[cp_model.IntVar]
    offsets: list[cp_model.IntVar]
    units: list[cp_model.IntVar]
    """First unit of each layer's kernels."""
    cycles: list[cp_model.LinearExprT] = field(default_factory=list)
    preferences: list[cp_model.LinearExprT] = field(default_factory=list)
    bias: dict[tuple[int, int], cp_model.IntVar] = field(default_factory=dict)
    """Whether a bias (index) lies in a group."""
    optional: bool = False
    entries: dict[tuple[Resource, int], cp_model.IntVar] = field(default_factory=dict)
    """When they are optional: whether an entry of the demand (by resource and index) counts."""

    @classmethod
    def of(cls, demand: Demand, optional: bool = False) -> Model:
        """The variables of a demand, without constraints. With `optional` every entry can be left out."""
        cp = cp_model.CpModel()
        starts = [cp.new_int_var(shape.starts[0], shape.starts[-1], f"start{i}")
                  for i, shape in enumerate(demand.shapes)]
        offsets = [cp.new_int_var(*_offsets(demand, i), f"offset{i}") for i in range(len(demand.shapes))]
        units = [cp.new_int_var(0, demand.capacity.units - kernel.units, f"kernels{kernel.layer}")
                 for kernel in demand.kernels]
        return cls(demand, cp, starts, offsets, units, optional=optional)

    def literal(self, name: str = "") -> cp_model.IntVar:
        """A new variable that is true or false."""
        return self.cp.new_bool_var(name)

    def when(self, resource: Resource, index: int) -> list[cp_model.IntVar]:
        """The conditions under which an entry of the demand counts: none, or its own literal."""
        if not self.optional:
            return []
        key = resource, index
        if key not in self.entries:
            self.entries[key] = self.literal(f"{resource.name}{index}")
        return [self.entries[key]]

    def interval(self, start: cp_model.LinearExprT, size: int, when: list[cp_model.IntVar]) -> cp_model.IntervalVar:
        """An interval of fixed size, that exists under at most one condition."""
        if when:
            return self.cp.new_optional_fixed_size_interval_var(start, size, when[0], "")
        return self.cp.new_fixed_size_interval_var(start, size, "")

    def across(self, item: Area | Kernel, when: list[cp_model.IntVar]) -> list[cp_model.IntervalVar]:
        """The instances that an item takes, one interval for every run of neighbours."""
        return [self.interval(self.starts[item.block] + first, count, when) for first, count in runs(item.instances)]

    def apart(self, one: Area | Kernel, two: Area | Kernel) -> list[cp_model.IntVar]:
        """Literals of which each, when true, keeps two items in other instances; only those that are possible."""
        literals = []
        for left, right in ((one, two), (two, one)):
            if separable(self.demand, left, right):
                end, begin = left.instances[-1] + 1, right.instances[0]
                literals.append(self.literal())
                self.cp.add(self.starts[left.block] + end <= self.starts[right.block] + begin) \
                    .only_enforce_if(literals[-1])
        return literals

    def solution(self, solver: cp_model.CpSolver) -> Solution:
        """The values that a solver found."""
        groups = tuple(next((g for g in range(GROUPS) if (i, g) in self.bias and solver.value(self.bias[i, g])), None)
                       for i in range(len(self.demand.biases)))
        return Solution(tuple(map(solver.value, self.starts)), tuple(map(solver.value, self.offsets)), groups)


def separable(demand: Demand, left: Area | Kernel, right: Area | Kernel) -> bool:
    """Whether all instances of an item can lie before all those of another one."""
    lowest, highest = demand.shapes[left.block].starts[0], demand.shapes[right.block].starts[-1]
    return left.block != right.block and lowest + left.instances[-1] < highest + right.instances[0]


def _offsets(demand: Demand, block: int) -> tuple[int, int]:
    lowest = min(area.begin for area in demand.areas if area.block == block)
    return max(-lowest, 0), demand.capacity.words - height(demand, block)
