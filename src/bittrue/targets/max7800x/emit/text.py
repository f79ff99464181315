"""Words of a user in C, make and Markdown: what cannot stand there is replaced."""

from __future__ import annotations

import re

from ...words import literal

OTHER = re.compile(r"[^A-Za-z0-9_-]+")


def format_literal(text: str) -> str:
    """A text inside the quotes of a C format string.

    >>> format_literal('100% "sure"')
    '100%% \\\\"sure\\\\"'
    """
    return literal(text).replace("%", "%%")


def project_name(text: str) -> str:
    """A name for files and make: letters, digits, - and _.

    >>> project_name("my net (v2)")
    'my_net_v2'
    """
    return OTHER.sub("_", text).strip("_") or "network"
