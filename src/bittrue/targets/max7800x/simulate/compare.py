"""Compares what the layers wrote to data memory with what the oracle says, word by word under the tensors' bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ....ir import IntArray
from ...base import FirstDifference
from ..accelerator import LayerRecord
from ..device import ADDRESSES
from ..lower.answers import layer_area, layer_words, ring
from ..lower.words import DataWords, Row, rows
from ..memory import Area
from ..network import DATA_BITS
from ..plan import Max7800xPlan
from ..program import Words

KIND = "data"


@dataclass(frozen=True, eq=False)
class Expected:
    """What one layer must leave in data memory for one sample."""

    name: str
    area: Area
    rows: tuple[Row, ...]
    """What shares a word, in the order of one pixel's words."""
    data: DataWords
    circular: bool
    """Whether words are written several times, because the next layer reads them from a circular buffer."""


def expected_layers(plan: Max7800xPlan, tensors: Sequence[IntArray]) -> tuple[Expected, ...]:
    """For every layer of the network; `tensors` are its values (C, ...) for one sample."""
    areas = [layer_area(plan, index) for index in range(len(tensors))]
    return tuple(Expected(layer.name, area, rows(area), data, ring(plan, index) is not None)
                 for index, (layer, area, data) in enumerate(zip(plan.network.layers, areas,
                                                                 layer_words(plan, tensors), strict=True)))


@dataclass
class Tally:
    """Differences of one layer over all samples."""

    plan: Max7800xPlan
    name: str
    compared: int = 0
    differences: int = 0
    first: FirstDifference | None = None

    def compare(self, expected: Expected, record: LayerRecord | None, sample: int) -> None:
        """Compare a layer's words for one sample; a layer that never ran has written nothing."""
        got, written = _found(expected, record, self.plan)
        wrong = ((expected.data.values ^ got) | ~written) & expected.data.masks
        self.compared += int(np.bitwise_count(expected.data.masks).sum()) // _bits(expected)
        places = np.flatnonzero(wrong)
        self.differences += sum(_lanes(int(wrong[place]), expected) for place in places)
        if len(places) and self.first is None:
            self.first = self._located(expected, got, written, wrong, int(places[0]), sample)

    def _located(self, expected: Expected, got: Words, written: Words, wrong: Words, place: int,
                 sample: int) -> FirstDifference:
        pixel, number = divmod(place, len(expected.rows))
        bits, row = _bits(expected), expected.rows[number]
        lowest = int(wrong[place]) & -int(wrong[place])
        shift = 0 if expected.area.wide else (lowest.bit_length() - 1) // bits * bits
        channel = next(c for c, lane in row.lanes if expected.area.wide or lane * DATA_BITS == shift)
        word = int(expected.data.words[place])
        instance, inner = divmod(word, self.plan.device.data.words)
        address = ADDRESSES[self.plan.device.name].data(instance * self.plan.device.shared, 4 * inner)
        width = expected.area.dim[1]
        where = {"sample": sample, "channel": channel, "row": pixel // width, "column": pixel % width,
                 "memory instance": instance, "word": inner, "byte": shift // DATA_BITS}
        return FirstDifference(KIND, f"{self.name} (address {address:#010x})", where,
                               _binary(int(expected.data.values[place]), shift, bits),
                               _binary(int(got[place]), shift, bits) if written[place] else "nothing written")


def _bits(expected: Expected) -> int:
    return 32 if expected.area.wide else DATA_BITS


def _lanes(wrong: int, expected: Expected) -> int:
    """How many elements of a word differ."""
    bits = _bits(expected)
    return sum(1 for shift in range(0, 32, bits) if wrong >> shift & (1 << bits) - 1)


def _binary(word: int, shift: int, bits: int) -> str:
    return f"{word >> shift & (1 << bits) - 1:0{bits}b}"


def _found(expected: Expected, record: LayerRecord | None, plan: Max7800xPlan) -> tuple[Words, Words]:
    """For every expected word what was written there, and which of its bits were written."""
    nothing = np.zeros(expected.data.words.shape, np.uint32)
    if record is None:
        return nothing, nothing
    return _in_order(expected, record, plan) if expected.circular else _last(expected, record, plan)


def _last(expected: Expected, record: LayerRecord, plan: Max7800xPlan) -> tuple[Words, Words]:
    """What remains of all writes, byte by byte."""
    size = plan.device.data_instances * plan.device.data.words
    values, masks = np.zeros(size, np.uint32), np.zeros(size, np.uint32)
    for lane in range(4):
        bits = np.uint32(0xFF << lane * DATA_BITS)
        mine = np.flatnonzero(record.masks & bits)
        words = record.words[mine]
        values[words] = values[words] & ~bits | record.values[mine] & bits
        masks[words] |= bits
    return values[expected.data.words], masks[expected.data.words]


def _in_order(expected: Expected, record: LayerRecord, plan: Max7800xPlan) -> tuple[Words, Words]:
    """The writes themselves, instance by instance in their order; those to other words count as not made."""
    values, masks = (np.zeros(expected.data.words.shape, np.uint32) for _ in range(2))
    for instance in {row.instance for row in expected.rows}:
        wanted = np.flatnonzero(expected.data.words // plan.device.data.words == instance)
        made = np.flatnonzero(record.words // plan.device.data.words == instance)[:len(wanted)]
        wanted = wanted[:len(made)]
        same = record.words[made] == expected.data.words[wanted]
        values[wanted[same]], masks[wanted[same]] = record.values[made[same]], record.masks[made[same]]
    return values, masks


@dataclass
class Comparison:
    """Collects the differences of all layers and samples."""

    plan: Max7800xPlan
    tallies: list[Tally] = field(init=False)

    def __post_init__(self) -> None:
        self.tallies = [Tally(self.plan, layer.name) for layer in self.plan.network.layers]

    def add(self, sample: int, tensors: Sequence[IntArray], records: Sequence[LayerRecord | None]) -> None:
        """Compare a sample: the oracle values of every layer, and what it wrote on the chip (None: it never ran)."""
        for tally, expected, record in zip(self.tallies, expected_layers(self.plan, tensors), records, strict=True):
            tally.compare(expected, record, sample)

    @property
    def first(self) -> FirstDifference | None:
        """Of the earliest layer that differs."""
        return next((tally.first for tally in self.tallies if tally.first is not None), None)
