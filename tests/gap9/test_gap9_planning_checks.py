"""The planner's own check finds what is wrong; diagnostics say what would fit; plans are the same every time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from bittrue.errors import Unsupported
from bittrue.targets.gap9.kernels import Columns, Kind
from bittrue.targets.gap9.planning import Limits, check_program, plan
from bittrue.targets.gap9.program import Area, Program, Region, Step
from gap9.planning_networks import Build
from gap9.test_gap9_planning import NETWORKS, chain, skip

SMALL = Limits(l1=9_000, l2=24_000)


@cache
def program() -> Program:
    """Streams parameters; its tiles are small."""
    return plan(skip(Build(np.random.default_rng(4))), SMALL)


def changed(made: Program, number: int, **fields: object) -> Program:
    steps = list(made.steps)
    steps[number] = replace(steps[number], **fields)  # type: ignore[arg-type]
    return replace(made, steps=tuple(steps))


def some(made: Program, wanted: Callable[[Step], object], after: int = 3) -> int:
    """The first step, from one in the middle on, that has something."""
    return next(n for n, step in enumerate(made.steps) if n >= after and wanted(step))


def reasons(made: Program, limits: Limits = SMALL) -> str:
    found = check_program(made, limits)
    assert {problem.code for problem in found} <= {"BT5559"}
    return "; ".join(problem.why for problem in found)


def late_load_is_early(made: Program) -> Program:
    """What a step loads was stored by the step before."""
    n = some(made, lambda step: any(t.label == "input" for t in step.late))
    step = made.steps[n]
    return changed(made, n, late=(), early=(*step.early, *step.late))


def staged_too_late(made: Program) -> Program:
    n = next(n for n, (before, step) in enumerate(pairwise(made.steps), 1) if n > 4 and step.staged > before.staged)
    return changed(made, n, staged=made.steps[n - 1].staged)


def store_is_missing(made: Program) -> Program:
    return changed(made, 4, stores=())


def stored_twice(made: Program) -> Program:
    return changed(made, 4, stores=made.steps[4].stores * 2)


def wrong_place(made: Program) -> Program:
    """Of a tensor that is loaded again at the end."""
    store = made.steps[0].stores[0]
    return changed(made, 0, stores=(replace(store, far=store.far + 8), *made.steps[0].stores[1:]))


def short_load(made: Program) -> Program:
    n = some(made, lambda step: any(t.label == "input" for t in step.late))
    load = made.steps[n].late[0]
    return changed(made, n, late=(replace(load, size=load.size - load.length // 2, length=load.length // 2),
                                  *made.steps[n].late[1:]))


def wrong_number(made: Program) -> Program:
    values = dict(made.steps[5].values)
    return changed(made, 5, values={**values, "pad_top": values["pad_top"] + 1})


def outside(made: Program) -> Program:
    n = some(made, lambda step: step.late)
    return changed(made, n, late=tuple(replace(t, far=made.arena - 4) for t in made.steps[n].late))


def no_table(made: Program) -> Program:
    early = tuple(t for t in made.steps[5].early if t.area is not Area.STEPS)
    return changed(made, 5, early=early)


def wrong_parameters(made: Program) -> Program:
    return replace(made, external=bytes(reversed(made.external)))


def output_over_input(made: Program) -> Program:
    """The output lies where the next step's input comes to."""
    n = some(made, lambda step: len(step.early) > 1)
    place = made.steps[n].early[-1].near
    return changed(made, n - 1, pointers={**made.steps[n - 1].pointers, "output": place},
                   stores=tuple(replace(t, near=place) for t in made.steps[n - 1].stores))


FAULTS: dict[Callable[[Program], Program], str] = {
    late_load_is_early: "input is not there", staged_too_late: "are not there",
    store_is_missing: "not stored exactly once", stored_twice: "another transfer is under way",
    wrong_place: "is not there", short_load: "input is not there", wrong_number: "numbers are not those of the region",
    outside: "it leaves its memory", no_table: "its table is not there", wrong_parameters: "weights are not there",
    output_over_input: "writes where a transfer is under way"}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_faults_are_found(fault: Callable[[Program], Program]) -> None:
    made = program()
    assert made.external
    assert reasons(made) == ""
    assert FAULTS[fault] in reasons(fault(made))


def test_an_im2col_matrix_is_made_before_it_is_kept() -> None:
    limits = Limits(l1=9_000)
    made = plan(NETWORKS["deep"](Build(np.random.default_rng(3))), limits)
    columns = [step.values["columns"] for step in made.steps]
    assert columns.count(Columns.KEPT) > 1
    assert reasons(made, limits) == ""
    first = columns.index(Columns.MAKE)
    values = {**made.steps[first].values, "columns": int(Columns.OWN)}
    assert "its im2col matrix is not there" in reasons(changed(made, first, values=values), limits)
    kept = columns.index(Columns.KEPT)
    pointers = {**made.steps[kept].pointers, "scratch": made.steps[kept].pointers["scratch"] + 8}
    assert "its im2col matrix is not there" in reasons(changed(made, kept, pointers=pointers), limits)


def test_overlapping_buffers_and_too_many_commands_are_found() -> None:
    made = program()
    first = next(buffer for buffer in made.buffers if buffer.memory == "L1")
    assert "overlaps" in reasons(replace(made, buffers=(*made.buffers, replace(first, offset=first.offset + 1))))
    assert "8 DMA commands" in reasons(changed(made, 4, stores=made.steps[4].stores[:1] * 8))


def test_every_layer_without_a_tile_is_reported() -> None:
    """A row of 40,000 inputs and a block of 4 channels are 160,000 bytes of weights."""
    build = Build(np.random.default_rng(1))
    x = build.input(1, 1, 40_000, "i8")
    a, b = build.linear(x, 4), build.linear(x, 12)
    with pytest.raises(Unsupported) as caught:
        plan(build.network(a, b))
    assert [(d.code, d.where) for d in caught.value.diagnostics] == [("BT5550", "linear0"), ("BT5550", "linear1")]
    assert "there are 109568" in caught.value.diagnostics[0].why
    needed = int(caught.value.diagnostics[0].why.split("needs ")[1].split()[0])
    assert 200_000 < needed < 202_500
    with pytest.raises(Unsupported, match="linear0"):
        plan(build.network(a, b), Limits(l1=needed - 8))
    plan(build.network(a, b), Limits(l1=needed))


def test_too_little_l2_or_l3() -> None:
    network = chain(Build(np.random.default_rng(3)))
    with pytest.raises(Unsupported, match=r"BT5551 pointwise2.*take 4288 bytes.*there are 5000"):
        plan(network, Limits(l2=5_000))
    with pytest.raises(Unsupported, match=r"BT5551 L3: parameters take \d+ bytes.*there are 100"):
        plan(network, Limits(l2=13_000, l3=100))


@pytest.mark.parametrize("limits", [Limits(), SMALL])
def test_the_same_network_gives_the_same_program(limits: Limits) -> None:
    first, second = (plan(skip(Build(np.random.default_rng(4))), limits) for _ in range(2))
    assert first.steps == second.steps
    assert (first.constants, first.external, first.places) == (second.constants, second.external, second.places)
    assert (first.buffers, first.cycles) == (second.buffers, second.cycles)


def test_tiles_cover_the_output_in_whole_blocks_of_channels() -> None:
    network = NETWORKS["chain"](Build(np.random.default_rng(3)))
    made = plan(network, Limits(l1=6_500))
    for layer in network.layers:
        out = network.tensors[layer.output]
        seen = np.zeros((out.height, out.width, out.channels), np.int64)
        for step in made.steps_of(layer):
            r = step.region
            seen[r.rows[0]:r.rows[1], r.columns[0]:r.columns[1], r.channels[0]:r.channels[1]] += 1
            assert r.channels[0] % 4 == 0
        assert (seen == 1).all()
    assert len(made.steps) > len(network.layers)


def test_what_is_in_l1_is_not_loaded_again() -> None:
    """One tile a layer: only the network's input and the parameters are loaded."""
    network = NETWORKS["residual"](Build(np.random.default_rng(3)))
    made = plan(network)
    assert len(made.steps) == len(network.layers)
    loads = [(n, t.label) for n, step in enumerate(made.steps) for t in (*step.late, *step.early)
             if t.label not in ("table", "parameters")]
    assert loads == [(0, "input")]


def test_loads_hide_behind_the_kernel() -> None:
    """A convolution in many tiles: all but the first tile's loads are early, the time is that of its kernels."""
    build = Build(np.random.default_rng(1))
    x = build.input(96, 80, 16)
    made = plan(build.network(build.conv(x, 32, kind=Kind.PARTS)))
    assert len(made.steps) > 4
    assert not any(step.late for step in made.steps[1:])
    moved = sum(t.size for step in made.steps for t in (*step.late, *step.early, *step.stores)) // 8
    exposed = made.cycles[0] - sum(step.compute for step in made.steps)
    assert exposed < 0.3 * moved


def test_regions_are_texts() -> None:
    assert str(Region((0, 2), (1, 3), (4, 8))) == "rows 0:2, columns 1:3, channels 4:8"
