"""The constraints of a placement: one function for each memory, and for layers that cannot write anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from ortools.sat.python import cp_model

from .demand import UNIT, Demand, Kernel, Trail, overlapping
from .model import Model, Resource, separable
from .shapes import GROUPS, PER_GROUP


def build(demand: Demand, stacked: bool = True, optional: bool = False) -> Model:
    """The model of a demand, without an objective.

    With `stacked` kernels lie as a loader that takes the first gap is sure to find place for them; otherwise anywhere
    free. With `optional` every entry of the demand has a literal that makes it count (`Model.entries`).
    """
    model = Model.of(demand, optional)
    _data_memory(model)
    (_stacked_kernels if stacked else _free_kernels)(model)
    _moves(model)
    _groups(model)
    for tie in demand.ties:
        model.cp.add(model.starts[tie.block] == model.starts[tie.other] + tie.distance)
    return model


# ---- data memory ---------------------------------------------------------------------------------------------------

def _data_memory(model: Model) -> None:
    areas = model.demand.areas
    trails = {frozenset((trail.input, trail.output)): trail for trail in model.demand.trails}
    when = [model.when(Resource.DATA, i) for i in range(len(areas))]
    words = [model.interval(model.offsets[area.block] + area.begin, area.size, when[i]) for i, area in enumerate(areas)]
    across = [model.across(area, when[i]) for i, area in enumerate(areas)]
    sets = overlapping(model.demand)
    for chosen in dict.fromkeys(part for together in sets for part in _without_trails(together, set(trails))):
        pairs = [(x, words[i]) for i in chosen for x in across[i]]
        model.cp.add_no_overlap_2d([x for x, _ in pairs], [y for _, y in pairs])
    for trail in trails.values():
        _trail(model, trail, when[trail.input] + when[trail.output])


def _without_trails(together: tuple[int, ...], trails: set[frozenset[int]]) -> list[tuple[int, ...]]:
    """The set as smaller ones that have all its pairs but those that may trail."""
    for pair in combinations(together, 2):
        if frozenset(pair) in trails:
            return [part for gone in pair
                    for part in _without_trails(tuple(i for i in together if i != gone), trails)]
    return [together]


def _trail(model: Model, trail: Trail, when: list[cp_model.IntVar]) -> None:
    """Two areas lie in other instances, or the output above the input, or at least the lag below."""
    one, two = model.demand.areas[trail.input], model.demand.areas[trail.output]
    begin_one, begin_two = (model.offsets[area.block] + area.begin for area in (one, two))
    above, behind = model.literal(), model.literal()
    model.cp.add(begin_two >= begin_one + one.size).only_enforce_if(above)
    model.cp.add(begin_one >= begin_two + trail.lag).only_enforce_if(behind)
    model.cp.add_bool_or([above, behind, *model.apart(one, two)]).only_enforce_if(*when)


# ---- kernel memory -------------------------------------------------------------------------------------------------

def _free_kernels(model: Model) -> None:
    pairs = []
    for i, (kernel, unit) in enumerate(zip(model.demand.kernels, model.units, strict=True)):
        when = model.when(Resource.KERNELS, i)
        columns = model.interval(unit, kernel.units, when)
        pairs += [(x, columns) for x in model.across(kernel, when)]
    model.cp.add_no_overlap_2d([x for x, _ in pairs], [y for _, y in pairs])
    _kernel_cycles(model)


def _stacked_kernels(model: Model) -> None:
    """Behind all earlier ones that share a processor."""
    kernels, units = model.demand.kernels, model.units
    for i, j in _pairs(model.demand):
        before, behind = kernels[i], kernels[j]
        constraint = model.cp.add(units[j] >= units[i] + before.units)
        if apart := model.apart(before, behind):
            apart.append(model.literal())
            constraint.only_enforce_if(apart[-1])
            model.cp.add_bool_or(apart)
    _kernel_cycles(model)


def _pairs(demand: Demand) -> Iterator[tuple[int, int]]:
    """Kernels (indices, in order) that may share a processor; without those that one between them keeps in order."""
    kernels = demand.kernels
    tied = [sum(1 << j for j, two in enumerate(kernels) if not _disjoint(one, two) and not separable(demand, one, two)
                and not separable(demand, two, one)) for one in kernels]
    for i, j in combinations(range(len(kernels)), 2):
        between = tied[i] & tied[j] & ((1 << j) - (1 << i + 1))
        if not between and not _disjoint(kernels[i], kernels[j]):
            yield i, j


def _kernel_cycles(model: Model) -> None:
    model.cycles += [UNIT * kernel.column_cost * unit
                     for kernel, unit in zip(model.demand.kernels, model.units, strict=True) if kernel.column_cost]


def _disjoint(one: Kernel, two: Kernel) -> bool:
    """Whether two layers read instances of the same block that have none in common."""
    return one.block == two.block and not set(one.instances) & set(two.instances)


# ---- layers, groups, bias memory -----------------------------------------------------------------------------------

def _moves(model: Model) -> None:
    for i, move in enumerate(model.demand.moves):
        if not move.table:
            model.cp.add_bool_or([~literal for literal in model.when(Resource.PROCESSORS, i)])
            continue
        costs = [cost for *_, cost in move.table]
        cost = model.cp.new_int_var(min(costs), max(costs), f"cost{move.layer}")
        model.cp.add_allowed_assignments([model.starts[move.source], model.starts[move.target], cost], move.table) \
            .only_enforce_if(*model.when(Resource.PROCESSORS, i))
        if min(costs) < max(costs):
            (model.cycles if move.cycles else model.preferences).append(cost)


def _groups(model: Model) -> None:
    """The first group is used; biases lie in groups that are used."""
    used = [model.literal(f"group{group}") for group in range(GROUPS)]
    for group, literal in enumerate(used):
        touching = [_touches(model, block, instances, group) for block, instances in model.demand.used]
        model.cp.add_bool_or([*touching, ~literal])
    model.cp.add(used[0] == 1)
    if sum(bias.most for bias in model.demand.biases) > model.demand.capacity.bias:
        _bias_memory(model, used)


def _touches(model: Model, block: int, instances: tuple[int, ...], group: int) -> cp_model.IntVar:
    """A literal that, when true, makes some instances of a block lie in a group."""
    literal = model.literal()
    starts = [start for start in model.demand.shapes[block].starts
              if any((start + i) // PER_GROUP == group for i in instances)]
    model.cp.add_linear_expression_in_domain(model.starts[block], cp_model.Domain.from_values(starts)) \
        .only_enforce_if(literal)
    return literal


def _bias_memory(model: Model, used: list[cp_model.IntVar]) -> None:
    room = model.demand.capacity.bias
    loads: list[list[cp_model.LinearExprT]] = [[] for _ in range(GROUPS)]
    for i, bias in enumerate(model.demand.biases):
        when = model.when(Resource.BIAS, i)
        if bias.spread:
            _spread_bias(model, i, loads)
            continue
        places = [model.literal(f"bias{bias.layer}@{group}") for group in range(GROUPS)]
        for group, place in enumerate(places):
            model.bias[i, group] = place
            model.cp.add_implication(place, used[group])
            loads[group].append(bias.size * place)
        model.cp.add_exactly_one(places).only_enforce_if(*when)
    for load in loads:
        model.cp.add(sum(load) <= room)
    if model.optional:  # follows from the rest, but is hard to see when every bias may be left out
        needed = [bias.least * model.when(Resource.BIAS, i)[0] for i, bias in enumerate(model.demand.biases)]
        model.cp.add(sum(needed) <= GROUPS * room)


def _spread_bias(model: Model, index: int, loads: list[list[cp_model.LinearExprT]]) -> None:
    """A bias that takes bytes in every group that its layer uses."""
    bias, most = model.demand.biases[index], model.demand.capacity.bias
    for group in range(GROUPS):
        bytes_ = model.cp.new_int_var(0, most, f"bias{bias.layer}.{group}")
        sizes = [spread[group] for spread in bias.spread]
        model.cp.add_element(model.starts[bias.block], sizes, bytes_).only_enforce_if(*model.when(Resource.BIAS, index))
        loads[group].append(bytes_)
