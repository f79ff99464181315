"""Compares what the hardware computed with the oracle: every partial sum, accumulator, output and cycle count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

from ...engine.oracle import Oracle
from ...errors import Diagnostic, declare
from ...ir import IntArray
from ..base import FirstDifference, LayerReport
from .plan import Job, LayerPlan
from .project_input import Project
from .reference import LayerReference
from .simulate import Run, TileRun

declare({"BT5115": "the hardware computes something else than the oracle"})


@dataclass(frozen=True, eq=False)
class Pair:
    """Values of one kind of one tile, expected and got, both (positions..., cols)."""

    kind: str
    job: Job
    expected: IntArray
    got: IntArray
    bits: int


@dataclass
class Comparison:
    """Collects the differences of a run."""

    project: Project
    reports: list[LayerReport] = field(default_factory=list)
    first: FirstDifference | None = None
    problems: list[Diagnostic] = field(default_factory=list)

    @property
    def compared(self) -> int:
        """Elements compared."""
        return sum(sum(report.compared.values()) for report in self.reports)

    @property
    def differences(self) -> int:
        """Elements that differ."""
        return sum(report.differences for report in self.reports)

    def compare(self, run: Run) -> None:
        """Compare every tile of a run."""
        trace = Oracle(self.project.graph).run(self.project.inputs)
        for _, group in groupby(run.tiles, key=lambda tile: tile.job.layer.layer.index):
            tiles = list(group)
            reference = LayerReference.of(tiles[0].job.layer, self.project.plan.geometry, self.project.graph, trace)
            self.reports.append(self._layer(reference, tiles))

    def _layer(self, reference: LayerReference, tiles: list[TileRun]) -> LayerReport:
        compared: Counter[str] = Counter()
        wrong: Counter[str] = Counter()
        for _, group in groupby(tiles, key=lambda tile: (tile.job.image, tile.job.oc)):
            for pair in self._pairs(reference, list(group)):
                compared[pair.kind] += pair.expected.size
                wrong[pair.kind] += self._differences(pair)
        entry = reference.plan
        if wrong.total():
            self._report(entry, wrong)
        cycles = sum(tile.cycles for tile in tiles) // self.project.images
        multipliers = reference.geometry.rows * reference.geometry.cols
        return LayerReport(entry.layer.name, entry.layer.kind, entry.layer.macs, cycles,
                           entry.layer.macs / (multipliers * cycles), dict(compared), wrong.total())

    def _pairs(self, reference: LayerReference, tiles: list[TileRun]) -> Iterator[Pair]:
        """All values of the input-channel tiles of one output-channel tile of one sample."""
        geometry, first = reference.geometry, tiles[0].job
        psums = [reference.psums(first.image, first.oc, tile.job.ic) for tile in tiles]
        sums = reference.partial_accumulators(first.image, first.oc, psums)
        for tile, psum, acc in zip(tiles, psums, sums, strict=True):
            yield Pair("psum", tile.job, psum, tile.psums, geometry.psum_bits)
            yield Pair("acc", tile.job, acc, tile.accumulators, geometry.acc_bits)
            yield Pair("cycles", tile.job, np.array([[tile.job.layer.tile_cycles]]), np.array([[tile.cycles]]), 64)
        outputs = reference.final_outputs(first.image, first.oc)
        if outputs is not None and tiles[-1].outputs is not None:
            yield Pair("out", tiles[-1].job, outputs, tiles[-1].outputs, geometry.out_bits)

    def _differences(self, pair: Pair) -> int:
        wrong = pair.expected != pair.got
        count = int(wrong.sum())
        if count and self.first is None:
            self.first = _located(pair, tuple(int(i) for i in np.argwhere(wrong)[0]))
        return count

    def _report(self, entry: LayerPlan, wrong: Counter[str]) -> None:
        counts = ", ".join(f"{count} of {kind}" for kind, count in wrong.items() if count)
        where = f"the first of all: {self.first}"
        self.problems.append(Diagnostic("BT5115", f"layer {entry.layer.name}", f"differences: {counts}; {where}",
                                        "correct the RTL or the files it read, or emit the project again"))


def _located(pair: Pair, index: tuple[int, ...]) -> FirstDifference:
    """Where an element of a tile is in the layer's terms."""
    job, layer = pair.job, pair.job.layer.layer
    place = {"image": job.image, "otile": job.oc, "itile": job.ic}
    if pair.kind == "psum":
        kij, position, column = index
        row, col = divmod(position, layer.padded[1])
        place |= {"kij": kij, "padded_row": row, "padded_column": col}
    else:
        position, column = index
        row, col = divmod(position, layer.out_shape[2])
        place |= {"row": row, "column": col}
    place["channel"] = job.oc * pair.expected.shape[-1] + column
    expected, got = (_binary(int(values[index]), pair.bits) for values in (pair.expected, pair.got))
    return FirstDifference(pair.kind, layer.name, place, expected, got)


def _binary(value: int, bits: int) -> str:
    """Two's complement digits."""
    return format(value & ((1 << bits) - 1), f"0{bits}b")
