"""Bytes of the tables of steps on the chip, where an address has four bytes."""

from __future__ import annotations

from itertools import groupby

from ..kernels import KERNELS, Field, structs
from ..program import MAX_TRANSFERS, Program, Step

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


def layer_transfers(program: Program, layer: int) -> int:
    """The DMA commands of the layer's longest table."""
    counts = [0]
    for number, step in enumerate(program.steps):
        if step.layer == layer:
            stores = program.steps[number - 1].stores if number else ()
            following = program.steps[number + 1].early if number + 1 < len(program.steps) else ()
            counts.append(len(stores) + len(step.late) + len(following))
    return max(counts)


def layer_parts(steps: tuple[Step, ...]) -> int:
    """The inputs of the layer's concatenation; 0 for another kernel."""
    return max((sum(name.startswith("data") for name in step.pointers) for step in steps), default=0)


def tables_bytes(program: Program) -> int:
    """Bytes of L2 that all tables take."""
    total = sum(len(step.staging) for step in program.steps) * STAGING
    for layer, found in groupby(program.steps, lambda step: step.layer):
        steps = tuple(found)
        kernel = program.network.layers[layer].kernel
        total += len(steps) * table_bytes(kernel, layer_transfers(program, layer), layer_parts(steps))
    return total
