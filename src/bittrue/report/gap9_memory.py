"""A picture of GAP9's memories over time: every buffer from its first to its last step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import accumulate

from ..targets.gap9.program import Buffer, Program
from .memory_map import colour

WIDTH, HEIGHT, LEFT, TOP, GAP = 1000, 260, 70, 24, 40
"""Of one memory's picture, in pixels: width, height, margins, the space below."""

MEMORIES = ("L1", "L2 arena", "L2 constants", "L3")
NEUTRAL = "#bbbbbb"
"""The colour of what belongs to no layer."""


def memory_over_time(program: Program) -> str:
    """The picture as SVG: time to the right (the planner's cycles), addresses upwards, colours by layer.

    The same program gives the same text.
    """
    times = step_times(program)
    body: list[str] = []
    y = TOP
    for memory in MEMORIES:
        buffers = [buffer for buffer in program.buffers if buffer.memory == memory]
        if buffers:
            body += _memory(memory, buffers, program, times, y)
            y += HEIGHT + GAP
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + LEFT}" height="{y}" '
            'font-family="sans-serif" font-size="10">')
    return "\n".join((head, '<rect width="100%" height="100%" fill="white"/>', *body, "</svg>", ""))


def step_times(program: Program) -> list[int]:
    """When every step begins, in cycles of the planner's model, and when the last one ends."""
    return [0, *accumulate(max(1, step.compute) for step in program.steps)]


def _memory(title: str, buffers: Sequence[Buffer], program: Program, times: Sequence[int], y: int) -> Iterator[str]:
    size = max(buffer.offset + buffer.size for buffer in buffers)
    text = f"{escape(title)}: {size:,} bytes over {times[-1]:,} cycles"
    yield f'<text x="{LEFT}" y="{y - 6}" font-weight="bold">{text}</text>'
    yield f'<rect x="{LEFT}" y="{y}" width="{WIDTH}" height="{HEIGHT}" fill="#f4f4f4" stroke="#999"/>'
    for buffer in buffers:
        yield _buffer(buffer, size, program, times, y)
    yield f'<text x="{LEFT - 4}" y="{y + 8}" text-anchor="end">{size:,}</text>'
    yield f'<text x="{LEFT - 4}" y="{y + HEIGHT}" text-anchor="end">0</text>'


def _buffer(buffer: Buffer, size: int, program: Program, times: Sequence[int], y: int) -> str:
    first, last = max(0, buffer.first), min(buffer.last, len(times) - 2)
    x, width = (WIDTH * value / times[-1] for value in (times[first], times[last + 1] - times[first]))
    top, height = (HEIGHT * value / size for value in (size - buffer.offset - buffer.size, buffer.size))
    owner = "" if buffer.layer is None else program.network.layers[buffer.layer].name
    fill = NEUTRAL if buffer.layer is None else colour(buffer.layer)
    text = f"{owner} {buffer.label}: bytes {buffer.offset}..{buffer.offset + buffer.size - 1}, steps {first}..{last}"
    return (f'<rect x="{LEFT + x:.2f}" y="{y + top:.2f}" width="{width:.2f}" height="{height:.2f}" fill="{fill}" '
            f'stroke="white" stroke-width="0.3"><title>{escape(text.strip())}</title></rect>')
