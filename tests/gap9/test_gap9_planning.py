"""Planned programs, run tile by tile on bytes, give what whole tensors give."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from bittrue.targets.gap9.kernels import Kind
from bittrue.targets.gap9.legalize import legalize
from bittrue.targets.gap9.network import Network
from bittrue.targets.gap9.planning import Limits, plan
from bittrue.targets.gap9.planning.footprints import job
from bittrue.targets.gap9.planning.tiles import WHOLE, Taste
from bittrue.targets.gap9.planning.variants import Variants
from bittrue.targets.gap9.program import Program
from bittrue.zoo.gap9 import random_graph
from gap9.planning_machine import Machine, When
from gap9.planning_networks import Build, evaluate, samples


def run_exactly(network: Network, limits: Limits, when: When = When.LATEST) -> Program:
    """Plan and run; every tensor must be what the untiled evaluation says."""
    random = np.random.default_rng(5)
    inputs = samples(network, random)
    wanted, program = evaluate(network, inputs), plan(network, limits)
    got = Machine(program, when).run(inputs)
    assert got.keys() == wanted.keys()
    for name, values in wanted.items():
        assert (got[name] == values).all(), name
    return program


def chain(build: Build) -> Network:
    x = build.input(13, 17, 3)
    x = build.conv(x, 16, stride=(2, 1), kind=Kind.NARROW)
    x = build.conv(x, 16, name="depthwise")
    x = build.conv(x, 20, (1, 1), pads=(0, 0, 0, 0), name="pointwise")
    x = build.pool(x, (2, 3), (2, 2), pads=(0, 1, 0, 1))
    return build.network(build.linear(x, 10, Kind.NONE))


def residual(build: Build) -> Network:
    x = build.input(9, 12, 8, "i8")
    a = build.conv(x, 12, bits=4, elem="i8", kind=Kind.SPLIT)
    b = build.conv(a, 12, (1, 3), pads=(0, 1, 0, 1), bits=2, elem="i8")
    c = build.add(a, b, Kind.WIDE, "i8")
    d = build.leaky(c)
    e = build.lookup(d)
    return build.network(build.pool(e, (9, 12), (1, 1), "avg_pool", kind=Kind.WIDE), c)


def concatenated(build: Build) -> Network:
    x = build.input(11, 10, 4)
    whole = build.whole(11, 10, 24)
    a = build.conv(x, 8, into=(whole, 0))
    build.conv(a, 12, (5, 5), pads=(2, 2, 2, 2), into=(whole, 8))
    build.conv(build.slice(whole, 4, 12), 4, dilation=(2, 1), pads=(2, 1, 2, 1), into=(whole, 20))
    y = build.conv(whole, 8, kind=Kind.NONE)
    return build.network(build.requantize(build.pad(build.requantize(y), (1, 0, 4, 0, 2, 8)), Kind.NARROW))


def rows(build: Build) -> Network:
    x = build.input(6, 5, 30, "i8")
    x = build.linear(x, 24, flat=False)
    return build.network(build.linear(x, 7, Kind.NARROW, flat=False))


def skip(build: Build) -> Network:
    """The first tensor is used again at the end; the largest ones are in the middle."""
    x = build.input(16, 14, 4)
    a = build.conv(x, 12)
    b = a
    for channels in (4, 4, 4, 24, 24, 4, 12):
        b = build.conv(b, channels)
    return build.network(build.add(a, b))


def deep(build: Build) -> Network:
    """More parameters than L1 has room for, and few pixels: im2col matrices are kept."""
    x = build.conv(build.input(3, 5, 16), 24, kind=Kind.NARROW)
    x = build.conv(x, 36, stride=(2, 1), kind=Kind.WIDE, bits=4)
    return build.network(build.conv(x, 24, (2, 3), pads=(1, 1, 0, 1), elem="i8"))


NETWORKS: dict[str, Callable[[Build], Network]] = {
    "chain": chain, "residual": residual, "concatenated": concatenated, "rows": rows, "skip": skip, "deep": deep}


@pytest.mark.parametrize("when", When)
@pytest.mark.parametrize("l1", [109_568, 9_000, 6_500])
@pytest.mark.parametrize("name", NETWORKS)
def test_networks_by_hand(name: str, l1: int, when: When) -> None:
    run_exactly(NETWORKS[name](Build(np.random.default_rng(3))), Limits(l1=l1), when)


@pytest.mark.parametrize("when", When)
@pytest.mark.parametrize(("name", "l1", "l2"), [
    ("chain", 9_000, 13_000), ("concatenated", 9_000, 13_000), ("residual", 109_568, 7_000), ("skip", 9_000, 32_000)])
def test_parameters_come_from_l3_where_l2_is_small(name: str, l1: int, l2: int, when: When) -> None:
    network = NETWORKS[name](Build(np.random.default_rng(4)))
    program = run_exactly(network, Limits(l1=l1, l2=l2), when)
    assert len(program.external) > 600
    assert program.spare == 0
    assert sum(len(step.staging) for step in program.steps) > 1
    assert program.arena + len(program.constants) < l2


@pytest.mark.parametrize("when", When)
@pytest.mark.parametrize("l2", [29_000, 22_000])
def test_a_tensor_waits_in_l3(l2: int, when: When) -> None:
    program = run_exactly(skip(Build(np.random.default_rng(4))), Limits(l1=9_000, l2=l2), when)
    assert program.spare == 16 * 14 * 12
    assert [transfer.inward for step in program.steps for transfer in step.staging if transfer.label == "conv0" and
            transfer.size == program.spare] == [False, True]


def random_network(build: Build) -> Network:
    """Slices, branches, windows of several kinds."""
    def pick(*choices: int) -> int:
        return int(build.random.choice(choices))

    x = build.input(pick(7, 12, 20), pick(5, 9, 16), pick(3, 4, 8), "i8")
    for _ in range(4):
        t = build.tensors[x]
        whole = build.whole(t.height, t.width, 28, "i8")
        a = build.conv(x, 12, (3, 1), pads=(1, 0, 1, 0), elem="i8", into=(whole, 0), bits=pick(8, 4, 2))
        build.conv(a, 16, (1, 1), pads=(0, 0, 0, 0), name="pointwise", elem="i8", into=(whole, 12))
        if t.height > 5 and pick(0, 1):
            whole = build.pool(whole, (2, 3), (2, 1), "avg_pool", (0, 1, 1, 1), kind=Kind.WIDE)
        k = pick(1, 3, 5)
        b = build.conv(whole, 28, (k, 3), pads=(k // 2, 1, k // 2, 1), name="depthwise", elem="i8",
                       kind=Kind(pick(0, 1, 4, 5)))
        x = build.requantize(b) if build.tensors[b].elem == "i32" else build.lookup(b)
    t = build.tensors[x]
    mean = build.pool(x, (t.height, t.width), (1, 1), "avg_pool", kind=Kind.SPLIT)
    return build.network(build.linear(mean, 6, Kind.NONE), x)


@pytest.mark.parametrize("seed", range(12))
def test_random_networks(seed: int) -> None:
    network = random_network(Build(np.random.default_rng(seed)))
    l1 = (5_000, 7_000, 12_000, 109_568)[seed % 4]
    l2 = Limits().l2 if seed % 3 else 60_000
    run_exactly(network, Limits(l1=l1, l2=l2), (When.RANDOM, When.LATEST)[seed % 2])


def test_more_pieces_hide_loads() -> None:
    """Layers in as few pieces as are fastest one by one wait for longer, by the planner's own timeline."""
    network, limits = legalize(random_graph("stride2")), Limits()
    variants = Variants(network, [job(network, layer) for layer in network.layers], limits)
    whole, found = variants.variant((WHOLE,) * len(network.layers), Taste()), variants.best(Taste())
    assert whole is not None
    assert sum(found.exposed) < sum(whole.exposed) / 2
    assert found.cost < whole.cost


def wide_then_small(build: Build) -> Network:
    """A first layer whose input does not fit into L1, and a second one that may find all of it there."""
    x = build.input(96, 64, 12)
    return build.network(build.conv(build.conv(x, 4, stride=(3, 2)), 16, (5, 5), pads=(2, 2, 2, 2)))


@pytest.mark.parametrize("when", When)
def test_the_next_layer_finds_what_tiles_put_together_in_l1(when: When) -> None:
    program = run_exactly(wide_then_small(Build(np.random.default_rng(2))), Limits(), when)
    first, second = (program.steps_of(layer) for layer in program.network.layers)
    assert len(first) > 2
    size = 32 * 4
    for step in first:
        assert step.pointers["output"] - first[0].pointers["output"] == step.region.rows[0] * size
    assert [t.label for step in second for t in (*step.late, *step.early) if t.label == "input"] == []
    assert second[0].pointers["input"] == first[0].pointers["output"]


@pytest.mark.parametrize("when", When)
def test_parameters_are_loaded_as_early_as_it_takes_to_hide_them(when: When) -> None:
    """45 KB of weights behind a pool of a few hundred cycles: they come while the convolution runs."""
    build = Build(np.random.default_rng(2))
    x = build.conv(build.input(16, 16, 64), 48, (1, 1), pads=(0, 0, 0, 0), name="pointwise")
    x = build.pool(x, (2, 2), (2, 2))
    network = build.network(build.linear(x, 15))
    program = run_exactly(network, Limits(), when)
    steps = [number for number, step in enumerate(program.steps) for t in step.early
             if t.label == "parameters" and t.size > 40_000]
    pool = program.steps_of(network.layers[1])
    assert [program.steps[number] for number in steps] == [pool[0]]
    assert sum(program.cycles[1:]) < sum(step.compute for step in program.steps[-len(pool) - 1:]) + 900 * len(pool)


def test_rows_are_read_beyond_an_input_that_is_not_loaded_again() -> None:
    """2-bit rows of 7 weights are read up to 16; the image is in L1 already, as the sum's input."""
    build = Build(np.random.default_rng(6))
    x = build.input(1, 74, 7, "i8")
    network = build.network(build.add(x, x, Kind.NARROW), build.linear(x, 27, bits=2, flat=False))
    program = run_exactly(network, Limits(l1=9_000), When.LATEST)
    for number, step in enumerate(program.steps):
        if step.layer == 1:
            assert not any(t.label == "input" for t in (*step.late, *step.early))
            begin = step.pointers["input"]
            assert [1 for held in program.buffers if held.memory == "L1" and held.first <= number <= held.last and
                    held.offset <= begin and begin + 7 * (step.values["rows"] - 1) + 16 <=
                    held.offset + held.size] == [1]


@pytest.mark.parametrize("when", When)
@pytest.mark.parametrize("name", ["lookup", "pool", "pad", "pixel", "alike"])
def test_networks_without_parameters_and_of_one_step(name: str, when: When) -> None:
    build = Build(np.random.default_rng(7))
    x = build.input(1, 1, 1, "i8") if name == "pixel" else build.input(9, 5, 6, "i8")
    layers = {"lookup": lambda: build.lookup(x), "pool": lambda: build.pool(x, (9, 5), (1, 1)),
              "pad": lambda: build.pad(x, (2, 1, 0, 0, 3, 0)), "pixel": lambda: build.requantize(x),
              "alike": lambda: build.pool(build.pool(x, (1, 1), (1, 1)), (1, 1), (1, 1))}
    program = run_exactly(build.network(layers[name]()), Limits(), when)
    if name in ("pool", "pad", "alike"):
        assert program.constants == b""
    assert program.external == b""
