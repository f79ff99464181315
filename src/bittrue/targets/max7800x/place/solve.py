"""Searching: one objective after the other, each with what the ones before reached as a limit.

First fewest cycles, then depthwise layers that keep their processors, then the lowest last column of kernel memory, the
lowest last word of data memory, and the lowest processors and offsets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from ortools.sat.python import cp_model

from .constraints import build
from .demand import Demand, Solution
from .model import Model

SEED = 1
MOST_CUTS = 100
"""How often a search without order of kernels is told that a loader finds no place for what it found."""

Check = Callable[[Solution], tuple[int, ...]]
"""Blocks whose starts together are at fault; empty for a solution that is right."""


class Verdict(str, Enum):
    """What a search found out."""

    FITS = "fits"
    IMPOSSIBLE = "impossible"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Found:
    """The verdict of a search, and its solution."""

    verdict: Verdict
    solution: Solution | None = None
    spent: float = 0.0
    """Deterministic time until the first solution, or the end."""


def search(demand: Demand, effort: float, check: Check = lambda solution: ()) -> Found:
    """The best solution of a demand that `effort` (deterministic time of CP-SAT) finds.

    The search keeps kernels in the order of the loader, which is always right; only when that is impossible (or
    unknown) it takes any packing, and cuts off those that fail the `check` of what the loader makes of it.
    """
    ordered = _search(demand, effort, check, stacked=True)
    if ordered.verdict is Verdict.FITS:
        return ordered
    free = _search(demand, effort, check, stacked=False)
    return replace(free, spent=ordered.spent + free.spent)


def _search(demand: Demand, effort: float, check: Check, stacked: bool) -> Found:
    model = build(demand, stacked)
    found = _first(model, effort, check)
    if found.solution is None:
        return found
    best = found.solution
    for objective, share in _stages(model):
        solver = make_solver(effort * share)
        model.cp.minimize(objective)
        if solver.solve(model.cp) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            break
        if check(model.solution(solver)):
            continue
        best = model.solution(solver)
        model.cp.add(objective <= round(solver.objective_value))
        _hint(model, solver)
    return replace(found, solution=best)


def _first(model: Model, effort: float, check: Check) -> Found:
    """Any solution that is right."""
    spent = 0.0
    for _ in range(MOST_CUTS):
        solver = make_solver(effort - spent)
        status = solver.solve(model.cp)
        spent += solver.response_proto.deterministic_time
        if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            return Found(Verdict.IMPOSSIBLE if status == cp_model.INFEASIBLE else Verdict.UNKNOWN, spent=spent)
        solution = model.solution(solver)
        _hint(model, solver)
        if not (blocks := check(solution)):
            return Found(Verdict.FITS, solution, spent)
        starts = [model.starts[block] for block in blocks]
        model.cp.add_forbidden_assignments(starts, [[solution.starts[block] for block in blocks]])
    return Found(Verdict.UNKNOWN, spent=spent)


def _stages(model: Model) -> list[tuple[cp_model.LinearExprT, float]]:
    """Objectives, and which share of the effort each may take."""
    cp, demand = model.cp, model.demand
    columns = cp.new_int_var(0, demand.capacity.units, "columns")
    for kernel, first in zip(demand.kernels, model.units, strict=True):
        cp.add(columns >= first + kernel.units)
    words = cp.new_int_var(0, demand.capacity.words, "words")
    for area in demand.areas:
        cp.add(words >= model.offsets[area.block] + area.begin + area.size)
    stages: list[tuple[cp_model.LinearExprT, float]] = []
    if model.cycles:
        stages.append((sum(model.cycles), 0.5))
    if model.preferences:
        stages.append((sum(model.preferences), 0.2))
    return [*stages, (columns, 0.2), (words, 0.2), (sum(model.starts), 0.05), (sum(model.offsets), 0.05)]


def _hint(model: Model, solver: cp_model.CpSolver) -> None:
    """Let the next search begin where this one ended."""
    model.cp.clear_hints()  # type: ignore[no-untyped-call]
    for index, value in enumerate(solver.response_proto.solution):
        model.cp.add_hint(model.cp.get_int_var_from_proto_index(index), value)


def make_solver(effort: float) -> cp_model.CpSolver:
    """A solver that finds the same again: one worker, a fixed seed, a limit in deterministic time."""
    solver = cp_model.CpSolver()
    solver.parameters.random_seed = SEED
    solver.parameters.num_workers = 1
    solver.parameters.max_presolve_iterations = 1
    solver.parameters.max_deterministic_time = max(effort, 0.0)
    return solver
