"""Checks of a project that are alike for all targets: its hashes, its files; and the frame around its simulation."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from ..errors import BadInput, BittrueError, Diagnostic, ToolMissing, declare, fail
from ..ir import Graph, IntArray
from .base import CHECKS, FILES, MANIFEST, SIMULATION, CheckResult, P, VerifyReport
from .project import EMIT_AGAIN, MANIFEST_NAME, Manifest, changed_files, read_manifest, write_project
from .sources import MODEL, PLAN, Files, Project, ProjectFile, ProjectKind, read_project, source_files

declare({
    "BT5114": "a file of a project is not what the project's model, plan and inputs give",
    "BT5116": "there is no such check",
})

TEXTS = (".hex", ".json", ".sv", ".c", ".h", ".md", "Makefile", ".mk")
"""Endings of files whose differences are named by line."""

Simulation = Callable[[Project[P]], VerifyReport]
"""Runs a project's own files on the target's simulator; reports its one check, the layers, the first difference."""


def emit_project(kind: ProjectKind[P], graph: Graph, plan: P, inputs: Mapping[str, IntArray], out_dir: Path,
                 attached: Mapping[str, bytes] | None = None) -> Manifest:
    """Write a target's project; see `Target.emit`."""
    files = project_files(kind, graph, plan, inputs, attached)
    return write_project(kind.target, ((f.path, f.data) for f in files), out_dir)


def project_files(kind: ProjectKind[P], graph: Graph, plan: P, inputs: Mapping[str, IntArray],
                  attached: Mapping[str, bytes] | None = None) -> Files:
    """Every file of the project with its content, except the manifest.

    Raises `BadInput` for inputs that do not fit the graph (BT4001..), for none at all (BT5117), and for an attached
    file without a plain name (BT5118).
    """
    trace = kind.executor(graph).run(inputs)
    yield from source_files(graph, plan, trace, attached)
    yield from kind.files(graph, plan, trace)


def verify_project(kind: ProjectKind[P], simulation: Simulation[P], folder: Path, checks: Collection[str] = CHECKS,
                   graph: Graph | None = None) -> VerifyReport:
    """Run some of the checks; see `Target.verify`.

    Raises `BadInput` (BT5005, BT5009, BT5116) for what is no project at all, `ToolMissing` when the simulation has no
    simulator. Damaged files are differences.
    """
    if unknown := set(checks) - set(CHECKS):
        fail(BadInput, "BT5116", f"check {', '.join(sorted(unknown))}", "there is no such check",
             f"use {', '.join(CHECKS)}")
    wanted = [check for check in (FILES, SIMULATION) if check in checks]
    _require_project(kind.target, folder, bool(wanted) and graph is None)
    report = VerifyReport(kind.target, ())
    if MANIFEST in checks:
        report = report.adding(_guarded(MANIFEST, lambda: check_manifest(kind.target, folder)))
    try:
        project = read_project(kind, folder, graph) if wanted else None
    except BittrueError as error:
        failed = (CheckResult(check, 0, len(error.diagnostics), error.diagnostics) for check in wanted)
        return report.adding(*failed)
    if project is not None and FILES in wanted:
        report = report.adding(_guarded(FILES, lambda: check_files(kind, project)))
    return _simulated(report, simulation, project) if project is not None and SIMULATION in wanted else report


def _require_project(target: str, folder: Path, needs_model: bool) -> None:
    """Refuse what was never a complete project; what is damaged is a matter of the checks."""
    manifest = folder / MANIFEST_NAME
    if not manifest.is_file():
        read_manifest(folder, target)
    if needs_model and not (folder / MODEL).is_file() and f'"{MODEL}"'.encode() not in manifest.read_bytes():
        fail(BadInput, "BT5009", str(folder / MODEL), "there is no such file",
             "compile the project from a model file, or give the graph")


def _simulated(report: VerifyReport, simulation: Simulation[P], project: Project[P]) -> VerifyReport:
    try:
        found = simulation(project)
    except ToolMissing:
        raise
    except BittrueError as error:
        return report.adding(CheckResult(SIMULATION, 0, len(error.diagnostics), error.diagnostics))
    return replace(found, results=report.results + found.results)


def _guarded(name: str, check: Callable[[], CheckResult]) -> CheckResult:
    """The outcome of a check; what a damaged project makes impossible is a difference."""
    try:
        return check()
    except ToolMissing:
        raise
    except BittrueError as error:
        return CheckResult(name, 0, len(error.diagnostics), error.diagnostics)


def check_manifest(target: str, folder: Path) -> CheckResult:
    """Compare every file's hash with the manifest."""
    manifest = read_manifest(folder, target)
    problems = tuple(changed_files(folder, manifest))
    return CheckResult(MANIFEST, len(manifest.files), len(problems), problems)


def check_files(kind: ProjectKind[P], project: Project[P]) -> CheckResult:
    """Compare every file's content with what the model, the plan and the inputs in the project give."""
    expected = list(project_files(kind, project.graph, project.plan, project.inputs, project.attached))
    manifest = Manifest(kind.target, {file.path: hashlib.sha256(file.data).hexdigest() for file in expected})
    expected.append(ProjectFile(MANIFEST_NAME, manifest.to_bytes()))
    result, changed = compare_files(project.folder, expected), tuple(_changed_sources(project, expected))
    return replace(result, differences=result.differences + len(changed), problems=changed + result.problems)


def _changed_sources(project: Project[P], files: Collection[ProjectFile]) -> Iterator[Diagnostic]:
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
    if not expected.path.endswith(TEXTS):
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
