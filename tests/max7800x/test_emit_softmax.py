"""The softmax in integers, against its written definition and the true one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bittrue.targets.max7800x.emit import softmax_q17p14_q15, softmax_shift_q17p14_q15

SUMS = st.lists(st.integers(-(1 << 31), (1 << 31) - 1), min_size=1, max_size=40)
NEAR = st.lists(st.integers(-100_000, 100_000), min_size=1, max_size=40)
U32 = 1 << 32


def by_hand(values: list[int]) -> list[int]:
    """The definition step by step; no intermediate value leaves 32 bits."""
    exponentials, largest = [], max(values)
    for value in values:
        distance = largest - value
        if distance >= 12 * 16384:
            exponentials.append(0)
            continue
        power = _u32(distance * 11819) >> 13
        whole, part = power // 16384, power % 16384
        inner = 7586 - (_u32(part * 1303) >> 14)
        inner = 22667 - (_u32(part * inner) >> 14)
        root = 32768 - (_u32(part * inner) >> 14)
        exponentials.append(min((root + (1 << whole) // 2) // (1 << whole), 32767))
    total = sum(exponentials)
    return [min(_u32(e * 32768 + total // 2) // total, 32767) for e in exponentials]


def _u32(value: int) -> int:
    assert 0 <= value < U32
    return value


@given(SUMS | NEAR)
def test_equals_the_definition(values: list[int]):
    assert softmax_q17p14_q15(np.array(values, np.int64)).tolist() == by_hand(values)


@given(NEAR)
def test_is_within_a_few_places_of_the_true_one(values: list[int]):
    powers = [math.exp((value - max(values)) / 16384) for value in values]
    true = [min(power / sum(powers) * 32768, 32767) for power in powers]
    got = softmax_q17p14_q15(np.array(values, np.int64))
    assert max(abs(a - b) for a, b in zip(got, true, strict=True)) <= 6


def test_the_largest_network_still_fits():
    assert set(by_hand([5] * 65535)) == {1}
    assert softmax_q17p14_q15(np.full(65535, 5)).tolist() == [1] * 65535


@pytest.mark.parametrize(("values", "shift", "same"), [
    ([100, -3], 4, [1600, -48]), ([1 << 30, -(1 << 30)], 3, [(1 << 31) - 1, -(1 << 31)])])
def test_shifts_and_saturates(values: list[int], shift: int, same: list[int]):
    assert softmax_shift_q17p14_q15(np.array(values), shift).tolist() == by_hand(same)
