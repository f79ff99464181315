"""What tools have made, kept in the user's cache directory under the hash of everything that it depends on.

A directory appears there complete or not at all, however many processes make it at the same time.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from ..files import cache_dir


def cached(tool: str, key: str, make: Callable[[Path], None]) -> Path:
    """The directory for `key` among a tool's results; `make` fills it when it is not there yet."""
    folder = cache_dir(tool)
    final = folder / key
    if not final.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".new-", dir=folder))
        try:
            make(work)
            _publish(work, final)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return final


def _publish(work: Path, final: Path) -> None:
    """Give a finished directory its name, unless another process was faster."""
    try:
        os.rename(work, final)
    except OSError:
        if not final.is_dir():
            raise


def digest(*parts: str | bytes) -> str:
    """A hash of these parts, each with its length."""
    found = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        found.update(len(data).to_bytes(8, "little") + data)
    return found.hexdigest()[:32]
