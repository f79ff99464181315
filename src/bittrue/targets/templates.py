"""Jinja2 templates of a package, compiled once per user, as Python does with its modules."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import Any

import jinja2

from ..files import cache_dir, write_whole


class _Compiled(jinja2.BytecodeCache):
    """Compiled templates in the user's cache directory; where there is none, they are compiled every time.

    What is there is taken only for the very same source, and the same versions of Python and Jinja.
    """

    folder = cache_dir(f"templates-{jinja2.__version__}")

    def load_bytecode(self, bucket: Any) -> None:
        with suppress(OSError):
            bucket.bytecode_from_string((self.folder / bucket.key).read_bytes())

    def dump_bytecode(self, bucket: Any) -> None:
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(self.folder / bucket.key, bucket.bytecode_to_string())


@cache
def environment(package: str) -> jinja2.Environment:
    """The templates in the folder `templates` of a package: nothing undefined is allowed, blocks leave no lines."""
    return jinja2.Environment(loader=jinja2.PackageLoader(package), undefined=jinja2.StrictUndefined, trim_blocks=True,
                              lstrip_blocks=True, keep_trailing_newline=True, autoescape=False,
                              bytecode_cache=_Compiled())
