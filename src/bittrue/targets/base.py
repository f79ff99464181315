"""The contract of a target: what it must provide so that `check`, `compile` and `verify` work on any chip alike.

A target folder holds `check.py plan.py emit.py simulate.py` and what they need; its package exports one `Target`
instance and names it in the entry-point group `bittrue.targets`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from ..engine.base import Trace
from ..errors import Diagnostic, Unsupported, declare, fail
from ..ir import Graph, IntArray
from .project import Manifest

declare({"BT5012": "a target's simulator runs a project's own samples only"})

Options = Mapping[str, Any]
"""A target's free choices by name, as a command line or a script gives them; the target checks names and values."""

MANIFEST, FILES, SIMULATION = "manifest", "files", "simulation"
CHECKS = (MANIFEST, FILES, SIMULATION)
"""The three independent checks of `Target.verify`, see there."""


@dataclass(frozen=True)
class Option:
    """One free choice of a target, for help texts: its name, its default in words, what it means."""

    name: str
    default: str
    meaning: str


@dataclass(frozen=True)
class CheckReport:
    """Whether a graph fits a target, and what it needs there."""

    target: str
    problems: tuple[Diagnostic, ...]
    """Everything that keeps the graph from the target; empty when it fits."""
    layers: tuple[str, ...] = ()
    """Nodes that the chip's accelerator runs."""
    host: tuple[str, ...] = ()
    """Nodes that run beside it."""
    needs: Mapping[str, str] = field(default_factory=dict)
    """What the graph needs of the target, by name, for people (`{"weights": "4 bits"}`)."""

    @property
    def fits(self) -> bool:
        """Whether nothing stands in the way."""
        return not self.problems

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary for `--json` output."""
        return {"target": self.target, "fits": self.fits, "problems": [d.to_json() for d in self.problems],
                "layers": list(self.layers), "host": list(self.host), "needs": dict(self.needs)}


def share(used: int, whole: int, unit: str = "bytes") -> str:
    """How much a graph needs of what a target has (at least one), for `CheckReport.needs`."""
    return f"{used:,} of {whole:,} {unit} ({100 * used / whole:.1f} %)"


class Plan(Protocol):
    """A target's decisions for one graph; everything `emit` does follows from it."""

    def to_json(self) -> dict[str, Any]:
        """The decisions as a plain dictionary."""
        ...


@dataclass(frozen=True)
class LayerReport:
    """One layer after verification; `compared` counts elements by kind of value (psum, acc, out, ...)."""

    name: str
    op: str
    macs: int
    """Multiply-accumulates for one sample."""
    cycles: int
    """Cycles that the simulated hardware took for one sample."""
    utilization: float
    """Useful multiply-accumulates per multiplier and cycle, 0 to 1."""
    compared: Mapping[str, int]
    differences: int
    stalls: Mapping[str, int] = field(default_factory=dict)
    """Cycles without useful work, by cause."""
    traffic: Mapping[str, int] = field(default_factory=dict)
    """Words moved for one sample, by what they are."""


@dataclass(frozen=True)
class FirstDifference:
    """Where two executions part for the first time: the value's kind, its layer, its place, both values in binary."""

    kind: str
    layer: str
    place: Mapping[str, int]
    expected: str
    got: str

    def __str__(self) -> str:
        place = ", ".join(f"{name} {value}" for name, value in self.place.items())
        return f"layer {self.layer}, {self.kind}, {place}: expected {self.expected}, got {self.got}"


@dataclass(frozen=True)
class CheckResult:
    """Outcome of one of the checks of `verify`."""

    check: str
    compared: int
    """Files or elements that were compared."""
    differences: int
    problems: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True)
class VerifyReport:
    """Outcome of `Target.verify`. Exact means `differences == 0`; there is no tolerance."""

    target: str
    results: tuple[CheckResult, ...]
    layers: tuple[LayerReport, ...] = ()
    host: tuple[str, ...] = ()
    """Nodes that no hardware ran: the oracle computed them between the layers."""
    first: FirstDifference | None = None
    """The first difference between the simulated hardware and the oracle."""
    console: str = ""
    """What the project's own program printed while it ran."""

    def adding(self, *results: CheckResult) -> VerifyReport:
        """The same report with more outcomes."""
        return replace(self, results=self.results + results)

    @property
    def differences(self) -> int:
        """Differences of all checks together."""
        return sum(result.differences for result in self.results)

    @property
    def compared(self) -> int:
        """Things compared by all checks together."""
        return sum(result.compared for result in self.results)

    @property
    def problems(self) -> tuple[Diagnostic, ...]:
        """The diagnostics of all checks."""
        return tuple(problem for result in self.results for problem in result.problems)

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary for `--json` output."""
        return {"target": self.target, "differences": self.differences, "compared": self.compared,
                "checks": {r.check: {"compared": r.compared, "differences": r.differences} for r in self.results},
                "layers": [asdict(layer) for layer in self.layers], "host": list(self.host),
                "first": asdict(self.first) if self.first else None, "console": self.console,
                "problems": [d.to_json() for d in self.problems]}


P = TypeVar("P", bound=Plan)


class Planner(ABC, Generic[P]):
    """A chip that graphs can be checked against and placed on."""

    name: str
    summary: str
    """One line for people."""
    options: tuple[Option, ...] = ()

    @abstractmethod
    def check(self, graph: Graph, options: Options | None = None) -> CheckReport:
        """Whether the graph fits, with all problems at once. Raises `BadInput` for wrong options."""

    @abstractmethod
    def plan(self, graph: Graph, options: Options | None = None) -> P:
        """The target's decisions. Raises `BadInput` for wrong options, `Unsupported` for a graph that does not fit."""


Progress = Callable[[int], None]
"""Is told how many more samples have been run."""


class Target(Planner[P]):
    """A chip that bittrue emits for, and the simulator that executes what was emitted.

    Tensors are int64 arrays (batch, *shape of one sample), by node name.
    """

    @abstractmethod
    def emit(self, graph: Graph, plan: P, inputs: Mapping[str, IntArray], out_dir: Path,
             attached: Mapping[str, bytes] | None = None) -> Manifest:
        """Write the project directory at once or not at all; the same arguments give the same bytes.

        `inputs` are the samples that the project's known answers are for. `attached` are files that the project keeps
        as they are, by name: the graph's `model.onnx` (without it `simulate` and `verify` need the graph), its
        certificate. Raises `BadInput` when `out_dir` is something else than a project.
        """

    @abstractmethod
    def simulate(self, project_dir: Path, graph: Graph | None = None) -> Trace:
        """Run the project on the target's simulator: the tensors that the hardware computed.

        `graph` is needed only for a project without a model file. Raises `ToolMissing` without the simulator.
        """

    @abstractmethod
    def verify(self, project_dir: Path, checks: Collection[str] = CHECKS, graph: Graph | None = None) -> VerifyReport:
        """Compare a project with what it must be, by any of three independent checks.

        `manifest`: every file has the hash of the manifest. `files`: every file has the content that `emit` would
        write for the project's model, options and inputs. `simulation`: the project's files, executed, give the
        oracle's values in every tensor. `graph` is needed only for a project without a model file.
        """

    def run(self, project_dir: Path, inputs: Mapping[str, IntArray], jobs: int = 1,
            progress: Progress | None = None) -> Trace:
        """The graph's outputs that the simulated chip computes for other inputs (N, *shape) than the project's own.

        `jobs` simulators share the samples. Raises `Unsupported` (BT5012) for a target that cannot do it, `BadInput`
        for inputs that do not fit, `Difference` when the chip does not finish, `ToolMissing` without the simulator.
        """
        fail(Unsupported, "BT5012", f"target {self.name!r}", "it runs the samples that a project was compiled with",
             "compile a project with these samples, and verify it")
