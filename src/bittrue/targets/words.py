"""Words of a user in C: what cannot stand there is replaced."""

from __future__ import annotations


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
