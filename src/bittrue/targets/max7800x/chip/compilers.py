"""The C compilers: what they are called, and how they are called for each core."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from ....errors import ToolMissing, declare, fail
from ...compilers import zig_program

declare({"BT5460": "a compiler or an emulator for the chip is missing"})

COMMON = ("-O2", "-g", "-ffreestanding", "-fdata-sections", "-ffunction-sections", "-fno-common", "-Wall", "-Wextra",
          "-Wpedantic", "-Wno-missing-field-initializers")
_UNCHANGED: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Core:
    """One of the two processor cores, for a compiler."""

    name: str
    zig: tuple[str, ...]
    gcc: str
    """The program of GCC."""
    gcc_flags: tuple[str, ...]
    start: str
    """The support's source file that starts it."""
    defines: tuple[str, ...]
    gcc_compile_flags: tuple[str, ...] = ()
    """More for compiling: GCC has libraries for RV32IMC, but none that also names the instructions for registers."""


ARM = Core("arm", ("-target", "thumb-freestanding-eabi", "-mcpu=cortex_m4"), "arm-none-eabi-gcc",
           ("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=soft"), "start_arm.c", ("ARM_MATH_CM4",))
ARM_HARD = Core("arm-hard", ("-target", "thumb-freestanding-eabihf", "-mcpu=cortex_m4+vfp4d16sp"), "arm-none-eabi-gcc",
                ("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"), "start_arm.c",
                ("ARM_MATH_CM4",))
RISCV = Core("riscv", ("-target", "riscv32-freestanding", "-mcpu=generic_rv32+m+c"), "riscv64-unknown-elf-gcc",
             ("-march=rv32imc", "-mabi=ilp32"), "start_riscv.c", ("RV32",), ("-march=rv32imc_zicsr",))
CORES: Mapping[str, Core] = MappingProxyType({core.name: core for core in (ARM, ARM_HARD, RISCV)})


@dataclass(frozen=True)
class Compiler:
    """A compiler for one core."""

    program: tuple[str, ...]
    compile_flags: tuple[str, ...]
    link_flags: tuple[str, ...]
    libraries: tuple[str, ...]
    version: str

    def compile(self, source: Path, target: Path, flags: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Compile one file.

        zig does not repeat the warnings of what it has in its cache: it gets an empty one, next to the object file.
        """
        cache = target.with_suffix(".cache")
        result = _run([*self.program, *self.compile_flags, *flags, "-c", str(source), "-o", str(target)], source.parent,
                      {"ZIG_LOCAL_CACHE_DIR": str(cache), "ZIG_GLOBAL_CACHE_DIR": str(cache)})
        shutil.rmtree(cache, ignore_errors=True)
        return result

    def link(self, objects: Sequence[Path], script: Path, target: Path) -> subprocess.CompletedProcess[str]:
        """Link object files."""
        return _run([*self.program, *self.link_flags, "-nostdlib", "-Wl,--gc-sections", "-T", str(script),
                     *map(str, objects), *self.libraries, "-o", str(target)], target.parent)


def find_compiler(name: str, core: Core) -> Compiler:
    """The compiler `zig` or `gcc` for a core. Raises `ToolMissing` (BT5460)."""
    return _zig(core) if name == "zig" else _gcc(core)


def _zig(core: Core) -> Compiler:
    program = zig_program()
    if program is None:
        fail(ToolMissing, "BT5460", core.name, "the Python package `ziglang` is not installed",
             "pip install 'bittrue[sim]'")
    flags = (*core.zig, *COMMON, "-fno-sanitize=all", "-mno-global-merge")
    return Compiler((str(program), "cc"), flags if core is not RISCV else flags[:-1], core.zig, ("-lcompiler_rt",),
                    _version(str(program), "version"))


def _gcc(core: Core) -> Compiler:
    program = shutil.which(core.gcc)
    if program is None:
        fail(ToolMissing, "BT5460", core.name, f"there is no {core.gcc}",
             f"install {core.gcc}, or use the compiler zig")
    flags = (*core.gcc_flags, *core.gcc_compile_flags, *COMMON, "-fno-section-anchors")
    return Compiler((program,), flags, core.gcc_flags, ("-lgcc",), _version(program, "--version"))


@cache
def _version(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _run(command: Sequence[str], folder: Path,
         environment: Mapping[str, str] = _UNCHANGED) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True,
                          errors="replace", check=False)
