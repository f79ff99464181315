"""Files on disk: written completely, or not at all; where those are that can be made again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_dir(*parts: str) -> Path:
    """The user's cache directory, or one in it: `bittrue` in XDG_CACHE_HOME or ~/.cache. It may not be there yet."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").joinpath("bittrue", *parts)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file by way of a temporary sibling that then takes its name.

    Raises OSError or ValueError when that is impossible; then neither the file nor the sibling has changed or remains.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
