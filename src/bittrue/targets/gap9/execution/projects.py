"""Emitted C projects: compiled for the simulated cluster, and for the computer that runs this."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

from ....engine.compile import CompileError
from ....engine.compile import find_compiler as find_host_compiler
from ....errors import BadInput, Diagnostics, Difference, ToolMissing, declare, fail
from ..emit import Layout
from ..simulate import GAP9, Cluster, Memories, Program
from ..simulate.build import Built, Compiler, build, compile_all
from ..simulate.flash import cluster_with_flash

declare({
    "BT5560": "a folder holds no C project for GAP9",
    "BT5561": "a project cannot be compiled for this computer",
    "BT5562": "a project's program for this computer failed",
})

SOURCES = re.compile(r"^APP_SRCS = ((?:.*\\\n)*.*)$", re.MULTILINE)
FLASH_FILES = re.compile(r"^READFS_FILES = (.*)$", re.MULTILINE)
SAMPLE = "sample.bin"
FOLDERS = ("", "runtime", "kernels")
HOST_FLAGS = ("-O2", "-g", "-std=gnu11", "-Wall", "-Wextra", "-DBT_HOST=1", "-DBT_CHECK=0", "-DBT_TRACE=1")
HOST_SECONDS = 120
"""What a program for this computer may take for a sample; large networks take a few."""
PLATFORM = {"runtime/platform_gap9.c": "runtime/platform_host.c"}


def build_project(project: Path, folder: Path, compiler: str = "zig", defines: Sequence[str] = (),
                  flags: Sequence[str] = ()) -> Built:
    """Compile a project for the cluster as its Makefile says; `program.elf` is left in `folder`.

    `defines` are such as `BT_CHECK=0` (no known-answer checks) or `BT_TRACE=1` (see `read_trace`). Raises `BadInput`
    (BT5560, BT5515, BT5516) and `ToolMissing` (BT5514).
    """
    sources = [project / name for name in _sources(project)]
    return build(sources, folder, compiler, (*_includes(project), *(f"-D{define}" for define in defines), *flags))


def load_project(project: Path, program: Path | Program, layout: Layout, sample: Mapping[str, bytes] | None = None,
                 memories: Memories = GAP9, capture: int = 0) -> Cluster:
    """A cluster with a project's program, and the files that it expects in flash memory.

    `sample` (bytes of the inputs, by tensor) replaces the project's own. `capture`: see `Cluster`. Raises `BadInput`
    (BT5560, BT5500).
    """
    found = FLASH_FILES.search(_makefile(project))
    names = _there(project, found[1].split() if found else [])
    files = {Path(name).name: (project / name).read_bytes() for name in names}
    data = None if sample is None else layout.sample.join(sample)
    if data is not None and not layout.sample.in_l2:
        files[SAMPLE] = data
    try:
        cluster = cluster_with_flash(program, files, memories, capture)
    except ValueError as error:
        fail(BadInput, "BT5560", str(project / "Makefile"), str(error), "emit the project again")
    if data is not None and layout.sample.in_l2:
        _put(cluster, "bt_sample", data)
    return cluster


def _put(cluster: Cluster, symbol: str, data: bytes) -> None:
    try:
        cluster.write_memory(cluster.symbols[symbol], data)
    except (KeyError, IndexError) as error:
        fail(BadInput, "BT5560", f"symbol {symbol}", f"the program has no place in L2 for it ({error})",
             "emit the project again")


def read_trace(cluster: Cluster, layout: Layout) -> dict[str, bytes]:
    """The output of every layer, by tensor, after a run of a build with BT_TRACE=1."""
    trace = layout.trace
    return trace.split(cluster.read_l3(trace.external, trace.size))


def build_host(project: Path, folder: Path) -> Path:
    """Compile a project for this computer, with a trace; the program. Raises `BadInput` (BT5560, BT5561)."""
    compiler = host_compiler()
    sources = [project / name for name in _sources(project, PLATFORM)]
    objects, _ = compile_all(compiler, [path.resolve() for path in sources], folder.resolve(),
                             (*HOST_FLAGS, *_includes(project)))
    target = folder.resolve() / "network"
    result = compiler.link([*map(str, objects), "-o", str(target)], folder)
    if result.returncode:
        fail(BadInput, "BT5561", str(project), result.stderr.strip()[:2000], "use another C compiler ($CC)")
    return target


def run_host(project: Path, program: Path, layout: Layout,
             sample: Mapping[str, bytes] | None = None) -> dict[str, bytes]:
    """Run `build_host`'s program; the output of every layer, by tensor. Raises `Difference` (BT5562) if it fails.

    `sample` replaces the project's own.
    """
    with TemporaryDirectory(prefix="bittrue-") as work:
        output = Path(work) / "output.bin"
        files = {"BT_DATA": str(project / "data"), "BT_OUTPUT": str(output)}
        if sample is not None:
            (Path(work) / "sample.bin").write_bytes(layout.sample.join(sample))
            files["BT_SAMPLE"] = str(Path(work) / "sample.bin")
        try:
            result = subprocess.run([str(program)], env={**os.environ, **files}, capture_output=True, text=True,
                                    errors="replace", check=False, timeout=HOST_SECONDS)
        except subprocess.TimeoutExpired:
            fail(Difference, "BT5562", str(program), f"it does not end within {HOST_SECONDS} seconds", "run it by hand")
        if result.returncode or not output.is_file():
            fail(Difference, "BT5562", str(program), f"exit code {result.returncode}: {result.stdout[-500:]}",
                 "run it by hand")
        return layout.trace.split(output.read_bytes())


def host_compiler() -> Compiler:
    """The compiler for this computer. Raises `ToolMissing` (BT5561)."""
    try:
        return Compiler(tuple(find_host_compiler()), (), ())
    except CompileError as error:
        fail(ToolMissing, "BT5561", "C compiler", str(error), "install a C compiler, or the wheel ziglang")


def _includes(project: Path) -> list[str]:
    return [f"-I{(project / name).resolve()}" for name in FOLDERS]


def _makefile(project: Path) -> str:
    path = project / "Makefile"
    if not path.is_file():
        fail(BadInput, "BT5560", str(path), "there is no such file", "name a directory that `bittrue compile` wrote")
    return path.read_text(errors="replace")


def _there(project: Path, names: list[str]) -> list[str]:
    """The names, if all of them are files of the project. Raises `BadInput` (BT5560) with all that are none."""
    found = Diagnostics()
    for name in names:
        if not (project / name).is_file():
            found.add("BT5560", f"{project / 'Makefile'}, {name}", "there is no such file", "emit the project again")
    found.raise_as(BadInput)
    return names


def _sources(project: Path, instead: Mapping[str, str] = MappingProxyType({})) -> list[str]:
    found = SOURCES.search(_makefile(project))
    if found is None:
        fail(BadInput, "BT5560", str(project / "Makefile"), "it names no C files (APP_SRCS)", "emit the project again")
    names = found[1].replace("\\\n", " ").split()
    return _there(project, [instead.get(name, name) for name in names])
