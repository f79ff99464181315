"""Projects that somebody changed: whatever was done to them is a difference, or bad input; never an exception that
nobody foresaw. And what is unusual in a graph, but right."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bittrue.errors import BadInput, Unsupported
from bittrue.ir import Graph
from bittrue.ir.ops import MaxPool, Relu, Reshape, Slice, Transpose
from bittrue.targets.gap9 import GAP9
from bittrue.targets.gap9.execution import projects
from bittrue.targets.gap9.execution.verify import ProjectCheck
from gap9.network_graphs import Net
from gap9.project_networks import emitted

Damage = Callable[[Path], object]


def small() -> Graph:
    n = Net()
    c = n.conv("c", n.input(5, 6, 7), (3, 5, 2, 3))
    return n.build(n.requant("y", c, 3))


def check_of(graph: Graph, folder: Path, samples: int = 1) -> ProjectCheck:
    return ProjectCheck(emitted(graph, GAP9.plan(graph), folder, samples=samples))


def missing(name: str) -> Damage:
    return lambda folder: (folder / name).unlink()


def replaced(name: str, pattern: str, text: str) -> Damage:
    def damage(folder: Path) -> None:
        before = (folder / name).read_text()
        after = re.sub(pattern, text, before)
        assert after != before
        (folder / name).write_text(after)
    return damage


def renamed(symbol: str) -> Damage:
    def damage(folder: Path) -> None:
        for path in folder.rglob("*.[ch]"):
            path.write_text(re.sub(rf"\b{symbol}\b", f"{symbol}_", path.read_text()))
    return damage


def long_name(folder: Path) -> None:
    name = "x" * 60
    (folder / name).write_bytes(b"1234")
    replaced("Makefile", r"\Z", f"\nREADFS_FILES = {name}\n")(folder)


def unreadable(name: str) -> Damage:
    return lambda folder: (folder / name).write_bytes(b"\xff\xfe\x00\x80" * 40)


MAIN = r"(int main\(void\)\s*\{)"
ON_CLUSTER: dict[str, tuple[Damage, str]] = {
    "kernel": (missing("kernels/conv.c"), "BT5560"),
    "runtime": (missing("runtime/bt_run.c"), "BT5560"),
    "source": (missing("network.c"), "BT5560"),
    "no text": (unreadable("Makefile"), "BT5560"),
    "folder": (replaced("Makefile", "APP_SRCS = ", "APP_SRCS = kernels "), "BT5560"),
    "flash": (replaced("Makefile", r"\Z", "\nREADFS_FILES = data/nothing.bin\n"), "BT5560"),
    "long name": (long_name, "BT5560"),
    "include": (lambda folder: (folder / "runtime/bt_run.c").write_bytes(b'#include "\xff.h"\n'), "BT5515"),
    "syntax": (replaced("network.c", r"bt_begin\(me\)", "bt_begin(me"), "BT5515"),
    "missing function": (replaced("runtime/bt_run.c", "void bt_finish", "void bt_finished"), "BT5516"),
    "Makefile": (missing("Makefile"), "BT5560"),
    "buffers": (renamed("bt_l1"), "BT5575"),
    "arena": (renamed("bt_arena"), "BT5575"),
    "sample": (renamed("bt_sample"), "BT5560"),
    "nothing runs": (replaced("main.c", MAIN, r"\1 return 0;"), "BT5560"),
}


@pytest.mark.parametrize("name", ON_CLUSTER)
def test_damage_is_a_difference(name: str, tmp_path: Path) -> None:
    check = check_of(small(), tmp_path / "project")
    damage, code = ON_CLUSTER[name]
    damage(tmp_path / "project")
    check.guarded(check.on_cluster)
    assert code in {problem.code for problem in check.problems}
    assert check.report().differences > 0


@pytest.mark.parametrize("number", ["me->number++ + 77", "-1 - me->number++"])
def test_steps_that_are_not_planned(number: str, tmp_path: Path) -> None:
    check = check_of(small(), tmp_path / "project")
    replaced("runtime/bt_run.c", r"BT_MARK\(.*\)", f"BT_MARK({number})")(tmp_path / "project")
    check.guarded(check.with_known_answers)
    assert [problem.code for problem in check.problems] == ["BT5577"]


def test_programs_that_do_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check = check_of(small(), tmp_path / "project")
    replaced("main.c", MAIN, r"\1 for (volatile int i = 0;; i++) { }")(tmp_path / "project")
    monkeypatch.setattr(projects, "HOST_SECONDS", 1)
    check.guarded(check.on_host)
    assert [problem.code for problem in check.problems] == ["BT5562"]
    assert "1 seconds" in check.problems[0].why


def test_the_platform_of_this_computer(tmp_path: Path) -> None:
    check = check_of(small(), tmp_path / "project")
    missing("runtime/platform_host.c")(tmp_path / "project")
    with pytest.raises(BadInput, match=r"platform_host\.c"):
        check.on_host()


def exact(graph: Graph, folder: Path) -> bool:
    check = check_of(graph, folder, 2)
    for part in (check.on_cluster, check.with_known_answers, check.on_host):
        part()
    return check.report().differences == 0


def test_outputs_that_are_other_shapes_of_a_tensor(tmp_path: Path) -> None:
    n = Net()
    y = n.requant("y", n.conv("c", n.input(5, 6, 7), (3, 5, 2, 3)), 3)
    part = n.add("p", Slice((1, 0, 0), (3, 5, 5)), y)
    assert exact(n.build(n.add("t", Transpose((1, 2, 0)), y), n.add("r", Reshape((2, 25)), part)), tmp_path / "project")


def test_a_program_without_constants(tmp_path: Path) -> None:
    n = Net()
    assert exact(n.build(n.add("m", MaxPool((2, 3)), n.input(5, 6, 7))), tmp_path / "project")


def test_windows_that_see_no_pixel(tmp_path: Path) -> None:
    n = Net()
    x = n.requant("r", n.conv("c", n.input(4, 2), (3, 4, 2)), 3)
    for name in ("a", "b"):
        x = n.add(name, MaxPool((2,), (1,), (0, 1), (1,)), x)
    assert exact(n.build(n.conv("y", x, (4, 3, 2), stride=(3,), pads=(2, 1))), tmp_path / "project")


def test_nothing_to_compute() -> None:
    n = Net()
    x = n.input(5, 6, 7, elem="u8")
    graph = n.build(n.add("y", Relu(), n.add("r", Reshape((5, 42)), x)))
    with pytest.raises(Unsupported, match="BT5576"):
        GAP9.plan(graph)
    assert [problem.code for problem in GAP9.check(graph).problems] == ["BT5576"]
