"""Names of projects and of layers in C and make."""

from __future__ import annotations

import re
from collections.abc import Iterable

OTHER = re.compile(r"[^A-Za-z0-9]+")


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
