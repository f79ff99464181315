"""Unicorn as an independent judge of RV32IMC."""

from __future__ import annotations

import pytest
from gap9.random_programs import program
from gap9.unicorn_judge import differences


@pytest.mark.parametrize("block", range(10))
def test_random_programs(block: int) -> None:
    """Registers and memory are the same at the end of forty random programs."""
    assert [found for seed in range(block * 40, block * 40 + 40) if (found := differences(program(seed)))] == []


@pytest.mark.nightly
@pytest.mark.parametrize("block", range(100))
def test_many_random_programs(block: int) -> None:
    seeds = range(10**6 + block * 100, 10**6 + block * 100 + 100)
    assert [found for seed in seeds if (found := differences(program(seed)))] == []
