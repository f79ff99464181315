"""Compares what the layers left in memory with what the oracle says, element by element."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ....engine.base import Trace
from ....ir import IntArray
from ...base import FirstDifference
from ..network import Layer
from ..program import Program
from ..project import tensor_values


@dataclass
class Tally:
    """Differences of one layer over all samples, by the kind of execution."""

    compared: dict[str, int] = field(default_factory=dict)
    differences: int = 0
    first: FirstDifference | None = None


class Comparison:
    """Collects the differences of all layers and samples."""

    def __init__(self, program: Program, trace: Trace) -> None:
        self.program = program
        self.tallies = [Tally() for _ in program.network.layers]
        self.trace = trace
        self.expected = {layer.output: self.expected_of(layer.output) for layer in program.network.layers}

    def expected_of(self, tensor: str) -> IntArray:
        """The right values of a tensor, (N, height, width, channels)."""
        return tensor_values(self.program.network, self.trace, tensor)

    def add(self, sample: int, kind: str, got: Mapping[str, IntArray]) -> None:
        """Compare a sample: what an execution has for every layer's output, (height, width, channels).

        A layer that is not there never ran: all of its elements differ.
        """
        for layer, tally in zip(self.program.network.layers, self.tallies, strict=True):
            expected = self.expected[layer.output][sample]
            wrong = np.ones(expected.shape, bool) if layer.output not in got else expected != got[layer.output]
            tally.compared[kind] = tally.compared.get(kind, 0) + expected.size
            tally.differences += int(wrong.sum())
            if wrong.any() and tally.first is None:
                tally.first = self._located(layer, sample, kind, wrong, expected, got.get(layer.output))

    def _located(self, layer: Layer, sample: int, kind: str, wrong: IntArray, expected: IntArray,
                 got: IntArray | None) -> FirstDifference:
        row, column, channel = (int(axis[0]) for axis in np.nonzero(wrong))
        bits = 8 * self.program.network.tensors[layer.output].element_bytes
        place = {"sample": sample, "tile": self._tile(layer, row, column, channel), "row": row, "column": column,
                 "channel": channel}
        return FirstDifference(kind, layer.name, place, _binary(int(expected[row, column, channel]), bits),
                               "nothing" if got is None else _binary(int(got[row, column, channel]), bits))

    def _tile(self, layer: Layer, row: int, column: int, channel: int) -> int:
        """Which of the layer's tiles an element belongs to."""
        for number, step in enumerate(self.program.steps_of(layer)):
            spans = (step.region.rows, step.region.columns, step.region.channels)
            if all(a <= value < b for (a, b), value in zip(spans, (row, column, channel), strict=True)):
                return number
        return -1

    @property
    def first(self) -> FirstDifference | None:
        """Of the earliest layer that differs."""
        return next((tally.first for tally in self.tallies if tally.first is not None), None)


def _binary(value: int, bits: int) -> str:
    return f"{value & (1 << bits) - 1:0{bits}b}"
