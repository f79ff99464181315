"""Emitted projects of hand-made programs, on the simulated cluster and on this computer: every element is compared."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest

from bittrue.targets.gap9.emit import Layout, emit, layout_of
from bittrue.targets.gap9.program import Program
from bittrue.targets.gap9.simulate import ClusterResult
from bittrue.targets.gap9.simulate.projects import (
    build_host,
    build_project,
    load_project,
    read_trace,
    run_host,
    write_sample,
)
from gap9.emit_programs import Planner, as_bytes, expected, sample, small_network

NETWORK = small_network()
OUTPUTS = [layer.output for layer in NETWORK.layers]
TILES = (1, 3, 2, 1, 1, 2, 3)
STRICT = ("-Wshadow", "-Wstrict-prototypes", "-Wconversion", "-Wmissing-prototypes", "-Wundef")


@cache
def program(external: bool) -> Program:
    return Planner(NETWORK, external).plan(TILES)


def answers(seed: int = 5) -> dict[str, bytes]:
    return as_bytes(NETWORK, expected(NETWORK, sample(NETWORK, seed)), OUTPUTS)


@cache
def files(external: bool) -> dict[str, bytes]:
    return emit(program(external), as_bytes(NETWORK, sample(NETWORK), NETWORK.inputs), answers())


def write(made: dict[str, bytes], folder: Path) -> Path:
    for name, data in made.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


@cache
def folder(external: bool) -> Path:
    return write(files(external), Path(mkdtemp(prefix="bittrue-test-")))


def layout(external: bool) -> Layout:
    return layout_of(program(external))


def simulate(project: Path, out: Path, compiler: str = "zig", defines: tuple[str, ...] = ()) -> ClusterResult:
    built = build_project(project, out, compiler, defines, STRICT)
    assert built.warnings == ()
    result = load_project(project, built.elf).run(10**8)
    result.raise_traps()
    return result


@pytest.mark.parametrize("compiler", ["zig", "gcc"])
@pytest.mark.parametrize("external", [False, True])
def test_the_checks_pass_on_the_cluster(compiler: str, external: bool, tmp_path: Path) -> None:
    result = simulate(folder(external), tmp_path, compiler)
    assert result.exit_code == 0
    assert "PASS: no element of 7 layers differs" in result.stdout
    assert [region.number for region in result.regions] == list(range(7))
    assert all(len(region.cores) == 8 for region in result.regions)


@pytest.mark.parametrize("external", [False, True])
def test_a_trace_has_every_element_of_another_sample(external: bool, tmp_path: Path) -> None:
    built = build_project(folder(external), tmp_path, "zig", ("BT_CHECK=0", "BT_TRACE=1"), STRICT)
    assert built.warnings == ()
    cluster = load_project(folder(external), built.elf)
    write_sample(cluster, layout(external), as_bytes(NETWORK, sample(NETWORK, 77), NETWORK.inputs))
    result = cluster.run(10**8)
    result.raise_traps()
    assert result.exit_code == 0
    assert "PASS" not in result.stdout
    assert read_trace(cluster, layout(external)) == answers(77) != answers()


@pytest.mark.parametrize("external", [False, True])
def test_this_computer_gives_the_same(external: bool, tmp_path: Path) -> None:
    host = build_host(folder(external), tmp_path)
    assert run_host(folder(external), host, layout(external)) == answers()
    other = as_bytes(NETWORK, sample(NETWORK, 77), NETWORK.inputs)
    assert run_host(folder(external), host, layout(external), other) == answers(77)


def test_a_wrong_answer_is_reported_where_it_is(tmp_path: Path) -> None:
    """Element (7, 4, 6) of conv1, a slice of 8 of 12 channels; and the last word of the last layer."""
    wrong = bytearray(files(False)["data/answers.bin"])
    parts = layout(False).answers
    place = parts.offsets["conv1"] + (7 * 6 + 4) * 8 + 6
    value = wrong[place]
    wrong[place] = value ^ 1
    wrong[parts.offsets["fc"] + 39] ^= 0x80
    project = write({**files(False), "data/answers.bin": bytes(wrong)}, tmp_path / "project")
    result = simulate(project, tmp_path / "out")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert (f"conv1: 1 of 528 elements differ, first: row 7, column 4, channel 6: expected {value ^ 1}, "
            f"got {value}") in lines
    assert any(line.startswith("fc: 1 of 10 elements differ, first: row 0, column 0, channel 9: ") for line in lines)
    assert lines[-1] == "*** FAIL: 2 of 7 layers differ ***"


def test_the_same_program_gives_the_same_bytes() -> None:
    again = emit(Planner(small_network()).plan(TILES), as_bytes(NETWORK, sample(NETWORK), NETWORK.inputs), answers())
    assert again == files(False)


def test_files_of_the_external_memory_are_there_only_when_needed() -> None:
    assert "data/external.bin" not in files(False)
    assert b"READFS_FILES" not in files(False)["Makefile"]
    assert b"READFS_FILES = data/external.bin" in files(True)["Makefile"]
    assert b"#define BT_EXTERNAL 0" in files(False)["bt_options.h"]
