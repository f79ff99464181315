"""Words of a user in C, make and Markdown, and the names of layers in C."""

from __future__ import annotations

import re
from collections.abc import Iterable

OTHER = re.compile(r"[^A-Za-z0-9]+")


def comment(text: str) -> str:
    """A text that can stand in a C comment: one line, without the comment's ends.

    >>> comment("a*/b" + chr(10) + "c")
    'a* /b c'
    """
    line = "".join(letter if letter.isprintable() and letter.isascii() else " " for letter in text)
    return line.replace("*/", "* /").replace("/*", "/ *")


def literal(text: str) -> str:
    """A text inside the quotes of a C string.

    >>> literal('a "b"')
    'a \\\\"b\\\\"'
    """
    return comment(text).replace("\\", "\\\\").replace('"', '\\"')


def project_name(text: str) -> str:
    """A name for files and make: letters, digits and _.

    >>> project_name("my net (v2)")
    'my_net_v2'
    """
    return OTHER.sub("_", text).strip("_") or "network"


def identifiers(names: Iterable[str]) -> list[str]:
    """What can follow a prefix in C, different for every name.

    >>> identifiers(["/conv1/Conv", "conv1.Conv", "fc"])
    ['conv1_Conv', 'conv1_Conv_2', 'fc']
    """
    found: list[str] = []
    for name in names:
        plain = project_name(name)
        number, made = 1, plain
        while made in found:
            number += 1
            made = f"{plain}_{number}"
        found.append(made)
    return found
