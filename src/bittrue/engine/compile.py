"""Compiles the C kernels at first use and keeps the result in the user's cache.

A cached file is named by what it was built from and by the digest of its own content, so a damaged file is noticed (and
built anew) before it is loaded, and several processes that build at once cannot harm each other: each writes a
temporary file and renames it.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from ..files import cache_dir

SOURCES = Path(__file__).parent / "kernels"
FLAGS = ("-O3", "-std=gnu11", "-shared", "-fPIC", "-pthread", "-fno-math-errno")
COMPILERS = ("cc", "gcc", "clang")
TIMEOUT = 300
"""Seconds that one compilation may take."""


class CompileError(Exception):
    """The kernels cannot be built here; the message says why. Never leaves the engine: it falls back."""


def find_compiler() -> list[str]:
    """The command of the C compiler: $CC if set, else cc, gcc, clang, else the `ziglang` wheel.

    Raises `CompileError` when there is none.
    """
    if chosen := shlex.split(os.environ.get("CC", "")):
        if shutil.which(chosen[0]) is None:
            raise CompileError(f"$CC names {chosen[0]!r}, which is not installed")
        return chosen
    for name in COMPILERS:
        if path := shutil.which(name):
            return [path]
    if importlib.util.find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "cc"]
    raise CompileError(f"no C compiler found ($CC, {', '.join(COMPILERS)}, or the ziglang wheel)")


def library(*flags: str) -> ctypes.CDLL:
    """The kernels built with the given flags, from the cache if possible.

    Raises `CompileError` when there is no compiler, when it fails, or when the result cannot be loaded.
    """
    compiler = find_compiler()
    key = _key([*compiler, *FLAGS, *flags])
    for directory in (cache_dir(), Path(tempfile.gettempdir()) / f"bittrue-{_user()}"):
        with suppress(OSError):  # a cache that cannot be written: the next one
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            return _load(_cached(directory, key) or _build(directory, key, [*compiler, *FLAGS, *flags]))
    raise CompileError(f"neither {cache_dir()} nor {tempfile.gettempdir()} can be written")


def _user() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else "user"


def _key(command: list[str]) -> str:
    """Digest of the sources, the command and the machine."""
    digest = hashlib.sha256("\0".join([*command, platform.machine(), sys.platform]).encode())
    for source in sorted(SOURCES.glob("*.[ch]")):
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()[:24]


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:24]


def _cached(directory: Path, key: str) -> Path | None:
    """An intact build of `key`, if there is one; damaged ones are removed."""
    for path in sorted(directory.glob(f"{key}-*.so")):
        if path.stem == f"{key}-{_digest(path)}":
            return path
        path.unlink(missing_ok=True)
    return None


def _build(directory: Path, key: str, command: list[str]) -> Path:
    handle, name = tempfile.mkstemp(suffix=".so", dir=directory)
    os.close(handle)
    built = Path(name)
    try:
        _compile([*command, "-o", name, str(SOURCES / "engine.c")])
        final = directory / f"{key}-{_digest(built)}.so"
        built.replace(final)
    finally:
        built.unlink(missing_ok=True)
    return final


def _compile(command: list[str]) -> None:
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise CompileError(f"{command[0]} does not run: {problem}") from problem
    if result.returncode:
        said = result.stderr.strip().splitlines() or ["nothing"]
        raise CompileError(f"{command[0]} fails with exit code {result.returncode}: {said[0]}")


def _load(path: Path) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(str(path))
    except OSError as problem:
        raise CompileError(f"the compiled kernels cannot be loaded: {problem}") from problem
