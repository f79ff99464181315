"""Compares what the hardware computed with the oracle: every partial sum, accumulator, output and counter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field

import numpy as np

from ...engine.oracle import Oracle
from ...errors import Diagnostic, declare
from ...ir import IntArray
from ..base import FirstDifference, LayerReport
from .emit import SystolicProject
from .plan import LayerPlan, SystolicPlan
from .reference import LayerReference
from .simulate import LayerRun, by_channel

declare({"BT5115": "the hardware computes something else than the oracle"})


@dataclass(frozen=True, eq=False)
class Pair:
    """Values of one kind of one layer and sample, expected and got. `axes` name the axes of both."""

    kind: str
    axes: tuple[str, ...]
    expected: IntArray
    got: IntArray
    bits: int


@dataclass
class Comparison:
    """Collects the differences of a run."""

    project: SystolicProject
    compared: Counter[str] = field(default_factory=Counter)
    reports: list[LayerReport] = field(default_factory=list)
    first: FirstDifference | None = None
    problems: list[Diagnostic] = field(default_factory=list)

    @property
    def differences(self) -> int:
        """Elements that differ."""
        return sum(report.differences for report in self.reports)

    def compare(self, runs: Iterable[LayerRun]) -> None:
        """Compare every layer of every sample."""
        trace = Oracle(self.project.graph).run(self.project.inputs)
        plan = self.project.plan
        tallies = {id(layer): _Tally(layer) for layer in plan.layers}
        for run in runs:
            reference = LayerReference.of(run.layer, plan.geometry.cols, not plan.geometry.overlapped,
                                          self.project.graph, trace, run.image)
            tally = tallies[id(run.layer)]
            for pair in self._pairs(reference, run):
                tally.compared[pair.kind] += pair.expected.size
                tally.wrong[pair.kind] += self._differences(run, pair)
            tally.cycles += run.counters["cycles"]
        self.reports += [tally.report(self.project.samples) for tally in tallies.values()]
        self.problems += [problem for tally in tallies.values() if (problem := self._problem(tally))]

    def _pairs(self, reference: LayerReference, run: LayerRun) -> Iterator[Pair]:
        geometry, layer = self.project.plan.geometry, run.layer
        psums = list(reference.psums())
        words = iter(np.split(run.psums, np.cumsum([p.size // geometry.cols for p in psums])[:-1]))
        for number, expected in enumerate(psums):
            got = next(words).reshape(expected.shape)
            yield Pair("psum", (f"otile {number}", "itile", "kij", "position", "column"), expected, got,
                       geometry.psum_bits)
        accumulators = by_channel(run.accumulators, layer, geometry.cols)
        yield Pair("acc", ("", "channel", "position"), reference.accumulators(psums), accumulators, geometry.acc_bits)
        if reference.outputs is not None and run.outputs is not None:
            yield Pair("out", ("", "channel", "position"), reference.outputs,
                       by_channel(run.outputs, layer, geometry.cols), geometry.out_bits)
        yield Pair("counter", ("", "counter"), *_counters(self.project.plan, run), 64)

    def _differences(self, run: LayerRun, pair: Pair) -> int:
        wrong = pair.expected != pair.got
        count = int(wrong.sum())
        if count and self.first is None:
            index = tuple(int(i) for i in np.argwhere(wrong)[0])
            self.first = _located(run, pair, index, bool(self.project.plan.geometry.overlapped))
        return count

    def _problem(self, tally: _Tally) -> Diagnostic | None:
        counts = ", ".join(f"{count} of {kind}" for kind, count in tally.wrong.items() if count)
        if not counts:
            return None
        return Diagnostic("BT5115", f"layer {tally.layer.name}", f"differences: {counts}; the first: {self.first}",
                          "correct the RTL or the files it read, or emit the project again")


@dataclass
class _Tally:
    """What was compared of one layer."""

    layer: LayerPlan
    compared: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    cycles: int = 0

    def report(self, images: int) -> LayerReport:
        # Stalls and traffic are the plan's: a counter of the hardware that disagrees is a difference.
        layer, cycles = self.layer.lowered.layer, self.cycles // images
        return LayerReport(layer.name, layer.kind, layer.macs, cycles, layer.macs / (self.layer.multipliers * cycles),
                           dict(self.compared), self.wrong.total(), self.layer.cycles.stalls(),
                           asdict(self.layer.traffic))


def _counters(plan: SystolicPlan, run: LayerRun) -> tuple[IntArray, IntArray]:
    """Cycles and traffic, of the plan and of the hardware; with the last layer, those of the whole sample."""
    layer, traffic = run.layer, run.layer.traffic
    expected = {"cycles": layer.cycles.total, "streams": layer.cycles.stream, "sums": traffic.sums,
                "loads": traffic.weights, "drains": layer.cycles.drain}
    if layer is plan.layers[-1]:
        moved = [entry.traffic for entry in plan.layers]
        expected |= {"psums": sum(t.psums for t in moved), "accs": sum(t.accumulators for t in moved),
                     "outs": sum(t.accumulators for t in moved), "stores": sum(t.outputs for t in moved)}
    return np.array(list(expected.values())), np.array([run.counters[name] for name in expected])


def _located(run: LayerRun, pair: Pair, index: tuple[int, ...], overlapped: bool) -> FirstDifference:
    """Where an element is in the layer's terms."""
    layer = run.layer.lowered.layer
    place = {"image": run.image}
    if pair.kind == "psum":
        place["otile"] = int(pair.axes[0].split()[1])
    place |= dict(zip(pair.axes[1:], index, strict=True))
    if "position" in place:
        width = layer.out_shape[2] if overlapped or pair.kind != "psum" else layer.padded[1]
        place["row"], place["col"] = divmod(place.pop("position"), width)
    if "column" in place:
        place["channel"] = place["otile"] * pair.expected.shape[-1] + place["column"]
    expected, got = (_binary(int(values[index]), pair.bits) for values in (pair.expected, pair.got))
    return FirstDifference(pair.kind, layer.name, place, expected, got)


def _binary(value: int, bits: int) -> str:
    """Two's complement digits."""
    return format(value & ((1 << bits) - 1), f"0{bits}b")
