"""The order of the packages: imports point downwards only (decision 2)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import bittrue

ROOT = Path(bittrue.__file__).parent
ORDER = (("errors", "files"), ("ir",), ("numerics",), ("engine", "passes", "tensors"),
         ("quantization", "frontends", "targets"))
"""From below; everything else stands above."""
RANKS = {name: rank for rank, names in enumerate(ORDER) for name in names}
EXCEPTIONS = {("quantization", "zoo")}
"""A training run states its network and recipe by their names in the zoo."""


def imports(file: Path) -> Iterator[str]:
    """The packages and modules right below `bittrue` that a file imports, anywhere in it."""
    package = ("bittrue", *file.relative_to(ROOT).parent.parts)
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            base = package[:len(package) - node.level + 1] if node.level else ()
            module = (*base, *(node.module or "").split("."))
            names = [".".join(filter(None, (*module, alias.name))) for alias in node.names]
        else:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        yield from (name.split(".")[1] for name in names if name.startswith("bittrue."))


@pytest.mark.parametrize("package", RANKS)
def test_imports_point_downwards_only(package: str) -> None:
    files = [file for file in ROOT.rglob("*.py") if file.relative_to(ROOT).with_suffix("").parts[0] == package]
    assert files
    used = {name for file in files for name in imports(file)} - {package}
    assert {name for name in used if RANKS.get(name, len(ORDER)) >= RANKS[package]
            and (package, name) not in EXCEPTIONS} == set()
