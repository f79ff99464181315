"""Bytes of the tables of steps on the chip, where an address has four bytes."""

from __future__ import annotations

from .kernels import KERNELS, Field, structs
from .program import MAX_TRANSFERS

WORD = 4
HEAD, TRANSFER, STAGING, PART = 4 * WORD, 5 * WORD, 4 * WORD, 3 * WORD
"""Of a table's head, of one DMA command, of one transfer with L3, of one input of a concatenation."""
MOST = 3 * MAX_TRANSFERS


def table_bytes(kernel: str, transfers: int = MOST, parts: int = 0) -> int:
    """Bytes of L1 that the table of one step takes, a multiple of 4.

    `transfers` counts the stores of the step before, its own late loads and the next step's early ones (with that
    step's table); all tables of a layer are as long as its longest. `parts` are a concatenation's inputs.

    >>> table_bytes("max_pool", 3)
    184
    """
    return HEAD + max(1, transfers) * TRANSFER + sum(map(_field_bytes, KERNELS[kernel].fields)) + parts * PART


def _field_bytes(field: Field) -> int:
    nested = structs().get(field.type)
    return WORD if nested is None else sum(map(_field_bytes, nested))
