"""Project directories: what a target emits. Written at once or not at all, with a manifest of hashes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import BadInput, Diagnostic, declare, fail

declare({
    "BT5004": "the output directory exists and is not a project of bittrue",
    "BT5005": "a project's manifest is missing or damaged",
    "BT5006": "a file of a project has changed since it was written",
    "BT5007": "a file of a project is missing",
    "BT5008": "a project belongs to another target",
})

MANIFEST_NAME = "manifest.json"
EMIT_AGAIN = "emit the project again"


@dataclass(frozen=True)
class Manifest:
    """The files of a project: paths (relative, with `/`) and the SHA-256 of their contents."""

    target: str
    files: Mapping[str, str]

    def to_bytes(self) -> bytes:
        """The one serialized form of this manifest."""
        return json_bytes({"format": 1, "target": self.target, "files": dict(sorted(self.files.items()))})


def json_bytes(value: Mapping[str, Any]) -> bytes:
    """Deterministic JSON: keys as given, two spaces, a final newline."""
    return (json.dumps(value, indent=2) + "\n").encode()


def write_project(target: str, files: Iterable[tuple[str, bytes]], out_dir: Path) -> Manifest:
    """Write files (path, content) and their manifest to `out_dir`, replacing a project that is there.

    Everything is written to a sibling directory, which then takes the name `out_dir`. Raises `BadInput` (BT5004)
    when `out_dir` is something else than a project or an empty directory.
    """
    out_dir = out_dir.resolve()
    _require_replaceable(out_dir)
    out_dir.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{out_dir.name}.", dir=out_dir.parent))
    try:
        manifest = Manifest(target, {path: _write(work / "new" / path, data) for path, data in files})
        _write(work / "new" / MANIFEST_NAME, manifest.to_bytes())
        _take_place(work / "new", out_dir, work / "old")
    finally:
        shutil.rmtree(work)
    return manifest


def _take_place(new: Path, out_dir: Path, old: Path) -> None:
    """Rename `new` to `out_dir`; what was there moves to `old`, and back if that fails."""
    if out_dir.exists():
        os.rename(out_dir, old)
    try:
        os.rename(new, out_dir)
    except OSError:
        if old.exists():
            os.rename(old, out_dir)
        raise


def _require_replaceable(out_dir: Path) -> None:
    if out_dir.exists() and not (out_dir.is_dir() and (_is_project(out_dir) or not any(out_dir.iterdir()))):
        fail(BadInput, "BT5004", str(out_dir), "it exists and holds something else than a project",
             "name a new or empty directory")


def _is_project(folder: Path) -> bool:
    manifest = folder / MANIFEST_NAME
    return manifest.is_file() and _parsed_manifest(manifest.read_bytes()) is not None


def _write(path: Path, data: bytes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def read_manifest(project: Path, target: str) -> Manifest:
    """The manifest of a project of `target`. Raises `BadInput` (BT5005, BT5008)."""
    path = project / MANIFEST_NAME
    if not path.is_file():
        fail(BadInput, "BT5005", str(path), "there is no such file", "name a directory that `bittrue compile` wrote")
    data = path.read_bytes()
    manifest = _parsed_manifest(data)
    if manifest is None or manifest.to_bytes() != data:
        fail(BadInput, "BT5005", str(path), "it is not a manifest as bittrue writes it", EMIT_AGAIN)
    if manifest.target != target:
        fail(BadInput, "BT5008", str(path), f"the project is for target {manifest.target!r}, not {target!r}",
             "verify it with its own target")
    return manifest


def _parsed_manifest(data: bytes) -> Manifest | None:
    """The manifest if `data` has its form and only paths within the project, else None."""
    try:
        value = json.loads(data)
        target, files = value["target"], value["files"]
        items = [(str(path), str(digest)) for path, digest in files.items()]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return Manifest(str(target), dict(items)) if all(_is_inside(path) for path, _ in items) else None


def _is_inside(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts and "\0" not in path


def changed_files(project: Path, manifest: Manifest) -> Iterator[Diagnostic]:
    """A diagnostic for every file whose content is not the manifest's (BT5006), or that is missing (BT5007)."""
    for name, digest in manifest.files.items():
        path = project / name
        if not path.is_file():
            yield Diagnostic("BT5007", str(path), "the manifest names it, but it is not there", EMIT_AGAIN)
        elif (found := hashlib.sha256(path.read_bytes()).hexdigest()) != digest:
            yield Diagnostic("BT5006", str(path), f"its SHA-256 is {found[:16]}..., the manifest says {digest[:16]}...",
                             EMIT_AGAIN)
