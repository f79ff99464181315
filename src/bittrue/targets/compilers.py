"""What all targets need of C compilers: where the zig wheel is, and what a compiler says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

MESSAGE = re.compile(r"^(?P<file>[^\s:][^:\n]*):(?P<line>\d+):\d+: (?P<kind>fatal error|error|warning): (?P<text>.*)$",
                     re.MULTILINE)
"""A message of Clang or GCC."""


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
