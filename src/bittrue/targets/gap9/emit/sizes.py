"""What the tables of a program's steps hold and take."""

from __future__ import annotations

from itertools import groupby

from ..program import Program, Step
from ..step_tables import STAGING, table_bytes


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
