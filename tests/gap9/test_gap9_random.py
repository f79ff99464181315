"""Random networks in random memories, end to end: exact on the cluster and on this computer, or refused and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from bittrue.targets.gap9 import GAP9
from gap9.random_networks import network
from gap9.random_projects import EXACT, REFUSED, options_of, outcome

SEEDS = (12, 31, 48, 51, 59, 164, 252)
"""Networks that need every kernel, memories that need every level."""
NIGHTLY, PARTS = 400, 8


def test_the_seeds_need_all_kernels_and_memories() -> None:
    programs = {seed: GAP9.plan(network(seed), options_of(network(seed), seed)).program for seed in SEEDS}
    assert {layer.kernel for program in programs.values() for layer in program.network.layers} == {
        "conv", "pointwise", "depthwise", "linear", "max_pool", "avg_pool", "add", "requantize", "pad", "lookup"}
    assert any(program.external for program in programs.values()), "nothing is in L3"
    assert any(len(program.steps) > 2 * len(program.network.layers) for program in programs.values()), "no tiles"
    assert any(len(program.network.inputs) > 2 for program in programs.values())


@pytest.mark.parametrize("seed", SEEDS)
def test_exact(seed: int, tmp_path: Path) -> None:
    found = outcome(seed, tmp_path / "project")
    assert found.kind == EXACT, found


@pytest.mark.parametrize("seed", [0, 6, 9, 21, 58, 71])
def test_refused(seed: int, tmp_path: Path) -> None:
    found = outcome(seed, tmp_path / "project")
    assert found.kind == REFUSED, found
    assert not (tmp_path / "project").exists()


@pytest.mark.parametrize("seed", [549, 977, 3573])
def test_unusual_tiles(seed: int, tmp_path: Path) -> None:
    """Views with other rows than their tensor, padded lines that are not whole, tiles that see nothing but zeros."""
    assert outcome(seed, tmp_path / "project").kind in (EXACT, REFUSED)


@pytest.mark.nightly
@pytest.mark.parametrize("part", range(PARTS))
def test_many(part: int, tmp_path: Path) -> None:
    found = {seed: outcome(seed, tmp_path / "project") for seed in range(part, NIGHTLY, PARTS)}
    wrong = {seed: what for seed, what in found.items() if what.kind not in (EXACT, REFUSED)}
    assert not wrong
    assert sum(what.kind == EXACT for what in found.values()) > len(found) // 3
