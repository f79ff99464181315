"""Which of the kernels' requantizations is exact for given numbers, and its table.

The kinds are described in `source/bt_requant.h`. A kind is taken only where it equals the graph's `Requant` for *every*
accumulator of the channel's proved range. All of this is integer arithmetic on Python's unbounded integers:

* a floor needs no rounding step: FLOOR adds 0 to the offset, HALF_UP 2**(shift-1). HALF_AWAY, TOWARD_ZERO and a slope
  add another number below zero; a clamp at 0 or above makes the two the same, else the accumulator where the sign
  changes splits the table (SPLIT). HALF_EVEN is HALF_UP if no tie that would go to an odd value can occur.
* NARROW works modulo 2**32: exact if acc*m + o stays within 32 bits at both ends of the range.
* PARTS is a floor of a floor: a multiplier m = m1 * 2**b + m0 and an offset o = o1 * 2**b + o0 give acc*m1 + o1 +
  ((acc*m0 + o0) >> b), the floor of (acc*m + o) / 2**b, if both sums stay within 32 bits; b is one for all channels.
* WIDE takes the high word: exact if m * 2**(32-shift) is an int32 (for shifts below 32, else m itself), whatever the
  accumulator; the sum has to stay within 64 bits.
* GENERAL takes the graph's numbers as they are; m must be an int32, shifts up to 62, all values below 2**62.

All channels of a layer use one kind: the first of the list that is exact for every channel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType

import numpy as np

from ....errors import Diagnostic, Unsupported, declare
from ....ir import IntArray, Rounding
from ....ir.ops import Requant
from ....ir.types import I32

declare({"BT5530": "a requantization is beyond the kernels' integers"})

MAX_SHIFT = 62
MAX_LEVELS = 1 << 12
"""Ties are looked for at every output level; a requantization with more levels is taken to have them."""
SCALE_BYTES = 16


class Kind(IntEnum):
    """The kinds of requantization, numbered as in `bt_requant.h`, fastest first."""

    NONE = 0
    NARROW = 1
    NARROW_EVEN = 2
    PARTS = 3
    WIDE = 4
    SPLIT = 5
    GENERAL = 6
    DIVIDE = 7


ROUNDINGS: Mapping[Rounding, int] = MappingProxyType({
    Rounding.FLOOR: 0, Rounding.HALF_UP: 1, Rounding.HALF_EVEN: 2, Rounding.HALF_AWAY: 3, Rounding.TOWARD_ZERO: 4})
"""The numbers of the roundings in `bt_requant.h`."""

Scale = tuple[int, int, int]
"""Multiplier, offset, shift, as a kind stores them."""


@dataclass(frozen=True)
class RequantTable:
    """A requantization as the kernels take it: the fields of `bt_requant`, and the tables that two of them point to."""

    kind: Kind
    scales: tuple[Scale, ...] = ()
    """One per channel (SPLIT: two, at or above the split first), or one for all."""
    splits: tuple[int, ...] = ()
    """SPLIT: the first accumulator of the first scale, per channel or one for all."""
    per_channel: bool = False
    lo: int = 0
    hi: int = 0
    rounding: Rounding = Rounding.FLOOR
    slope_multiplier: int = 1
    slope_shift: int = 0
    """GENERAL; PARTS: bits of the multiplier's low part."""

    @property
    def element_bytes(self) -> int:
        """Bytes of one output element."""
        return 4 if self.kind is Kind.NONE else 1

    def fields(self) -> dict[str, int]:
        """The integer fields of `bt_requant`."""
        return {"per_channel": int(self.per_channel), "kind": int(self.kind), "lo": self.lo, "hi": self.hi,
                "rounding": ROUNDINGS[self.rounding], "slope_multiplier": self.slope_multiplier,
                "slope_shift": self.slope_shift}

    def scale_words(self, multiple: int = 4) -> IntArray:
        """The table `scales` as 32-bit words (records, 4), signed; per channel filled up to a multiple of channels."""
        records = [(_signed(m), _signed(o), o >> 32, s) for m, o, s in self.scales]
        width = 2 if self.kind is Kind.SPLIT else 1
        missing = -len(records) % (multiple * width) if self.per_channel else 0
        return np.array(records + [(0, 0, 0, 0)] * missing, np.int64).reshape(-1, 4)


NO_REQUANT = RequantTable(Kind.NONE)
"""The accumulators themselves, as 32-bit words."""


def _signed(value: int) -> int:
    """The low word of an integer, signed."""
    return ((value + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)


def _fits(value: int, bits: int) -> bool:
    return -(1 << (bits - 1)) <= value < 1 << (bits - 1)


@dataclass(frozen=True)
class _Channel:
    """The graph's numbers of one channel, and the accumulators that can occur."""

    multiplier: int
    offset: int
    shift: int
    first: int
    last: int
    op: Requant

    @property
    def half(self) -> int:
        return 1 << (self.shift - 1) if self.shift else 0

    def value(self, acc: int) -> int:
        return acc * self.multiplier + self.offset

    @property
    def ends(self) -> tuple[int, int]:
        low, high = sorted((self.value(self.first), self.value(self.last)))
        return low, high

    @property
    def one_sign(self) -> int | None:
        """1 where negative values do not matter (a clamp at 0 swallows them), -1 where all are negative."""
        low, high = self.ends
        return 1 if low >= 0 or self.op.lo >= 0 else -1 if high < 0 else None

    def tie_at(self, level: int) -> bool:
        """Whether an accumulator lies exactly between level - 1 and level."""
        wanted = (level << self.shift) - self.half - self.offset
        if not self.shift:
            return False
        if not self.multiplier:
            return wanted == 0
        acc, rest = divmod(wanted, self.multiplier)
        return rest == 0 and self.first <= acc <= self.last

    def ties(self, odd_only: bool, highest: int) -> bool:
        """Whether a tie to one of the levels lo+1 to `highest` can occur; of many levels, always."""
        levels = range(self.op.lo + 1, min(self.op.hi, highest) + 1)
        return len(levels) > MAX_LEVELS or any(self.tie_at(q) for q in levels if q % 2 or not odd_only)


def _bias(channel: _Channel, sign: int) -> int:
    """What is added so that a floor rounds as the op does, for values of one sign."""
    half, negative = channel.half, sign < 0
    return {Rounding.FLOOR: 0, Rounding.HALF_UP: half, Rounding.HALF_EVEN: half,
            Rounding.HALF_AWAY: half - (negative and half > 0),
            Rounding.TOWARD_ZERO: (1 << channel.shift) - 1 if negative else 0}[channel.op.rounding]


def _floor(channel: _Channel) -> Scale | None:
    """Numbers with which a floor alone is the requantization, if there are any."""
    op, sign = channel.op, channel.one_sign
    steep = (op.slope_multiplier, op.slope_shift) != (1, 0)
    if op.rounding is Rounding.HALF_EVEN and channel.ties(True, op.hi):
        return None
    if sign is None and op.rounding is Rounding.HALF_AWAY and not steep and not channel.ties(False, 0):
        sign = 1
    if sign is None and not steep and op.rounding not in (Rounding.HALF_AWAY, Rounding.TOWARD_ZERO):
        sign = 1
    if sign is None or (sign < 0 and steep):
        return None
    return channel.multiplier, channel.offset + _bias(channel, sign), channel.shift


def _within(scale: Scale, channel: _Channel, bits: int) -> bool:
    return all(_fits(acc * scale[0] + scale[1], bits) for acc in (channel.first, channel.last))


def _narrow_scale(scale: Scale, channel: _Channel) -> Scale | None:
    return scale if scale[2] <= 31 and _within(scale, channel, 32) else None


def _wide_scale(scale: Scale, channel: _Channel) -> Scale | None:
    """The same function with a shift of at least 32, which is stored less 32."""
    up = max(0, 32 - scale[2])
    wide = scale[0] << up, scale[1] << up, scale[2] + up - 32
    exact = _fits(wide[0], 32) and _fits(wide[1], 64) and wide[2] <= 31 and _within(wide, channel, 64)
    return wide if exact else None


def _narrow(channel: _Channel) -> list[Scale] | None:
    scale = _floor(channel)
    narrow = scale and _narrow_scale(scale, channel)
    return [narrow] if narrow else None


def _narrow_even(channel: _Channel) -> list[Scale] | None:
    if channel.op.rounding is not Rounding.HALF_EVEN or (channel.op.slope_multiplier, channel.op.slope_shift) != (1, 0):
        return None
    up = 0 if channel.shift else 1  # a shift of 0 rounds nothing; doubled, it is a shift of 1
    multiplier, offset, shift = channel.multiplier << up, channel.offset << up, channel.shift + up
    below_half = (1 << (shift - 1)) - 1
    ends = [acc * multiplier + offset + extra for acc in (channel.first, channel.last) for extra in (0, below_half + 1)]
    if shift > 30 or not all(_fits(end, 32) for end in ends):
        return None
    return [(_signed(multiplier), (_signed(offset) & 0xFFFFFFFF) + (below_half << 32), shift)]


LOW_BITS = range(1, 17)
"""How many bits the low part of a multiplier may have."""


def _parts_scale(scale: Scale, channel: _Channel, bits: int) -> Scale | None:
    """The record of BT_PARTS, or None if it is not exact."""
    multiplier, offset, shift = scale
    high = (multiplier + (1 << (bits - 1))) >> bits
    low, rest = multiplier - (high << bits), offset & ((1 << bits) - 1)
    exact = (0 <= shift - bits <= 31 and _fits(high, 32) and _fits(offset >> bits, 32)
             and _within((low, rest, 0), channel, 32) and _within(scale, channel, 32 + bits))
    return (high, (offset >> bits << 32) + (low & 0xFFFFFFFF), shift - bits + (rest << 5)) if exact else None


def _parts(channels: Sequence[_Channel]) -> tuple[int, list[Scale]] | None:
    """Bits of the low parts, and a record for every channel."""
    floors = [(_floor(channel), channel) for channel in channels]
    for bits in LOW_BITS:
        scales = [scale and _parts_scale(scale, channel, bits) for scale, channel in floors]
        if all(scales):
            return bits, [scale for scale in scales if scale]
    return None


def _wide(channel: _Channel) -> list[Scale] | None:
    scale = _floor(channel)
    wide = scale and _wide_scale(scale, channel)
    return [wide] if wide else None


def _split(channel: _Channel) -> list[Scale] | None:
    """The scales of values at or above the accumulator `_split_at`, and below it."""
    op = channel.op
    if op.rounding is Rounding.HALF_EVEN:
        return None
    positive = channel.multiplier, channel.offset + _bias(channel, 1), channel.shift
    steeper = _Channel(channel.multiplier * op.slope_multiplier, channel.offset * op.slope_multiplier,
                       channel.shift + op.slope_shift, channel.first, channel.last, op)
    negative = steeper.multiplier, steeper.offset + _bias(steeper, -1), steeper.shift
    wide = _wide_scale(positive, channel), _wide_scale(negative, channel)
    if wide[0] is None or wide[1] is None:
        return None
    return [wide[0], wide[1]] if _rises(channel) else [wide[1], wide[0]]


def _rises(channel: _Channel) -> bool:
    return channel.multiplier > 0 or (channel.multiplier == 0 and channel.offset >= 0)


def _split_at(channel: _Channel) -> int:
    """The first accumulator of the first scale: where the value becomes positive (of a falling one: negative)."""
    m, o = channel.multiplier, channel.offset
    first = -(o // m) if m > 0 else o // -m + 1 if m < 0 else -(1 << 31)
    return max(-(1 << 31), min(first, (1 << 31) - 1))


def _general(channel: _Channel) -> list[Scale] | None:
    op = channel.op
    largest = max(map(abs, channel.ends)) * max(1, op.slope_multiplier)
    rounded = largest + (1 << (channel.shift + op.slope_shift))
    exact = _fits(channel.multiplier, 32) and channel.shift + op.slope_shift <= MAX_SHIFT and rounded < 1 << 63
    return [(channel.multiplier, channel.offset, channel.shift)] if exact else None


_KINDS: Mapping[Kind, Callable[[_Channel], list[Scale] | None]] = MappingProxyType({
    Kind.NARROW: _narrow, Kind.NARROW_EVEN: _narrow_even, Kind.WIDE: _wide, Kind.SPLIT: _split,
    Kind.GENERAL: _general})


def plan_requant(op: Requant, parameters: tuple[IntArray, IntArray, IntArray], acc: tuple[IntArray, IntArray],
                 where: str = "requantization") -> RequantTable:
    """The fastest exact kind for the op with (multiplier, offset, shift), each (C,) or (1,).

    `acc` are the smallest and largest accumulators, (C,) or (1,); of one channel's parameters for all, all of them
    count. Raises `Unsupported` (BT5530), naming every channel that no kind can do.
    """
    channels = _channels(op, parameters, acc)
    for kind, scale_of in _KINDS.items():
        if kind is Kind.WIDE and (parts := _parts(channels)):
            return RequantTable(Kind.PARTS, tuple(parts[1]), (), len(channels) > 1, op.lo, op.hi, op.rounding, 1,
                                parts[0])
        scales = [scale_of(channel) for channel in channels]
        if all(found is not None for found in scales):
            splits = tuple(map(_split_at, channels)) if kind is Kind.SPLIT else ()
            return RequantTable(kind, tuple(s for found in scales for s in found or ()), splits, len(channels) > 1,
                                op.lo, op.hi, op.rounding, op.slope_multiplier, op.slope_shift)
    raise Unsupported(*_refusals(channels, where))


def _channels(op: Requant, parameters: tuple[IntArray, IntArray, IntArray],
              acc: tuple[IntArray, IntArray]) -> list[_Channel]:
    count = parameters[0].size
    low, high = (acc[0].ravel(), acc[1].ravel()) if count > 1 else (acc[0].min().ravel(), acc[1].max().ravel())
    columns = (np.broadcast_to(a.ravel(), (count,)).tolist() for a in (*parameters, low, high))
    return [_Channel(m, o, s, first, last, op) for m, o, s, first, last in zip(*columns, strict=True)]


def _refusals(channels: list[_Channel], where: str) -> Iterator[Diagnostic]:
    for index, channel in enumerate(channels):
        if _general(channel) is None:
            yield Diagnostic(
                "BT5530", f"{where}, channel {index}",
                f"multiplier {channel.multiplier}, shift {channel.shift} and accumulators of {channel.first} to "
                f"{channel.last} leave 32-bit multipliers, shifts of {MAX_SHIFT} or 62-bit values",
                "synthesize the requantization with multipliers of at most 31 bits")


def plan_division(divisor: int, rounding: Rounding, lo: int, hi: int, acc: tuple[int, int]) -> RequantTable:
    """Exact division of a sum, for a mean: by a shift where the divisor is a power of two, else by dividing.

    `acc` are the smallest and largest sums, `divisor` is 1 to 2**31-1; the result is clamped to lo..hi.
    """
    if divisor & (divisor - 1) == 0:
        op = Requant(I32, lo, hi, rounding)
        numbers = np.array([1]), np.array([0]), np.array([divisor.bit_length() - 1])
        return plan_requant(op, numbers, (np.array([acc[0]]), np.array([acc[1]])))
    return RequantTable(Kind.DIVIDE, ((divisor, 0, 0),), (), False, lo, hi, rounding)
