"""The public functions that need no PyTorch: load, check, compile and verify models and projects."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import targets
from .engine.base import Trace
from .engine.compare import CompareReport, compare
from .engine.fast import FastExecutor
from .engine.oracle import Oracle
from .engine.ort import OnnxRuntimeExecutor
from .errors import BadInput, Diagnostic, Difference, declare, fail
from .ir import Graph, IntArray
from .ir.onnx import load
from .numerics import checker
from .numerics.checker import CheckReport as CertificateReport
from .targets.project import MANIFEST_NAME, Manifest

__all__ = ["Inputs", "ModelReport", "ProjectReport", "certificate_path", "check", "check_certificate", "compile",
           "load", "run", "verify", "verify_model"]

declare({
    "BT6012": "a path is neither a model nor a project",
    "BT6014": "a project's manifest is damaged",
})


AnyPath = str | os.PathLike[str]

Inputs = Mapping[str, IntArray]
"""Integer inputs (batch, *shape of one sample) by name."""

PROJECT_MODEL = "model.onnx"
"""The model's file in every project."""


def certificate_path(model: AnyPath) -> Path:
    """Where the certificate of `<name>.onnx` is: `<name>.cert.json` beside it."""
    return Path(model).with_suffix(".cert.json")


def check_certificate(model: AnyPath) -> CertificateReport | None:
    """Re-verify the certificate beside a model from the two files alone; None when there is none."""
    path = certificate_path(model)
    return checker.check(Path(model), path) if path.is_file() else None


def check(graph: Graph, target: str = "all", options: targets.Options | None = None) -> list[targets.CheckReport]:
    """Whether a graph fits a target, or every installed one (`all`), each with all its problems.

    Raises `BadInput` for an unknown target or a wrong option.
    """
    names = targets.names() if target == "all" else (target,)
    return [targets.planner(name).check(graph, options) for name in names]


def compile(model: AnyPath, target: str, out_dir: AnyPath, inputs: Inputs,
            options: targets.Options | None = None) -> Manifest:
    """Write the target's project for a frozen model and the given integer inputs (batch, *shape).

    A certificate beside the model goes along; one that does not hold is refused. Raises `Difference` (BT3111..BT3118),
    `Unsupported` with everything that does not fit the target, `BadInput` for wrong options or inputs.
    """
    report = check_certificate(model)
    if report is not None and report.problems:
        raise Difference(*report.problems)
    graph, chip = load(model), targets.get(target)
    files = {PROJECT_MODEL: Path(model).read_bytes()}
    if report is not None:
        files[certificate_path(Path(PROJECT_MODEL)).name] = certificate_path(model).read_bytes()
    return chip.emit(graph, chip.plan(graph, options), inputs, Path(out_dir), files)


def run(project: AnyPath, inputs: Inputs, jobs: int = 1, progress: targets.Progress | None = None) -> Trace:
    """The outputs that a project's simulated chip computes for other inputs (N, *shape); see `Target.run`."""
    project = Path(project)
    return targets.get(_target_of(project)).run(project, inputs, jobs, progress)


@dataclass(frozen=True)
class ModelReport:
    """A model's certificate and its executors side by side."""

    certificate: str
    executors: Mapping[str, CompareReport]
    """Comparison of each executor with the oracle, by the executor's name."""

    @property
    def differences(self) -> int:
        """Over all executors."""
        return sum(report.differences for report in self.executors.values())

    @property
    def compared(self) -> int:
        """Elements, over all executors."""
        return sum(report.compared for report in self.executors.values())


def verify_model(model: AnyPath, inputs: Inputs) -> ModelReport:
    """Re-verify a model's certificate, and run ONNX Runtime and the fast executor against the oracle.

    `certificate` is "proved", "missing" or why it does not hold.
    """
    graph = load(model)
    report = check_certificate(model)
    others = (OnnxRuntimeExecutor(model), FastExecutor(graph))
    return ModelReport("missing" if report is None else report.verdict,
                       {other.name: compare(graph, Oracle(graph), other, inputs) for other in others})


@dataclass(frozen=True)
class ProjectReport:
    """A project's certificate and its target's verification."""

    certificate: str
    """"proved", "missing", or why it does not hold."""
    certificate_problems: tuple[Diagnostic, ...]
    target: targets.VerifyReport

    @property
    def differences(self) -> int:
        """Of the target's checks and the certificate together; exact means 0."""
        return self.target.differences + len(self.certificate_problems)

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary for `--json` output."""
        return self.target.to_json() | {
            "differences": self.differences, "certificate": self.certificate,
            "problems": [p.to_json() for p in (*self.certificate_problems, *self.target.problems)]}


def verify(project: AnyPath, checks: Collection[str] = targets.CHECKS) -> ProjectReport:
    """Compare a project with what it must be and execute it on its target's simulator; see `Target.verify` for the
    `checks`. The certificate is always checked again.

    Raises `BadInput` (BT6012) for a folder that is no project, `Difference` (BT6014) for one whose manifest is damaged,
    `ToolMissing` without the simulator.
    """
    project = Path(project)
    report = targets.get(_target_of(project)).verify(project, checks)
    model = project / PROJECT_MODEL
    certificate = check_certificate(model) if model.is_file() else None
    if certificate is None:
        return ProjectReport("missing", (), report)
    return ProjectReport(certificate.verdict, certificate.problems, report)


def _target_of(project: Path) -> str:
    path = project / MANIFEST_NAME
    if not path.is_file():
        fail(BadInput, "BT6012", str(project), f"it holds no {MANIFEST_NAME}",
             "name a folder that `bittrue compile` wrote, or a model.onnx")
    try:
        name = json.loads(path.read_bytes())["target"]
    except (ValueError, KeyError, TypeError) as error:
        fail(Difference, "BT6014", str(path), f"it is damaged: {error}", "emit the project again")
    if name not in targets.names():
        fail(Difference, "BT6014", str(path), f"it names the target {name!r}, which is not installed",
             "emit the project again, or install the target's package")
    return str(name)
