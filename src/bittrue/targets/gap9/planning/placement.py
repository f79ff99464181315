"""What lies in L2 when not everything fits: places of tensors, parameters that stay, tensors that wait in L3.

A model for CP-SAT: rectangles of layers times bytes that do not overlap, a number of resident parameters for each
layer, a ring of places for the others. One worker, a fixed seed and a limit in deterministic time: the same network
gives the same answer everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ortools.sat.python import cp_model

from .arena import LEAVING, Held, first_fit
from .demand import WEIGHT, Demand, Placed
from .limits import ALIGNMENT

SEED = 1
EFFORT = 4.0
"""Deterministic time of one search."""
SPILL_WEIGHT = 3
"""A spilled byte moves twice, and one that is needed at once has nothing to hide behind."""


@dataclass
class _Model:
    """The model while it is built; sizes in units of 8 bytes."""

    cp: cp_model.CpModel
    room: int
    times: list[cp_model.IntervalVar]
    bytes: list[cp_model.IntervalVar]
    arena: cp_model.IntVar
    starts: dict[str, cp_model.IntVar]
    later: dict[str, tuple[cp_model.IntVar, cp_model.IntVar]]
    costs: list[cp_model.LinearExpr] = field(default_factory=list)

    def rectangle(self, name: str, layers: tuple[int, int], size: int,
                  present: cp_model.BoolVarT | None = None) -> cp_model.IntVar:
        """A tensor in L2 for some layers, both included; gives its place."""
        start = self.cp.new_int_var(0, max(0, self.room - size), name)
        first, length = layers[0], layers[1] - layers[0] + 1
        if present is None:
            self.times.append(self.cp.new_fixed_size_interval_var(first, length, name))
            self.bytes.append(self.cp.new_fixed_size_interval_var(start, size, name))
            self.cp.add(start + size <= self.arena)
        else:
            self.times.append(self.cp.new_optional_fixed_size_interval_var(first, length, present, name))
            self.bytes.append(self.cp.new_optional_fixed_size_interval_var(start, size, present, name))
            self.cp.add(start + size <= self.arena).only_enforce_if(present)
        return start


def search(held: Sequence[Held], demands: Sequence[Demand], room: int, spill: bool,
           depth: int) -> Placed | None:
    """Places within `room` bytes with the fewest bytes from L3; None if there are none, or none was found."""
    units = room // ALIGNMENT
    cp = cp_model.CpModel()
    model = _Model(cp, units, [], [], cp.new_int_var(0, units, "arena"), {}, {})
    for tensor in held:
        _tensor(model, tensor, spill)
    cp.add_no_overlap_2d(model.times, model.bytes)
    resident = [cp.new_int_var(0, demand.pieces, f"resident{index}") for index, demand in enumerate(demands)]
    ring = cp.new_int_var(0, units, "ring")
    for count, demand in zip(resident, demands, strict=True):
        _streamed(cp, ring, count, demand, depth)
    cp.add(model.arena + ring + sum(count * (demand.size // ALIGNMENT)
                                    for count, demand in zip(resident, demands, strict=True)) <= units)
    model.costs += [(demand.pieces - count) * (demand.size // ALIGNMENT * demand.weight)
                    for count, demand in zip(resident, demands, strict=True)]
    cp.minimize(cp_model.LinearExpr.sum(model.costs))
    _hint(model, held)
    return _solve(model, resident)


def _tensor(model: _Model, tensor: Held, spill: bool) -> None:
    """A tensor's rectangle, or two with a stay in L3 between them, and what the stay costs."""
    size = tensor.size // ALIGNMENT
    if not spill or tensor.gap is None:
        model.starts[tensor.name] = model.rectangle(tensor.name, (tensor.first, tensor.last), size)
        return
    away = model.cp.new_bool_var(f"{tensor.name} waits in L3")
    stays = away.negated()
    start = model.rectangle(tensor.name, (tensor.first, tensor.last), size, stays)
    before = model.rectangle(tensor.name, (tensor.first, tensor.gap[0] + LEAVING), size, away)
    after = model.rectangle(tensor.name, (tensor.gap[1] - 1, tensor.last), size, away)
    model.cp.add(start == before)
    model.starts[tensor.name] = start
    model.later[tensor.name] = away, after
    model.costs.append(away * (size * SPILL_WEIGHT * WEIGHT))


def _streamed(cp: cp_model.CpModel, ring: cp_model.IntVar, count: cp_model.IntVar, demand: Demand, depth: int) -> None:
    """The ring holds some of the pieces of every layer that is not all resident."""
    if not demand.pieces:
        return
    some = cp.new_bool_var("")
    cp.add(count == demand.pieces).only_enforce_if(some.negated())
    cp.add(ring >= min(depth, demand.pieces) * (demand.size // ALIGNMENT)).only_enforce_if(some)


def _hint(model: _Model, held: Sequence[Held]) -> None:
    places = first_fit(held)
    for name, start in model.starts.items():
        model.cp.add_hint(start, places[name] // ALIGNMENT)


def _solve(model: _Model, resident: Sequence[cp_model.IntVar]) -> Placed | None:
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = SEED
    solver.parameters.max_deterministic_time = EFFORT
    solver.parameters.relative_gap_limit = 0.002
    if solver.solve(model.cp) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    places = {name: solver.value(start) * ALIGNMENT for name, start in model.starts.items()}
    later = {name: solver.value(after) * ALIGNMENT for name, (away, after) in model.later.items() if solver.value(away)}
    return Placed(places, later, tuple(solver.value(count) for count in resident))
