"""The simulation check of a project: its own C files, compiled, run on the emulated chip, compared layer by layer.

The project's model and its samples give the expected values by the oracle; what the project believes to be the right
answer (`sampleoutput.h`) is the program's affair: its known-answer test must pass as well.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....engine.oracle import Oracle
from ....errors import BittrueError, Diagnostic, ToolMissing, declare
from ....ir import IntArray
from ...base import SIMULATION, CheckResult, FirstDifference, LayerReport, VerifyReport
from ..chip.machine import Outcome
from ..emit.softmax import softmax_shift_q17p14_q15
from ..lower.numbering import numbering
from ..plan import Max7800xPlan
from ..project import LayerValues, Max7800xProject, layer_values, running_plan, sample_of
from .box import SampleRun
from .compare import Comparison
from .run import runs
from .work import layer_macs, utilization

declare({
    "BT5490": "the emulated chip computes something else than the oracle",
    "BT5491": "the program's known-answer test fails",
    "BT5492": "the hardware layers compute something else than the model",
    "BT5493": "the program's softmax gives something else than its definition",
})

OUTPUT = "cnn_unload"
PROBLEMS = 50
"""Complaints that are listed."""


def check_simulation(project: Max7800xProject) -> VerifyReport:
    """Compile and run the project for every sample, and compare everything that its layers wrote with the oracle.

    Raises `ToolMissing` without compiler or emulator; what a damaged project makes impossible is a difference.
    """
    check = _Check(project, running_plan(project.plan))
    try:
        check.run()
    except ToolMissing:
        raise
    except BittrueError as error:
        check.problems += error.diagnostics
        check.failures += len(error.diagnostics)
    return check.report()


class _Check:
    """Collects what the samples show."""

    def __init__(self, project: Max7800xProject, plan: Max7800xPlan) -> None:
        self.project, self.plan = project, plan
        self.comparison = Comparison(plan)
        self.numbers = numbering(plan).numbers
        self.problems: list[Diagnostic] = []
        self.failures = 0
        """What is wrong beside values of layers."""
        self.compared = 0
        self.first: FirstDifference | None = None
        self.console = ""

    def run(self) -> None:
        """Run and compare all samples."""
        samples = list(self.project.inputs.values())
        values = layer_values(self.plan, samples)
        if self.plan is self.project.plan:
            self._compare_model(values)
        for number, run in enumerate(runs(self.project.folder, self.plan, samples, values.layers)):
            self.console = self.console or run.result.text
            self._sample(number, run, sample_of(values.layers, number))
            if run.buffer is not None and values.buffer is not None:
                self._equal(number, "data buffer", values.buffer[number], run.buffer)

    def _compare_model(self, values: LayerValues) -> None:
        """The layers against the model: the outputs of both."""
        trace = Oracle(self.project.graph).run(self.project.inputs)
        for name, output in zip(self.project.graph.outputs, values.outputs(self.plan), strict=True):
            wrong = int((trace[name].reshape(-1) != output.reshape(-1)).sum())
            self.compared += trace[name].size
            self._fail(wrong, "BT5492", f"output {name}", f"{wrong} of its values differ", "place the model again")

    def _sample(self, number: int, run: SampleRun, tensors: list[IntArray]) -> None:
        self.comparison.add(number, tensors, [run.records.get(layer) for layer in self.numbers])
        self._ending(number, run)
        for complaint in run.complaints[:PROBLEMS]:
            self._fail(1, complaint.kind.value, f"sample {number}, {_where(self, complaint.layer)}", complaint.text,
                       "emit the project again")
        if run.outputs is not None:
            for index, got in zip(self.plan.network.outputs, run.outputs, strict=True):
                self._equal(number, f"{OUTPUT}, output {self.plan.network.layers[index].name}", tensors[index], got)
        if run.softmax is not None:
            self._softmax(number, run.softmax, tensors[self.plan.network.outputs[-1]])

    def _ending(self, number: int, run: SampleRun) -> None:
        """How the program ended."""
        for trap in run.result.traps:
            found = trap.diagnostic()
            self._fail(1, found.code, f"sample {number}, {found.where}", found.why, found.fix)
        if run.result.outcome is Outcome.FAILED:
            lines = [line for line in run.result.text.splitlines() if "ismatch" in line]
            self._fail(1, "BT5491", f"sample {number}", lines[0] if lines else "the program stops in fail()",
                       "compare the layers: the first one that differs is named below")

    def _equal(self, number: int, where: str, expected: IntArray, got: IntArray) -> None:
        """Compare what the program, or the chip, holds in the end: `got` is (C, pixels)."""
        wrong = (expected.reshape(-1) != got.reshape(-1)).nonzero()[0]
        self.compared += expected.size
        if len(wrong):
            channel, pixel = divmod(int(wrong[0]), got.shape[1])
            self._fail(len(wrong), "BT5490", f"sample {number}, {where}, channel {channel}, pixel {pixel}",
                       f"expected {int(expected.reshape(-1)[wrong[0]])}, got {int(got.reshape(-1)[wrong[0]])}",
                       "emit the project again")

    def _softmax(self, number: int, got: IntArray, output: IntArray) -> None:
        bits = self.plan.network.output.weight_bits
        expected = softmax_shift_q17p14_q15(output.reshape(-1), 8 - bits if bits else 0)
        wrong = int((expected != got).sum())
        self.compared += expected.size
        self._fail(wrong, "BT5493", f"sample {number}", f"{wrong} of {expected.size} values differ",
                   "emit the project again")

    def _fail(self, count: int, code: str, where: str, why: str, fix: str) -> None:
        if count:
            self.failures += count
            self.problems.append(Diagnostic(code, where, why, fix))

    def report(self) -> VerifyReport:
        """Everything together."""
        layers = tuple(self._layers())
        differences = self.failures + sum(layer.differences for layer in layers)
        compared = self.compared + sum(sum(layer.compared.values()) for layer in layers)
        first = self.comparison.first
        named = () if first is None else (Diagnostic("BT5490", "emulated chip", str(first), "emit the project again"),)
        result = CheckResult(SIMULATION, compared, differences, (*named, *self.problems))
        return VerifyReport(self.plan.device.name, (result,), layers, (), first, self.console)

    def _layers(self) -> Iterator[LayerReport]:
        for layer, tally, cycles in zip(self.plan.network.layers, self.comparison.tallies, self.plan.cycles,
                                        strict=True):
            macs = layer_macs(layer)
            yield LayerReport(layer.name, layer.operator.value, macs, cycles.cycles, utilization(macs, cycles.cycles),
                              {"data": tally.compared}, tally.differences)


def _where(check: _Check, layer: int | None) -> str:
    """A layer of the chip by its name in the network."""
    if layer is None:
        return "accelerator"
    names = dict(zip(check.numbers, (entry.name for entry in check.plan.network.layers), strict=True))
    return f"layer {names.get(layer, layer)}"
