"""What all targets need of C compilers: where the zig wheel is, and what a compiler says."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

from ..errors import BadInput, Diagnostics

MESSAGE = re.compile(r"^(?P<file>[^\s:][^:\n]*):(?P<line>\d+):\d+: (?P<kind>fatal error|error|warning): (?P<text>.*)$",
                     re.MULTILINE)
"""A message of Clang or GCC."""
PARALLEL = 2
"""Compiler runs at a time."""

Compile = Callable[[Path, Path], str]
"""Makes an object file of a C file, or leaves none; gives what the compiler printed."""


def zig_program() -> Path | None:
    """The program of the wheel `ziglang`; None where it is not installed."""
    spec = find_spec("ziglang")
    found = Path(spec.origin).parent / "zig" if spec and spec.origin else None
    return found if found is not None and found.is_file() else None


def messages(text: str, kinds: Sequence[str]) -> list[tuple[str, str]]:
    """(`file:line`, text) of every message of these kinds that a compiler printed.

    >>> messages("src/a.c:3:5: warning: unused variable", ["warning"])
    [('a.c:3', 'unused variable')]
    """
    return [(f"{Path(found['file']).name}:{found['line']}", found["text"]) for found in MESSAGE.finditer(text)
            if found["kind"] in kinds]


def compile_files(compile_one: Compile, sources: Sequence[Path], folder: Path, code: str,
                  prefix: str = "") -> tuple[list[Path], list[str]]:
    """Compile C files; the objects in `folder`, in order, and the warnings, `file:line: text`.

    Raises `BadInput` (`code`) with everything that is wrong with any of them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    objects = [folder / f"{prefix}{index}_{source.stem}.o" for index, source in enumerate(sources)]
    for path in objects:
        path.unlink(missing_ok=True)
    with ThreadPoolExecutor(PARALLEL) as pool:
        texts = list(pool.map(compile_one, sources, objects))
    found = Diagnostics()
    for source, path, text in zip(sources, objects, texts, strict=True):
        if not path.is_file():
            for where, why in messages(text, ("error", "fatal error")) or [(source.name, text[:2000])]:
                found.add(code, where, why, "correct the C file")
    found.raise_as(BadInput)
    return objects, [f"{where}: {why}" for text in texts for where, why in messages(text, ("warning",))]
