"""Projects with deliberate faults."""

from __future__ import annotations

import hashlib
from pathlib import Path

from bittrue.targets.project import MANIFEST_NAME, Manifest, read_manifest


def refreshed_manifest(project: Path, target: str) -> Manifest:
    """Rewrite the manifest with the hashes of the files as they are now, so that hashes reveal nothing."""
    names = read_manifest(project, target).files
    manifest = Manifest(target, {name: hashlib.sha256((project / name).read_bytes()).hexdigest() for name in names})
    (project / MANIFEST_NAME).write_bytes(manifest.to_bytes())
    return manifest
