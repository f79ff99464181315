"""The words that a streaming layer takes from one column, and from one row, to the next: formulas of both chips.

They are those by which programs for the chips are made; silicon takes the steps that it is told, and then reads other
words than the rest of the layer's registers describe.
"""

from __future__ import annotations

from ..device import Device
from .layer import PIXELS, LayerProgram, Pair


def steps_of(device: Device, program: LayerProgram, before: LayerProgram | None, pipeline: bool,
             fifo: bool) -> set[Pair]:
    """Words between two rows and between two columns of a layer, by the layer in front of it, if there is one.

    An image of one column has no step from one to the next: it may be that of the rows, or 1.
    """
    reads = program.reads
    down = max(reads.row_step // reads.width, 1)
    strides = {(down, across) for across in ({1, down} if reads.width == 1 else {reads.column_step})}
    if not device.pad_in_count:
        return {_first_78002(program, stride, pipeline) if before is None else _later_78002(program, stride)
                for stride in strides}
    if before is None:
        return {_first_78000(program, stride) if fifo else (0, 0) for stride in strides}
    row = before.reads.columns + 2 * before.pad[1]
    return {_later_78000(program, stride, row) for stride in strides}


def _first_78000(program: LayerProgram, stride: Pair) -> Pair:
    reads = program.reads
    return (reads.window[0] - 1) * reads.width * reads.operands, (stride[1] - 1) * reads.operands


def _later_78000(program: LayerProgram, stride: Pair, row: int) -> Pair:
    """`row`: columns of the layer in front, with padding."""
    reads = program.reads
    return (stride[0] - 1) * row + reads.window[1] * reads.operands, stride[1] * reads.operands


def _first_78002(program: LayerProgram, stride: Pair, pipeline: bool) -> Pair:
    reads, (down, across) = program.reads, stride
    pixels = PIXELS if reads.chw else 1
    single = (down, reads.window[0]) == (1, 1)
    column = -(-(across * reads.operands - single) // pixels)
    windows = reads.width // across
    windows -= windows * across + reads.window[1] - 1 > reads.width
    skipped = max(0, reads.width - windows * across)
    row = column + skipped if down == 1 else (down - 1) * reads.width + skipped + reads.window[1] - 1
    row = -(-row // pixels)
    return row + (pipeline and row > 0), column


def _later_78002(program: LayerProgram, stride: Pair) -> Pair:
    reads, (down, across) = program.reads, stride
    column = across * reads.operands
    reach = max(reads.window[1] * reads.dilation[1], across)
    windows = reads.width // reach
    windows -= windows * across + reads.window[1] > reads.width
    rest = 0 if reach == 1 else reads.width - windows * reach
    return (column if down == 1 else (down - 1) * reads.width) + rest, column
