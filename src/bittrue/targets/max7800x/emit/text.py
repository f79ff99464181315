"""Words of a user in C, make and Markdown: what cannot stand there is replaced."""

from __future__ import annotations

import re

OTHER = re.compile(r"[^A-Za-z0-9_-]+")


def comment(text: str) -> str:
    """A text that can stand in a C comment: one line, without the comment's ends.

    >>> comment("a*/b" + chr(10) + "c")
    'a* /b c'
    """
    line = "".join(letter if letter.isprintable() and letter.isascii() else " " for letter in text)
    return line.replace("*/", "* /").replace("/*", "/ *")


def literal(text: str) -> str:
    """A text inside the quotes of a C format string.

    >>> literal('100% "sure"')
    '100%% \\\\"sure\\\\"'
    """
    return comment(text).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")


def project_name(text: str) -> str:
    """A name for files and make: letters, digits, - and _.

    >>> project_name("my net (v2)")
    'my_net_v2'
    """
    return OTHER.sub("_", text).strip("_") or "network"
