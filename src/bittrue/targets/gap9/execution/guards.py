"""What the cores may touch in L1 during a step: the step's own buffers, by the plan. Everything else is a trap."""

from __future__ import annotations

from collections.abc import Iterator

from ....errors import Difference, declare, fail
from ..kernels import KERNELS
from ..planning import Limits
from ..program import Buffer, Program, Step
from ..simulate import Cluster

declare({"BT5577": "a program comes to a step that is not planned"})

WRITTEN = ("output", "scratch")
"""Pointers of a kernel's parameters through which it writes."""

Part = tuple[int, int]
"""Offset in the buffers in L1, bytes."""

TABLE = Limits().table


def guard_step(cluster: Cluster, program: Program, base: int, number: int) -> None:
    """Let cores reach nothing in the buffers in L1, from address `base` on, but what step `number` uses.

    Raises `Difference` (BT5577) for a step that is not planned.
    """
    if not 0 <= number < len(program.steps):
        fail(Difference, "BT5577", f"step {number}", f"the program comes to it; planned are {len(program.steps)}",
             "emit the project again")
    step = program.steps[number]
    readable = [(base + offset, size) for offset, size in (*_tables(program, number), *_read(program, number, step))]
    writable = [(base + offset, size) for offset, size in _written(program, number, step)]
    cluster.allow(base, base + -(-program.near // 4) * 4, readable, writable)


def _tables(program: Program, number: int) -> Iterator[Part]:
    """The tables of this step, and of the next one, which is looked at before this one is over."""
    for step in program.steps[number:number + 2]:
        yield step.table, min(TABLE, program.near - step.table)


def _read(program: Program, number: int, step: Step) -> Iterator[Part]:
    places = [place for name, place in step.pointers.items() if name not in WRITTEN]
    for place in (*places, *(place for place in (step.scales, step.splits) if place is not None)):
        beyond = _beyond(program, step) if place == step.pointers.get("input") else 0
        for buffer in _buffers(program, number, place):
            yield buffer.offset, buffer.size + beyond


def _beyond(program: Program, step: Step) -> int:
    """Bytes behind the input that a kernel may read: the last row's, up to a whole word of weights (`bt_linear`)."""
    per_word = 32 // step.values.get("weight_bits", 32)
    return -step.values["in_c"] % per_word if program.network.layers[step.layer].kernel == "linear" else 0


def _written(program: Program, number: int, step: Step) -> Iterator[Part]:
    layer = program.network.layers[step.layer]
    tensor, region = program.network.tensors[layer.output], step.region
    pixels = (region.rows[1] - region.rows[0]) * (region.columns[1] - region.columns[0])
    yield step.pointers["output"], pixels * (region.channels[1] - region.channels[0]) * tensor.element_bytes
    if "scratch" in step.pointers:
        yield step.pointers["scratch"], KERNELS[layer.kernel].scratch(step.values, 8)


def _buffers(program: Program, number: int, place: int) -> Iterator[Buffer]:
    """The buffer that lives at a place in a step; none for an image of which a tile sees nothing but the zeros around.
    """
    return (buffer for buffer in program.buffers if buffer.memory == "L1" and buffer.first <= number <= buffer.last
            and buffer.offset <= place < buffer.offset + buffer.size)
