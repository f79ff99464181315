"""Names for layers that no node of the graph stands for."""

from __future__ import annotations

from collections.abc import Collection


def free_name(name: str, taken: Collection[str]) -> str:
    """The name, with a number behind if it is taken.

    >>> free_name("sum", {"conv"}), free_name("sum", {"sum", "sum.2"})
    ('sum', 'sum.3')
    """
    if name not in taken:
        return name
    return next(n for n in (f"{name}.{i}" for i in range(2, len(taken) + 3)) if n not in taken)
