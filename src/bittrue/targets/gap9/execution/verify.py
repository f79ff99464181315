"""The simulation check of a project: its own C files, compiled and run on the simulated cluster, and for this computer.

The project's model and its samples give the expected values by the oracle; what the project believes to be the right
answers (`data/answers.bin`) is the program's affair: its known-answer checks must pass as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from ....engine.oracle import Oracle
from ....errors import BittrueError, Diagnostic, ToolMissing, declare
from ....ir import IntArray
from ...base import SIMULATION, CheckResult, FirstDifference, LayerReport, VerifyReport
from ..emit import layout_of
from ..overlap import layer_times
from ..plan import NAME, Gap9Plan
from ..project import Gap9Project, from_bytes, sample_bytes
from ..simulate import ClusterResult
from .box import STRICT, Box, SampleRun, compiled
from .compare import Comparison
from .projects import build_host, run_host

declare({
    "BT5572": "the simulated cluster computes something else than the oracle",
    "BT5573": "the program's known-answer checks fail",
})

PEAK = 32
"""Multiply-accumulates per cycle of eight cores with four lanes each."""

CLUSTER, HOST = "data", "host"
"""Kinds of execution: on the simulated cluster, compiled for this computer."""


def check_simulation(project: Gap9Project) -> VerifyReport:
    """Compile and run the project for every sample, and compare everything that its layers store with the oracle.

    Raises `ToolMissing` without compiler or simulator; what a damaged project makes impossible is a difference.
    """
    check = ProjectCheck(project)
    for part in (check.on_cluster, check.with_known_answers, check.on_host):
        check.guarded(part)
    return check.report()


class ProjectCheck:
    """Collects what the samples show."""

    def __init__(self, project: Gap9Project) -> None:
        self.project = project
        self.plan: Gap9Plan = project.plan
        self.trace = Oracle(project.graph).run(project.inputs)
        self.comparison = Comparison(self.plan.program, self.trace)
        self.problems: list[Diagnostic] = []
        self.failures = 0
        """What is wrong beside values of layers."""
        self.compared = 0
        self.first_run: ClusterResult | None = None
        self.console = ""

    def guarded(self, part: Callable[[], None]) -> None:
        """One part of the check; what a damaged project makes impossible is a difference."""
        try:
            part()
        except ToolMissing:
            raise
        except BittrueError as error:
            self.problems += error.diagnostics
            self.failures += len(error.diagnostics)

    def on_cluster(self) -> None:
        """Every sample on the cluster, with the program whose cycles count."""
        with compiled(self.project.folder, self.plan) as box:
            for number in range(self.project.samples):
                run = box.run(sample_bytes(self.plan.network, self.trace, number))
                self.first_run = self.first_run or run.result
                self.console = self.console or run.result.stdout
                self._ending(f"sample {number}", run)
                self.comparison.add(number, CLUSTER, run.layers)
                self._outputs(number, run)

    def _outputs(self, number: int, run: SampleRun) -> None:
        """What L2 holds in the end is what the last tiles stored there."""
        for name, got in run.outputs.items():
            expected = self.comparison.expected_of(name)[number]
            wrong = int((expected != got).sum())
            self.compared += expected.size
            self._fail(wrong, "BT5572", f"sample {number}, output {name}", f"{wrong} of its values in L2 differ")

    def with_known_answers(self) -> None:
        """The project's own sample, with the program's own checks; no access may leave the buffers of its step."""
        with compiled(self.project.folder, self.plan, STRICT) as box:
            self._known_answers(box)

    def _known_answers(self, box: Box) -> None:
        result = box.run(guarded=True).result
        self.compared += len(self.plan.network.layers)
        for trap in result.traps:
            self._fail(1, trap.code, f"known-answer checks, {trap.where}", trap.why)
        if not result.traps and result.exit_code != 0:
            lines = [line for line in result.stdout.splitlines() if "differ" in line]
            self._fail(max(1, len(lines) - 1), "BT5573", str(self.project.folder),
                       lines[0] if lines else f"exit code {result.exit_code}: {result.stdout.strip()[-200:]}")

    def on_host(self) -> None:
        """Every sample with the program compiled for this computer."""
        layout, network = layout_of(self.plan.program), self.plan.network
        with TemporaryDirectory(prefix="bittrue-") as work:
            program = build_host(self.project.folder, Path(work))
            for number in range(self.project.samples):
                found = run_host(self.project.folder, program, layout, sample_bytes(network, self.trace, number))
                values = {name: from_bytes(network.tensors[name], data) for name, data in found.items()}
                self.comparison.add(number, HOST, values)

    def _ending(self, where: str, run: SampleRun) -> None:
        """How the program ended."""
        for trap in run.result.traps:
            self._fail(1, trap.code, f"{where}, {trap.where}", trap.why)
        if not run.result.traps and run.result.exit_code != 0:
            self._fail(1, "BT5572", where, f"exit code {run.result.exit_code}: {run.result.stdout.strip()[-200:]}")

    def _fail(self, count: int, code: str, where: str, why: str) -> None:
        if count:
            self.failures += count
            self.problems.append(Diagnostic(code, where, why, "emit the project again"))

    def report(self) -> VerifyReport:
        """Everything together."""
        layers = tuple(self._layers())
        differences = self.failures + sum(layer.differences for layer in layers)
        compared = self.compared + sum(sum(layer.compared.values()) for layer in layers)
        first: FirstDifference | None = self.comparison.first
        named = () if first is None else (Diagnostic("BT5572", WHERE[first.kind], str(first),
                                                     "emit the project again"),)
        result = CheckResult(SIMULATION, compared, differences, (*named, *self.problems))
        return VerifyReport(NAME, (result,), layers, (), first, self.console)

    def _layers(self) -> Iterator[LayerReport]:
        times = {} if self.first_run is None else layer_times(self.first_run)
        for index, (layer, tally) in enumerate(zip(self.plan.network.layers, self.comparison.tallies, strict=True)):
            cycles, stalls = times.get(index, (0, {}))
            yield LayerReport(layer.name, layer.kernel, layer.macs, cycles,
                              layer.macs / (cycles * PEAK) if cycles else 0.0, tally.compared, tally.differences,
                              stalls)


WHERE: Mapping[str, str] = {CLUSTER: "simulated cluster", HOST: "program for this computer"}


def output_values(project: Gap9Project, found: Mapping[str, IntArray], name: str, tensor: str) -> IntArray:
    """A graph's output (1, *shape) from the tensor in memory."""
    return project.plan.network.tensors[tensor].to_graph(found[tensor][None], project.graph.types[name].shape)
