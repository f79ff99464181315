"""Emitted projects of hand-made programs, on the simulated cluster and on this computer: every element is compared."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest

from bittrue.errors import BadInput, Difference
from bittrue.targets.gap9.emit import Layout, emit, layout_of
from bittrue.targets.gap9.emit.sizes import tables_bytes
from bittrue.targets.gap9.execution.projects import (
    build_host,
    build_project,
    host_compiler,
    load_project,
    read_trace,
    run_host,
)
from bittrue.targets.gap9.planning.limits import L2_BYTES, RESERVE
from bittrue.targets.gap9.program import Program
from bittrue.targets.gap9.simulate import ClusterResult
from bittrue.targets.gap9.simulate.build import compile_all
from bittrue.targets.gap9.step_tables import table_bytes
from gap9.emit_programs import STRICT, Planner, small_network, write
from gap9.kernel_builds import Ints
from gap9.planning_networks import bytes_of, evaluate, samples

NETWORK = small_network()
OUTPUTS = [layer.output for layer in NETWORK.layers]
TILES = (1, 3, 2, 1, 1, 2, 3)
KINDS = ("in L2", "weights in L3", "all in L3")
"""What comes from the external memory: nothing; weights; weights, the sample and the known answers."""


@cache
def program(kind: str) -> Program:
    made = Planner(NETWORK, kind != "in L2").plan(TILES)
    if kind != "all in L3":
        return made
    full = L2_BYTES - RESERVE - len(made.constants) - tables_bytes(made)
    return replace(made, arena=full // 16 * 16)


@cache
def values(seed: int) -> dict[str, Ints]:
    return evaluate(NETWORK, samples(NETWORK, np.random.default_rng(seed)))


def answers(seed: int = 5) -> dict[str, bytes]:
    return bytes_of(NETWORK, values(seed), OUTPUTS)


def inputs(seed: int = 5) -> dict[str, bytes]:
    return bytes_of(NETWORK, values(seed), NETWORK.inputs)


@cache
def files(kind: str) -> dict[str, bytes]:
    return emit(program(kind), inputs(), answers())


@cache
def folder(kind: str) -> Path:
    return write(files(kind), Path(mkdtemp(prefix="bittrue-test-")))


def layout(kind: str) -> Layout:
    return layout_of(program(kind))


def simulate(project: Path, kind: str, out: Path, compiler: str = "zig") -> ClusterResult:
    built = build_project(project, out, compiler, (), STRICT)
    assert built.warnings == ()
    result = load_project(project, built.elf, layout(kind)).run(10**8)
    result.raise_traps()
    return result


@pytest.mark.parametrize("compiler", ["zig", "gcc"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_checks_pass_on_the_cluster(compiler: str, kind: str, tmp_path: Path) -> None:
    result = simulate(folder(kind), kind, tmp_path, compiler)
    assert result.exit_code == 0
    assert "PASS: no element of 7 layers differs" in result.stdout
    assert [region.number for region in result.regions] == list(range(7))
    assert all(len(region.cores) == 8 for region in result.regions)


@pytest.mark.parametrize("kind", KINDS)
def test_a_trace_has_every_element_of_another_sample(kind: str, tmp_path: Path) -> None:
    built = build_project(folder(kind), tmp_path, "zig", ("BT_CHECK=0", "BT_TRACE=1"), STRICT)
    assert built.warnings == ()
    cluster = load_project(folder(kind), built.elf, layout(kind), inputs(77))
    result = cluster.run(10**8)
    result.raise_traps()
    assert result.exit_code == 0
    assert "PASS" not in result.stdout
    assert read_trace(cluster, layout(kind)) == answers(77) != answers()


@pytest.mark.parametrize("kind", KINDS)
def test_this_computer_gives_the_same(kind: str, tmp_path: Path) -> None:
    host = build_host(folder(kind), tmp_path)
    assert run_host(folder(kind), host, layout(kind)) == answers()
    assert run_host(folder(kind), host, layout(kind), inputs(77)) == answers(77)


@pytest.mark.parametrize("kind", ["in L2", "all in L3"])
def test_a_wrong_answer_is_reported_where_it_is(kind: str, tmp_path: Path) -> None:
    """Element (7, 4, 6) of conv1, a slice of 8 of 12 channels; and the last word of the last layer."""
    wrong = bytearray(files(kind)["data/answers.bin"])
    parts = layout(kind).answers
    place = parts.offsets["conv1"] + (7 * 6 + 4) * 8 + 6
    value = wrong[place]
    wrong[place] = value ^ 1
    wrong[parts.offsets["fc"] + 39] ^= 0x80
    project = write({**files(kind), "data/answers.bin": bytes(wrong)}, tmp_path / "project")
    result = simulate(project, kind, tmp_path / "out")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert (f"conv1: 1 of 528 elements differ, first: row 7, column 4, channel 6: expected {value ^ 1}, "
            f"got {value}") in lines
    assert any(line.startswith("fc: 1 of 10 elements differ, first: row 0, column 0, channel 9: ") for line in lines)
    assert lines[-1] == "*** FAIL: 2 of 7 layers differ ***"


def test_a_wrong_weight_is_found_in_all_layers_behind_it(tmp_path: Path) -> None:
    made = dict(files("weights in L3"))
    data = bytearray(made["data/external.bin"])
    data[0] ^= 0x40
    result = simulate(write({**made, "data/external.bin": bytes(data)}, tmp_path / "project"), "weights in L3",
                      tmp_path / "out")
    assert result.exit_code == 1
    assert "image4: " in result.stdout
    assert "conv1: " not in result.stdout, "it does not see image4"


def test_without_the_file_in_the_flash_memory_the_program_says_so(tmp_path: Path) -> None:
    makefile = files("weights in L3")["Makefile"].replace(b"data/external.bin", b"data/sample.bin")
    made = {**files("weights in L3"), "Makefile": makefile}
    result = simulate(write(made, tmp_path / "project"), "weights in L3", tmp_path / "out")
    assert result.exit_code == 1
    assert "the platform did not start" in result.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_this_computer_s_compiler_warns_of_nothing(kind: str, tmp_path: Path) -> None:
    names = ("main.c", "network.c", "steps.c", "constants.c", "runtime/bt_run.c", "runtime/bt_check.c",
             "runtime/platform_host.c")
    includes = [f"-I{folder(kind) / name}" for name in ("", "runtime", "kernels")]
    for flags in (("-DBT_CHECK=1",), ("-DBT_CHECK=0", "-DBT_TRACE=1"), ("-DBT_CHECK=0",)):
        _, warnings = compile_all(host_compiler(), [folder(kind) / name for name in names], tmp_path,
                                  ("-DBT_HOST=1", "-std=c11", "-O2", "-Wall", "-Wextra", *STRICT, *includes, *flags))
        assert warnings == []


def test_steps_cost_little(tmp_path: Path) -> None:
    """Without the kernels, and with the DMA done at once, a step takes the leader less than 350 cycles."""
    made = dict(files("in L2"))
    for kernel in (b"bt_conv", b"bt_max_pool", b"bt_concat", b"bt_linear"):
        made["network.c"] = made["network.c"].replace(kernel + b"(&step->params, me->core, me->cores);", b"(void)step;")
    built = build_project(write(made, tmp_path / "project"), tmp_path / "out", "zig", ("BT_CHECK=0",))
    cluster = load_project(tmp_path / "project", built.elf, layout("in L2"))
    result = cluster.run(10**8)
    cycles = cluster.read_memory(cluster.symbols["bt_layer_cycles"], 4 * 7)
    total = int.from_bytes(cluster.read_memory(cluster.symbols["bt_network_cycles"], 4), "little")
    layers = [int.from_bytes(cycles[4 * number:4 * number + 4], "little") for number in range(7)]
    assert sum(layers) < total < sum(layers) + 2000
    leader = [region.cores[7] for region in result.regions]
    waited = sum(core.stalls.get("event", 0) for core in leader)
    busy = (sum(core.cycles for core in leader) - waited) / len(program("in L2").steps)
    assert busy < 350


def test_the_same_program_gives_the_same_bytes() -> None:
    assert emit(Planner(small_network()).plan(TILES), inputs(), answers()) == files("in L2")


def test_the_external_memory_is_there_only_when_it_is_needed(tmp_path: Path) -> None:
    plain, staged = files("in L2"), files("weights in L3")
    assert "data/external.bin" not in plain
    assert b"READFS_FILES" not in plain["Makefile"]
    assert b"READFS_FILES = data/external.bin\n" in staged["Makefile"]
    symbols = load_project(folder("in L2"), build_project(folder("in L2"), tmp_path).elf, layout("in L2")).symbols
    assert {"bt_sample", "bt_answers", "bt_arena", "bt_l1"} <= symbols.keys()
    assert not {"bt_ram_start", "pi_ram_read", "pi_fs_open"} & symbols.keys()


def test_without_checks_there_are_no_answers(tmp_path: Path) -> None:
    built = build_project(folder("in L2"), tmp_path, "zig", ("BT_CHECK=0",), STRICT)
    cluster = load_project(folder("in L2"), built.elf, layout("in L2"))
    assert not {"bt_answers", "bt_findings", "bt_inspect_layer"} & cluster.symbols.keys()
    result = cluster.run(10**8)
    assert result.exit_code == 0
    assert "differ" not in result.stdout


@pytest.mark.parametrize("compiler", ["zig", "gcc"])
def test_tables_are_as_long_as_the_planner_is_told(compiler: str, tmp_path: Path) -> None:
    """The C compilers count as `table_bytes` does, whatever the number of commands."""
    lines = ['#include "steps.h"']
    cases = (("conv", "conv1", 0), ("max_pool", "pool", 0), ("concat", "cat", 2), ("linear", "fc", 0))
    for layer, ident, parts in cases:
        counted = f"sizeof ((step_{ident} *)0)->transfers / sizeof(bt_transfer)"
        sizes = [f"({counted} == {count} && sizeof(step_{ident}) == {table_bytes(layer, count, parts)})"
                 for count in range(1, 22)]
        lines.append(f"_Static_assert({' || '.join(sizes)}, \"{ident}\");")
    project = write({**files("in L2"), "main.c": "\n".join([*lines, "int main(void) { return 0; }"]).encode()},
                    tmp_path / "project")
    assert build_project(project, tmp_path / "out", compiler).warnings == ()


def test_no_line_of_the_project_is_too_long_and_none_has_blanks_at_its_end() -> None:
    """Of what engineers read: tables and texts of layers may be long."""
    for name, data in files("all in L3").items():
        if name.endswith((".c", ".h")) and not name.startswith("kernels/"):
            lines = data.decode().splitlines()
            assert not any(line != line.rstrip() or "\t" in line for line in lines), name
            assert name in ("network.c",) or max(map(len, lines)) <= 120, name
            assert "\n\n\n" not in data.decode(), name


def test_a_folder_without_a_project_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="BT5560"):
        build_project(tmp_path, tmp_path / "out")
    (tmp_path / "Makefile").write_text("all:\n")
    with pytest.raises(BadInput, match="APP_SRCS"):
        build_host(tmp_path, tmp_path / "out")


def test_a_program_that_fails_on_this_computer_is_reported(tmp_path: Path) -> None:
    host = build_host(folder("weights in L3"), tmp_path)
    with pytest.raises(Difference, match=r"BT5562 .*: exit code 1: \*\*\* FAIL"):
        run_host(tmp_path, host, layout("weights in L3"))


def test_errors_in_c_files_are_all_reported(tmp_path: Path) -> None:
    broken = {**files("in L2"), "main.c": b"int main(void) { return x; }\n", "runtime/bt_run.c": b"int y = z;\n"}
    with pytest.raises(BadInput, match="BT5515") as error:
        build_project(write(broken, tmp_path / "project"), tmp_path / "out")
    assert sorted(found.where for found in error.value.diagnostics) == ["bt_run.c:1", "main.c:1"]


def test_wrong_bytes_are_refused() -> None:
    with pytest.raises(ValueError, match="bytes"):
        emit(program("in L2"), {"image": inputs()["image"] + b"1234"}, answers())


@pytest.mark.parametrize("defines", [("BT_HOST=1", "BT_TRACE=1"), ("BT_HOST=1", "BT_CHECK=0", "BT_TRACE=1")])
def test_a_static_checker_finds_nothing(defines: tuple[str, ...]) -> None:
    program_path = shutil.which("cppcheck")
    if program_path is None:
        pytest.skip("there is no cppcheck")
    project = folder("all in L3")
    sources = [project / name for name in ("main.c", "network.c", "steps.c", "runtime/bt_run.c", "runtime/bt_check.c",
                                           "runtime/platform_host.c")]
    includes = [f"-I{project / name}" for name in (".", "runtime", "kernels")]
    command = [program_path, "--enable=warning,performance,portability", "--error-exitcode=1", "-q", *includes,
               *(f"-D{define}" for define in defines), *map(str, sources)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
