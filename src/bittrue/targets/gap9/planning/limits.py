"""What a plan may use, and the codes of what stands in its way."""

from __future__ import annotations

from dataclasses import dataclass

from ....errors import declare

declare({
    "BT5550": "no tile of a layer fits into L1",
    "BT5551": "a network does not fit into L2 and L3",
    "BT5559": "a plan contradicts itself",
})

KIB = 1024
L2_BYTES, RESERVE = 1536 * KIB, 112 * KIB
"""L2, and what of it is for code, stacks, texts and buffers."""


@dataclass(frozen=True)
class Limits:
    """Bytes that a plan may use, and the cores that share the work."""

    l1: int = 107 * KIB
    """L1 without the stacks of nine cores and what the runtime keeps there."""
    l2: int = L2_BYTES - RESERVE
    """L2 for the arena, the constants and the tables of steps."""
    l3: int = 32768 * KIB
    """The external memory of the evaluation board."""
    cores: int = 8
    table: int = 768
    """The most that one step's table takes."""


ALIGNMENT = 8
"""Of buffers in L1 and L2: the DMA moves 8 bytes a cycle."""


def aligned(size: int, multiple: int = ALIGNMENT) -> int:
    """The size filled up to a multiple.

    >>> aligned(17), aligned(16)
    (24, 16)
    """
    return -(-size // multiple) * multiple
