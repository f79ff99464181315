"""Compiles C files, with runtime support of our own, into a program for the cluster."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from ....errors import BadInput, ToolMissing, declare, fail
from ....files import cache_dir
from ...cache import cached, digest
from ...compilers import compile_files, zig_program

declare({
    "BT5514": "a C compiler for the cluster is missing",
    "BT5515": "a program for the cluster does not compile",
    "BT5516": "a program for the cluster does not link",
})

SUPPORT = Path(__file__).parent / "support"
SOURCES = ("start.S", "cluster.c", "transfers.c", "flash.c", "library.c")
COMMON = ("-O2", "-g", "-ffreestanding", "-fno-common", "-fdata-sections", "-ffunction-sections", "-mno-relax",
          "-fomit-frame-pointer", "-Wall", "-Wextra")
ZIG = ("-target", "riscv32-freestanding", "-mcpu=generic_rv32+m+c+zicsr", "-fno-sanitize=all")
GCC = ("-march=rv32imc_zicsr", "-mabi=ilp32")
GCC_PROGRAM = "riscv64-unknown-elf-gcc"
SHARED = ("kernels", "runtime")
"""Folders of a project whose files are the same in every project."""
OBJECT, PRINTED = "object.o", "printed.txt"
INCLUDE = re.compile(rb'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


@dataclass(frozen=True)
class Built:
    """A linked program, and what the compiler warned of: `file:line: text`."""

    elf: Path
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Compiler:
    """A C compiler for RV32IMC: its program, its flags for the core, and its libraries."""

    program: tuple[str, ...]
    flags: tuple[str, ...]
    libraries: tuple[str, ...]

    def compile(self, arguments: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
        """Compile. zig repeats no warnings of what its cache has: it gets an empty one."""
        with TemporaryDirectory(dir=folder) as cache:
            return self._run(arguments, folder, cache)

    def link(self, arguments: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
        """Link. zig makes its library for the core once."""
        return self._run(arguments, folder, str(cache_dir("zig")))

    def _run(self, arguments: Sequence[str], folder: Path, cache: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*self.program, *self.flags, *arguments], capture_output=True, text=True,
                              errors="replace", check=False, cwd=folder,
                              env={**os.environ, "ZIG_LOCAL_CACHE_DIR": cache, "ZIG_GLOBAL_CACHE_DIR": cache})


def find_compiler(name: str) -> Compiler:
    """The compiler `zig` or `gcc`. Raises `ToolMissing` (BT5514)."""
    if name == "gcc":
        program = shutil.which(GCC_PROGRAM)
        if program is None:
            fail(ToolMissing, "BT5514", name, f"there is no {GCC_PROGRAM}", "install it, or use the compiler zig")
        return Compiler((program,), GCC, ("-lgcc",))
    found = zig_program()
    if found is None:
        fail(ToolMissing, "BT5514", name, "the Python package `ziglang` is not installed", "pip install 'bittrue[sim]'")
    return Compiler((str(found), "cc"), ZIG, ("-lcompiler_rt",))


def build(sources: Sequence[Path], folder: Path, compiler: str = "zig", flags: Sequence[str] = ()) -> Built:
    """Compile and link C files; objects and `program.elf` are left in `folder`.

    `flags` are for compiling (`-D`, `-I`). BT_SIM is defined: regions are marked. Raises `BadInput` (BT5515, BT5516)
    with the compiler's messages, `ToolMissing` (BT5514).
    """
    used = find_compiler(compiler)
    objects, warnings = compile_all(used, [path.resolve() for path in sources], folder.resolve(), (*_flags(), *flags))
    target = folder.resolve() / "program.elf"
    result = used.link(["-nostdlib", "-static", "-Wl,--gc-sections", "-T", str(SUPPORT / "link.ld"), *map(str, objects),
                        *map(str, _support(used)), *used.libraries, "-o", str(target)], folder.resolve())
    if result.returncode:
        fail(BadInput, "BT5516", str(target), result.stderr.strip()[:2000], "define what is missing; use less memory")
    return Built(target, tuple(warnings))


@cache
def version(*program: str) -> str:
    """What a compiler says of its version."""
    return subprocess.run([*program, "--version"], capture_output=True, text=True, check=False).stdout


def _headers() -> list[bytes]:
    """The runtime's headers, which objects depend on."""
    return [path.read_bytes() for path in sorted(SUPPORT.rglob("*.h"))]


def _flags() -> tuple[str, ...]:
    return (*COMMON, "-isystem", str(SUPPORT / "include"), "-DBT_SIM=1")


def compile_all(compiler: Compiler, sources: Sequence[Path], folder: Path,
                flags: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Compile C files; the objects, in order, and the warnings. Those in `SHARED` folders are kept and compiled once.

    Raises `BadInput` (BT5515) with everything that is wrong with any of them.
    """
    return compile_files(lambda source, target: _object(compiler, source, target, flags), sources, folder, "BT5515")


def _object(compiler: Compiler, source: Path, target: Path, flags: Sequence[str]) -> str:
    """Make an object file, or leave none; what the compiler printed."""
    if source.parent.name not in SHARED:
        return _compiled(compiler, source, target, flags)
    plain = [flag for flag in flags if not flag.startswith("-I")]
    key = digest(*compiler.program, version(*compiler.program), *compiler.flags, *plain, *_headers(),
                 *dependencies(source, flags))
    folder = cached("gap9", key, lambda work: _keep(compiler, source, work, flags))
    if (folder / OBJECT).is_file():
        shutil.copyfile(folder / OBJECT, target)
    return (folder / PRINTED).read_text()


def _compiled(compiler: Compiler, source: Path, target: Path, flags: Sequence[str]) -> str:
    return compiler.compile([*flags, "-c", str(source), "-o", str(target)], target.parent).stderr


def _keep(compiler: Compiler, source: Path, folder: Path, flags: Sequence[str]) -> None:
    (folder / PRINTED).write_text(_compiled(compiler, source, folder / OBJECT, flags))


def dependencies(source: Path, flags: Sequence[str]) -> list[bytes]:
    """The contents of a C file and of all files that it includes in quotes, from its own folder or one of `-I`."""
    folders = [Path(flag.removeprefix("-I")) for flag in flags if flag.startswith("-I")]
    texts: dict[Path, bytes] = {}
    waiting = [source]
    while waiting:
        path = waiting.pop()
        texts[path] = path.read_bytes()
        places = [[folder / os.fsdecode(name) for folder in (path.parent, *folders)] for name in
                  INCLUDE.findall(texts[path])]
        found = (next((place for place in group if place.is_file()), None) for group in places)
        waiting += [place for place in found if place is not None and place not in texts]
    return list(texts.values())


def _support(compiler: Compiler) -> list[Path]:
    """The runtime's object files, compiled once and kept."""
    texts = [path.read_bytes() for path in sorted(SUPPORT.rglob("*.[cS]"))]
    key = digest(*compiler.program, version(*compiler.program), *compiler.flags, *COMMON, *_headers(), *texts)
    folder = cached("gap9", key, lambda work: _make_support(compiler, work))
    return [folder / f"{name}.o" for name in SOURCES]


def _make_support(compiler: Compiler, folder: Path) -> None:
    for name in SOURCES:
        source = SUPPORT / "source" / name
        target = folder / f"{name}.o"
        result = compiler.compile([*_flags(), "-fno-builtin", "-c", str(source), "-o", str(target)], folder)
        if result.returncode:
            fail(BadInput, "BT5515", f"runtime support, {name}", result.stderr.strip()[:2000], "use another compiler")
