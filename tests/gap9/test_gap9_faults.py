"""Every memory overrun that is put into a project is found: by a trap, or by the comparison with plan and oracle."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bittrue.targets.gap9 import GAP9
from bittrue.targets.gap9.execution.verify import ProjectCheck
from bittrue.targets.gap9.project import Gap9Project
from gap9.project_faults import Fault, step_faults
from gap9.project_networks import GRAPHS, emitted

PARTS, FAULTS, LEAST = 4, 15, 13
"""Per network: what runs side by side, faults each, how many of these change anything."""
NIGHTLY, NIGHTLY_MOST = 400, 20
"""Faults at night, and how many of them may change nothing."""


@pytest.fixture(scope="module", params=sorted(GRAPHS))
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Gap9Project:
    """A project of many small tiles."""
    graph = GRAPHS[request.param]()
    made = emitted(graph, GAP9.plan(graph, {"l1": 24}), tmp_path_factory.mktemp("faults") / "project")
    compile_once(made.folder, ("main.c", "network.c"))
    return made


def compile_once(folder: Path, names: tuple[str, ...]) -> None:
    """Move files that no fault changes to the runtime, whose objects are kept."""
    text = (folder / "Makefile").read_text()
    for name in names:
        (folder / name).rename(folder / "runtime" / name)
        assert f" {name} " in text
        text = text.replace(f" {name} ", f" runtime/{name} ")
    (folder / "Makefile").write_text(text)


def checked(project: Gap9Project) -> ProjectCheck:
    """The project on the cluster, until something is found."""
    check = ProjectCheck(project)
    check.guarded(check.on_cluster)
    if not check.report().differences:
        check.guarded(check.with_known_answers)
    return check


def faults(folder: Path) -> list[Fault]:
    """All faults of a project, in an order that is random and always the same."""
    found = list(step_faults((folder / "steps.c").read_text()))
    random.Random(6).shuffle(found)
    return found


@contextmanager
def put_in(fault: Fault, folder: Path) -> Iterator[None]:
    """The project has the fault."""
    path = folder / fault.file
    source = path.read_text()
    path.write_text(fault.apply(source))
    try:
        yield
    finally:
        path.write_text(source)


def found(project: Gap9Project, chosen: list[Fault]) -> int:
    """Put in one fault after the other; how many are found.

    One that is not found is none: no access left the buffers of its step, which the second run of `checked` watches
    byte by byte, every transfer is the planned one, and every value is right.
    """
    count = 0
    for fault in chosen:
        with put_in(fault, project.folder):
            count += checked(project).report().differences > 0
    return count


def test_without_a_fault_nothing_is_found(project: Gap9Project) -> None:
    report = checked(project).report()
    assert report.differences == 0
    assert report.compared > sum(tensor.bytes for tensor in project.plan.network.tensors.values()) // 2


@pytest.mark.parametrize("part", range(PARTS))
def test_faults_are_found(project: Gap9Project, part: int) -> None:
    assert found(project, faults(project.folder)[part * FAULTS:(part + 1) * FAULTS]) >= LEAST


@pytest.mark.parametrize("project", ["chain"], indirect=True)
def test_only_the_guards_see_a_value_too_many(project: Gap9Project) -> None:
    """The last tile has a channel more, behind its output: every value is right."""
    made, check = step_faults((project.folder / "steps.c").read_text()), ProjectCheck(project)
    with put_in([fault for fault in made if fault.kind == "size out_c"][-1], project.folder):
        check.guarded(check.on_cluster)
        assert check.report().differences == 0
        check.guarded(check.with_known_answers)
    assert [problem.code for problem in check.problems] == ["BT5510"]


@pytest.mark.nightly
def test_many_faults_are_found(project: Gap9Project) -> None:
    chosen = faults(project.folder)[PARTS * FAULTS:NIGHTLY]
    assert len(chosen) > 300
    assert len(chosen) - found(project, chosen) <= NIGHTLY_MOST
