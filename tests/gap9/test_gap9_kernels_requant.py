"""Requantization in 32-bit words against exact fractions, at the ends of every range that a kind is exact for."""

from __future__ import annotations

import numpy as np
import pytest

from bittrue.errors import Unsupported
from bittrue.ir import Rounding
from bittrue.ir.ops import Requant
from bittrue.ir.types import IntType
from bittrue.targets.gap9.kernels import Kind, RequantTable, plan_division, plan_requant
from gap9.kernel_builds import Call, Ints, typed
from gap9.kernel_reference import requantized, rounded

I8, U8 = IntType(8, True), IntType(8, False)
INT_MIN, INT_MAX = -(1 << 31), (1 << 31) - 1
Numbers = tuple[int, int, int]


def kernel(table: RequantTable, accs: Ints, signed: bool = True) -> Ints:
    """The C kernel on accumulators (pixels, channels), by 3 cores."""
    call = Call("requantize")
    raw = call.run(accs.size, 3, input=call.address(accs, np.int32), requant=call.requant(table), in_type=4,
                   pixels=accs.shape[0], channels=accs.shape[1], in_pitch=accs.shape[1], out_pitch=accs.shape[1])
    return typed(raw, np.int8 if signed else np.uint8, accs.shape)


def planned(op: Requant, numbers: list[Numbers], accs: Ints) -> RequantTable:
    """A table for exactly the accumulators (pixels, channels)."""
    m, o, s = (np.array(column, np.int64) for column in zip(*numbers, strict=True))
    return plan_requant(op, (m, o, s), (accs.min(axis=0), accs.max(axis=0)))


def expected(op: Requant, numbers: list[Numbers], accs: Ints) -> list[list[int]]:
    slope = op.slope_multiplier, op.slope_shift
    return [[requantized(int(a), n, op.rounding, (op.lo, op.hi), slope) for a, n in zip(row, numbers, strict=True)]
            for row in accs]


def check(op: Requant, numbers: list[Numbers], accs: Ints, kind: Kind) -> None:
    table = planned(op, numbers, accs)
    assert table.kind is kind
    assert kernel(table, accs, op.out.signed).tolist() == expected(op, numbers, accs)


def around(numbers: Numbers, lowest: int, highest: int, levels: range) -> list[int]:
    """The accumulators around every step of a channel, and the ends of its range."""
    m, o, s = numbers
    found = [lowest, lowest + 1, -1, 0, 1, highest - 1, highest]
    for level in levels if m else ():
        for half in (0, 1 << s >> 1):
            step = ((level << s) - half - o) // m
            found += [step - 1, step, step + 1, step + 2]
    return sorted({min(max(acc, lowest), highest) for acc in found})


@pytest.mark.parametrize("rounding", list(Rounding))
def test_powers_of_two_are_narrow(rounding: Rounding) -> None:
    op = Requant(I8, -128, 127, rounding)
    kinds = {Rounding.HALF_EVEN: Kind.NARROW_EVEN, Rounding.HALF_AWAY: Kind.SPLIT, Rounding.TOWARD_ZERO: Kind.SPLIT}
    numbers = [(1, 0, 4), (1, 5, 4), (1, -3, 3)]
    accs = np.repeat(np.arange(-2200, 2200), 3).reshape(-1, 3)
    check(op, numbers, accs, kinds.get(rounding, Kind.NARROW))


@pytest.mark.parametrize("rounding", list(Rounding))
def test_a_clamp_at_zero_needs_no_sign(rounding: Rounding) -> None:
    op = Requant(U8, 0, 255, rounding)
    accs = np.arange(-300, 5000).reshape(-1, 1)
    check(op, [(3, 1, 5)], accs, Kind.NARROW_EVEN if rounding is Rounding.HALF_EVEN else Kind.NARROW)


def test_ties_that_cannot_happen_cost_nothing() -> None:
    """With an offset of 1/3 of a step no accumulator lies in the middle of two levels."""
    accs = np.arange(-500, 500).reshape(-1, 1)
    for rounding in (Rounding.HALF_EVEN, Rounding.HALF_AWAY):
        check(Requant(I8, -128, 127, rounding), [(8, 3, 6)], accs, Kind.NARROW)


@pytest.mark.parametrize("numbers", [(INT_MAX, 0, 56), (INT_MIN, 1, 56), (-INT_MAX, (1 << 61) - 1, 55),
                                     (1518500249, -(1 << 60), 54), (3, 0, 26), (INT_MAX, -1, 62), (0, 77 << 40, 40)])
@pytest.mark.parametrize("rounding", [Rounding.FLOOR, Rounding.HALF_UP])
def test_wide_is_exact_for_all_accumulators(numbers: Numbers, rounding: Rounding) -> None:
    """Also next to every step, with accumulators and multipliers at the ends of 32 bits."""
    accs = np.array(around(numbers, INT_MIN, INT_MAX, range(-129, 129)), np.int64).reshape(-1, 1)
    check(Requant(I8, -128, 127, rounding), [numbers], accs, Kind.WIDE if numbers[0] else Kind.PARTS)


@pytest.mark.parametrize("rounding", list(Rounding))
def test_general_is_exact_at_its_ends(rounding: Rounding) -> None:
    """31-bit multipliers with small shifts, values up to 2**62 and every rounding with a slope."""
    op = Requant(I8, -128, 127, rounding, 77, 9)
    for numbers, limit in (((INT_MAX, 12345, 40), 1 << 23), ((INT_MIN, -1, 31), 1 << 24), ((1, 1 << 40, 33), INT_MAX),
                           ((-1023, 3, 0), 1000), ((7, -2, 1), 1 << 20), ((1 << 20, 1 << 19, 21), 1 << 26)):
        accs = np.array(around(numbers, -limit, limit, range(-129, 129, 7)), np.int64).reshape(-1, 1)
        forced = RequantTable(Kind.GENERAL, (numbers,), (), False, -128, 127, rounding, 77, 9)
        assert kernel(forced, accs).tolist() == expected(op, [numbers], accs)


@pytest.mark.parametrize("shift", [0, 1, 2, 31, 32, 33, 34, 61, 62])
@pytest.mark.parametrize("rounding", list(Rounding))
def test_general_at_every_word_boundary(shift: int, rounding: Rounding) -> None:
    """Values around each step of a shift that lies next to the boundary of the two words."""
    numbers = [(1, (level << shift) + part, shift) for level in (-3, -2, -1, 0, 1)
               for part in {-1, 0, 1, (1 << shift >> 1) - 1, 1 << shift >> 1, (1 << shift >> 1) + 1}
               if abs((level << shift) + part) < 1 << 62]
    accs = np.zeros((1, len(numbers)), np.int64)
    forced = RequantTable(Kind.GENERAL, tuple(numbers), (), True, -128, 127, rounding)
    assert kernel(forced, accs).tolist() == expected(Requant(I8, -128, 127, rounding), numbers, accs)


def test_general_clamps_quotients_beyond_a_word() -> None:
    forced = RequantTable(Kind.GENERAL, ((INT_MAX, 0, 1),), (), False, -7, 99)
    accs = np.array([[INT_MAX], [INT_MIN], [0], [1 << 30]])
    assert kernel(forced, accs).tolist() == [[99], [-7], [0], [99]]


@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize("slope", [(1, 0), (13, 8), (0, 0), (3, 1)])
def test_random_layers(rounding: Rounding, slope: tuple[int, int]) -> None:
    """Whatever kind is chosen: 4 channels with multipliers of 1 to 31 bits, rising and falling."""
    random = np.random.default_rng(rounding.value.encode()[0] + slope[0])
    for bits in (1, 6, 15, 23, 31):
        limit = int(random.integers(50, 1 << 24))
        signs = random.choice([-1, 1], 4)
        multipliers = [int(sign * random.integers(1 << (bits - 1), 1 << bits)) for sign in signs]
        shifts = [max(0, (abs(m) * limit // int(random.integers(60, 300))).bit_length()) for m in multipliers]
        numbers = [(m, int(random.integers(-(1 << s), 1 << s)), s) for m, s in zip(multipliers, shifts, strict=True)]
        accs = random.integers(-limit, limit + 1, (200, 4))
        op = Requant(I8, -120, 121, rounding, *slope)
        table = planned(op, numbers, accs)
        assert kernel(table, accs).tolist() == expected(op, numbers, accs), (table.kind, numbers)


def test_slope_as_two_floors() -> None:
    """LeakyReLU(13/256) after a 24-bit multiplier: the sign changes at another accumulator in every channel."""
    numbers = [(9_000_001, 3 << 20, 34), (-9_000_001, 5 << 22, 34), (0, -(50 << 34), 34), (0, 50 << 34, 34)]
    accs = np.array([[a] * 4 for a in (-200_000, -99_999, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 150_001)])
    for rounding in (Rounding.HALF_UP, Rounding.HALF_AWAY, Rounding.TOWARD_ZERO, Rounding.FLOOR):
        check(Requant(I8, -128, 127, rounding, 13, 8), numbers, accs, Kind.SPLIT)


def test_narrow_at_the_ends_of_a_word() -> None:
    """acc*m + o reaches 2**31 - 1 and -2**31 exactly: one more is no longer narrow."""
    op = Requant(I8, -128, 127, Rounding.FLOOR)
    accs = np.array([[-(1 << 15)], [(1 << 15) - 1], [0], [-1]])
    check(op, [(1 << 16, (1 << 16) - 1, 24)], accs, Kind.NARROW)
    check(op, [(1 << 16, 1 << 16, 24)], accs, Kind.PARTS)


@pytest.mark.parametrize("numbers", [(99_001, 12345, 30), (-99_001, (5 << 28) + 77, 30), (8 << 8, -1, 27),
                                     (127 + (1 << 19), -(1 << 37) - 1, 28), (-(1 << 20) - 129, 3, 29)])
@pytest.mark.parametrize("rounding", [Rounding.FLOOR, Rounding.HALF_UP])
def test_a_multiplier_in_parts_next_to_every_step(numbers: Numbers, rounding: Rounding) -> None:
    accs = np.array(around(numbers, -(1 << 20), 1 << 20, range(-129, 129)), np.int64).reshape(-1, 1)
    check(Requant(I8, -128, 127, rounding), [numbers], accs, Kind.PARTS)


def test_the_ends_of_parts() -> None:
    """m = 3 * 2**20 + 1 in 16 bits: beyond accumulators of 2**26 the part above leaves a word."""
    op, numbers = Requant(I8, -128, 127, Rounding.FLOOR), (3 * (1 << 20) + 1, 0, 46)
    for limit, kind in ((44_000_000, Kind.PARTS), (45_000_000, Kind.WIDE)):
        accs = np.array(around(numbers, -limit, limit, range(-3, 4)), np.int64).reshape(-1, 1)
        check(op, [numbers], accs, kind)


def test_one_number_of_low_bits_serves_all_channels() -> None:
    """Alone, each of these channels has parts; the one needs few low bits, the other many."""
    op = Requant(I8, -128, 127, Rounding.HALF_UP)
    few, many = (3, 0, 31), ((1 << 29) + 12345, 0, 42)
    ends = {few: 1 << 30, many: 1 << 14}
    for numbers, end in ends.items():
        check(op, [numbers], np.array([[-end], [end - 1], [7]]), Kind.PARTS)
    accs = np.array([[-(1 << 30), -(1 << 14)], [(1 << 30) - 1, (1 << 14) - 1], [5, -5]])
    check(op, [few, many], accs, Kind.WIDE)


@pytest.mark.parametrize("divisor", [1, 2, 3, 6, 9, 16, 49, 100])
@pytest.mark.parametrize("rounding", list(Rounding))
def test_division(divisor: int, rounding: Rounding) -> None:
    from fractions import Fraction

    accs = np.array([*range(-700, 700), -12700, 12345]).reshape(-1, 1)
    table = plan_division(divisor, rounding, -128, 127, (-12700, 12345))
    assert (table.kind is Kind.DIVIDE) == (divisor not in (1, 2, 16))
    wanted = [[max(-128, min(127, rounded(Fraction(int(a), divisor), rounding)))] for a in accs[:, 0]]
    assert kernel(table, accs).tolist() == wanted


def test_division_by_the_largest_divisor() -> None:
    accs = np.array([[INT_MIN], [INT_MAX], [-1], [1 << 30], [-(1 << 30)]])
    table = plan_division(INT_MAX, Rounding.HALF_UP, -128, 127, (INT_MIN, INT_MAX))
    assert kernel(table, accs).tolist() == [[-1], [1], [0], [1], [-1]]


def test_everything_beyond_the_integers_is_named() -> None:
    op = Requant(I8, -128, 127, Rounding.HALF_EVEN)
    numbers = np.array([1 << 40, 5, 1]), np.array([0, 0, 0]), np.array([45, 4, 63])
    with pytest.raises(Unsupported) as caught:
        plan_requant(op, numbers, (np.array([-9, -9, -9]), np.array([9, 9, 9])), "conv1")
    assert [(d.code, d.where) for d in caught.value.diagnostics] == [("BT5530", "conv1, channel 0"),
                                                                    ("BT5530", "conv1, channel 2")]
