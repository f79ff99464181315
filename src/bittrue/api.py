"""The public functions that need no PyTorch: load, check, compile and verify models and projects."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from . import targets
from .engine.compare import CompareReport, compare
from .engine.fast import FastExecutor
from .engine.oracle import Oracle
from .engine.ort import OnnxRuntimeExecutor
from .errors import BadInput, Difference, declare, fail
from .ir import Graph, IntArray
from .ir.onnx import load
from .numerics import checker
from .numerics.checker import CheckReport as CertificateReport
from .targets.project import MANIFEST_NAME, Manifest

__all__ = ["ModelReport", "certificate_path", "check", "check_certificate", "compile", "load", "verify", "verify_model"]

declare({
    "BT6010": "a model has no certificate",
    "BT6011": "a model's certificate does not hold",
    "BT6012": "a path is neither a model nor a project",
})


def certificate_path(model: Path) -> Path:
    """Where the certificate of `<name>.onnx` is: `<name>.cert.json` beside it."""
    return model.with_suffix(".cert.json")


def check_certificate(model: Path) -> CertificateReport | None:
    """Re-verify the certificate beside a model from the two files alone; None when there is none."""
    path = certificate_path(model)
    return checker.check(model, path) if path.is_file() else None


def check(graph: Graph, target: str = "all", options: targets.Options | None = None) -> list[targets.CheckReport]:
    """Whether a graph fits a target, or every installed one (`all`), each with all its problems.

    Raises `BadInput` for an unknown target or a wrong option.
    """
    names = targets.names() if target == "all" else (target,)
    return [targets.get(name).check(graph, options) for name in names]


def compile(model: Path, target: str, out_dir: Path, inputs: Mapping[str, IntArray],
            options: targets.Options | None = None) -> Manifest:
    """Write the target's project for a frozen model and the given integer inputs (batch, *shape).

    A certificate beside the model goes along; one that does not hold is refused. Raises `Difference` (BT6011),
    `Unsupported` with everything that does not fit the target, `BadInput` for wrong options or inputs.
    """
    report = check_certificate(model)
    if report is not None and report.problems:
        raise Difference(*report.problems)
    graph, chip = load(model), targets.get(target)
    extra = {} if report is None else {certificate_path(Path("model.onnx")).name: certificate_path(model).read_bytes()}
    return chip.emit(graph, chip.plan(graph, options), inputs, out_dir, {"model.onnx": model.read_bytes()} | extra)


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


def verify_model(model: Path, inputs: Mapping[str, IntArray]) -> ModelReport:
    """Re-verify a model's certificate, and run ONNX Runtime and the fast executor against the oracle.

    `certificate` is "proved", "missing" or why it does not hold.
    """
    graph = load(model)
    report = check_certificate(model)
    others = (OnnxRuntimeExecutor(model), FastExecutor(graph))
    return ModelReport("missing" if report is None else report.verdict,
                       {other.name: compare(graph, Oracle(graph), other, inputs) for other in others})


def verify(project: Path) -> targets.VerifyReport:
    """Compare a project with what it must be and execute it on its target's simulator; see `Target.verify`.

    Raises `BadInput` (BT6012) for a folder that is no project.
    """
    try:
        name = json.loads((project / MANIFEST_NAME).read_text(encoding="utf-8"))["target"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        fail(BadInput, "BT6012", str(project), f"its {MANIFEST_NAME} cannot be read: {error}",
             "name a folder that `bittrue compile` wrote, or a model.onnx")
    return targets.get(str(name)).verify(project)

