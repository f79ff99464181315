"""Three independent checks of a project: its hashes, its files, its hardware.

The hardware check runs the RTL that is *in* the project on the files that are *in* the project, and compares every
partial sum of every tile, every accumulator, every output and every counter with the oracle and the plan: the project
holds no expected values that it could believe.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path

from ...errors import BadInput, BittrueError, Diagnostic, ToolMissing, declare, fail
from ...ir import Graph
from ..base import CHECKS, FILES, MANIFEST, SIMULATION, CheckResult, VerifyReport
from ..project import EMIT_AGAIN, MANIFEST_NAME, Manifest, changed_files, read_manifest
from .compare import Comparison
from .emit import MODEL, NAME, PLAN, ProjectFile, project_files
from .project_input import Project, read_project
from .simulate import simulated

declare({
    "BT5114": "a file of a project is not what the project's model, plan and inputs give",
    "BT5116": "there is no such check",
})


def verify(folder: Path, checks: Collection[str] = CHECKS, graph: Graph | None = None) -> VerifyReport:
    """Run some of the checks; see `Target.verify`.

    Raises `BadInput` (BT5005, BT5009, BT5116) for what is no project at all, `ToolMissing` when the hardware check has
    no simulator. Damaged files are differences.
    """
    if unknown := set(checks) - set(CHECKS):
        fail(BadInput, "BT5116", f"check {', '.join(sorted(unknown))}", "there is no such check",
             f"use {', '.join(CHECKS)}")
    wanted = [check for check in (FILES, SIMULATION) if check in checks]
    _require_project(folder, bool(wanted) and graph is None)
    results = []
    if MANIFEST in checks:
        results.append(_guarded(MANIFEST, lambda: check_manifest(folder)))
    try:
        project = read_project(folder, graph) if wanted else None
    except BittrueError as error:
        results += [CheckResult(check, 0, len(error.diagnostics), error.diagnostics) for check in wanted]
        return VerifyReport(NAME, tuple(results))
    if project is None:
        return VerifyReport(NAME, tuple(results))
    if FILES in wanted:
        results.append(_guarded(FILES, lambda: check_files(project)))
    return _with_simulation(project, results) if SIMULATION in wanted else \
        VerifyReport(NAME, tuple(results), host=project.plan.host)


def _require_project(folder: Path, needs_model: bool) -> None:
    """Refuse what was never a complete project; what is damaged is a matter of the checks."""
    manifest = folder / MANIFEST_NAME
    if not manifest.is_file():
        read_manifest(folder, NAME)
    if needs_model and not (folder / MODEL).is_file() and f'"{MODEL}"'.encode() not in manifest.read_bytes():
        read_project(folder)


def _with_simulation(project: Project, results: list[CheckResult]) -> VerifyReport:
    comparison = Comparison(project)
    results.append(_guarded(SIMULATION, lambda: check_simulation(project, comparison)))
    return VerifyReport(NAME, tuple(results), tuple(comparison.reports), project.plan.host, comparison.first)


def _guarded(name: str, check: Callable[[], CheckResult]) -> CheckResult:
    """The outcome of a check; what a damaged project makes impossible is a difference."""
    try:
        return check()
    except ToolMissing:
        raise
    except BittrueError as error:
        return CheckResult(name, 0, len(error.diagnostics), error.diagnostics)


def check_manifest(folder: Path) -> CheckResult:
    """Compare every file's hash with the manifest."""
    manifest = read_manifest(folder, NAME)
    problems = tuple(changed_files(folder, manifest))
    return CheckResult(MANIFEST, len(manifest.files), len(problems), problems)


def check_files(project: Project) -> CheckResult:
    """Compare every file's content with what the model, the plan and the inputs in the project give."""
    expected = list(project_files(project.graph, project.plan, project.inputs, project.attached))
    manifest = Manifest(NAME, {file.path: hashlib.sha256(file.data).hexdigest() for file in expected})
    expected.append(ProjectFile(MANIFEST_NAME, manifest.to_bytes()))
    result, changed = compare_files(project.folder, expected), tuple(_changed_sources(project, expected))
    return replace(result, differences=result.differences + len(changed), problems=changed + result.problems)


def _changed_sources(project: Project, files: Collection[ProjectFile]) -> Iterator[Diagnostic]:
    """Files from which the others follow, but which are not those that the plan was made for."""
    for file in files:
        recorded = project.sources.get(file.path)
        if recorded is not None and recorded != (found := hashlib.sha256(file.data).hexdigest()):
            yield Diagnostic("BT5114", str(project.folder / file.path), f"its SHA-256 is {found[:16]}..., but {PLAN} "
                             f"was made for {recorded[:16]}...", EMIT_AGAIN)


def compare_files(folder: Path, expected: Collection[ProjectFile]) -> CheckResult:
    """Compare the files of a project with these; a diagnostic per file names the first line."""
    problems = tuple(problem for file in expected if (problem := _file_problem(folder, file)))
    return CheckResult(FILES, len(expected), len(problems), problems)


def _file_problem(folder: Path, expected: ProjectFile) -> Diagnostic | None:
    path = folder / expected.path
    if not path.is_file():
        return Diagnostic("BT5114", str(path), "there is no such file", EMIT_AGAIN)
    data = path.read_bytes()
    if data == expected.data:
        return None
    if not expected.path.endswith((".hex", ".json", ".sv")):
        return Diagnostic("BT5114", f"{path}, {_first_byte(expected.data, data)}", "it differs", EMIT_AGAIN)
    return Diagnostic("BT5114", f"{path}, {(place := _first_place(expected, data))[0]}", place[1], EMIT_AGAIN)


def _first_byte(expected: bytes, found: bytes) -> str:
    length = min(len(expected), len(found))
    return f"byte {next((i for i in range(length) if expected[i] != found[i]), length)}"


def _first_place(expected: ProjectFile, data: bytes) -> tuple[str, str]:
    """The first line where a text differs; and how."""
    wanted, found = expected.data.split(b"\n"), data.split(b"\n")
    length = min(len(wanted), len(found))
    line = next((i for i in range(length) if wanted[i] != found[i]), length)
    if line == length:
        return f"line {line + 1}", f"it has {len(found) - 1} lines, not {len(wanted) - 1}"
    position = int(_first_byte(wanted[line], found[line]).split()[1])
    return f"line {line + 1}", f"character {position + 1}: expected {_shown(wanted[line], position)}, " \
        f"found {_shown(found[line], position)}"


def _shown(line: bytes, position: int) -> str:
    return repr(line[position:position + 24].decode("latin-1"))


def check_simulation(project: Project, comparison: Comparison) -> CheckResult:
    """Run the project's RTL on the project's files and compare everything it computes with the oracle."""
    with simulated(project.folder, project.plan, project.images) as runs:
        comparison.compare(runs)
    compared = sum(sum(report.compared.values()) for report in comparison.reports)
    return CheckResult(SIMULATION, compared, comparison.differences, tuple(comparison.problems))
