"""What a streaming layer needs: when it may start, how large its circular buffer is, and the steps it takes.

They are the formulas by which programs for the chips are made. Silicon that starts earlier, has a smaller buffer or
takes other steps reads other words than the rest of the layer's registers describe, or is not known not to.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..device import Device
from .layer import PIXELS, STRETCH, LayerProgram, Mode, Pair

SLACK = 2
"""MAX78000: words that a layer waits in addition."""

CHW_BUFFER = 12
"""MAX78000: words of the buffer of an input in CHW."""


@dataclass(frozen=True)
class Place:
    """Where a streaming layer stands."""

    before: LayerProgram | None
    """The layer in front; None for the first."""
    last: bool
    """Whether no streaming layer follows."""
    fifo: bool
    """Whether the network's input comes from a FIFO."""
    pipeline: bool


@dataclass(frozen=True)
class Needs:
    """Words: before the start, of the circular buffer, between two rows, between two columns."""

    start: int
    buffer: int
    row_step: int
    column_step: int


def needs_of(device: Device, program: LayerProgram, place: Place) -> list[Needs]:
    """What a layer needs.

    Several possibilities where the image has one column: its stride may be that of the rows, or 1.
    """
    reads = program.reads
    down = max(reads.row_step // max(reads.width, 1), 1)
    across = sorted({1, down}) if reads.width == 1 else [reads.column_step]
    formula = FORMULAS[device.pad_in_count, place.before is None]
    return [formula(program, place, (down, stride)) for stride in across]


def _whole(words: int, passes: int) -> int:
    return -(-words // passes) * passes


def _buffer_78000(program: LayerProgram, start: int, stride: Pair) -> int:
    reads = program.reads
    if reads.chw:
        return _whole(CHW_BUFFER, reads.passes)
    ahead = max(STRETCH if program.stretch else 1, stride[1], reads.window[1])
    return _whole(start + (reads.window[0] - 1) * reads.width + ahead, reads.passes)


def _first_78000(program: LayerProgram, place: Place, stride: Pair) -> Needs:
    reads = program.reads
    if not place.fifo:
        return Needs(0, 0, 0, 0)
    start = ((reads.window[0] - 1) * reads.width + reads.window[1]) * reads.window[0]
    return Needs(start, _buffer_78000(program, start, stride), (reads.window[0] - 1) * reads.width * reads.operands,
                 (stride[1] - 1) * reads.operands)


def _later_78000(program: LayerProgram, place: Place, stride: Pair) -> Needs:
    reads, before = program.reads, place.before or program
    row = before.reads.columns + 2 * before.pad[1]
    kernel = (1, 1) if before.mode is Mode.PASSTHROUGH else before.kernels.size
    start = row * (kernel[0] - 1 + reads.window[0] - 1) + kernel[1] - 1 + reads.window[1] + SLACK
    return Needs(start, _buffer_78000(program, start, stride),
                 (stride[0] - 1) * row + reads.window[1] * reads.operands, stride[1] * reads.operands)


def _reach(program: LayerProgram, stride: Pair) -> Pair:
    """Rows and columns that a pooling window, or the stride, reaches over."""
    reads = program.reads
    return (max(reads.window[0] * reads.dilation[0], stride[0]), max(reads.window[1] * reads.dilation[1], stride[1]))


def _windows(program: LayerProgram, stride: Pair) -> int:
    """Words that the pooling windows of one output need beyond its rows of padding."""
    rows, columns = _reach(program, stride)
    padded = program.reads.width + 2 * program.pad[1]
    return (rows * padded + program.pad[1] + 2 * columns) * program.reads.operands


def _first_78002(program: LayerProgram, place: Place, stride: Pair) -> Needs:
    reads, (down, across) = program.reads, stride
    pixels = PIXELS if reads.chw else 1
    single, reach = (down, reads.window[0]) == (1, 1), _reach(program, stride)[1]
    start = reach if single else _windows(program, stride) + across * program.read_ahead
    start = start if place.fifo else 0
    buffer = start + reach + (across - 1) * (reads.width + 2 * program.pad[1])
    column = -(-(across * reads.operands - single) // pixels)
    windows = reads.width // across
    windows -= windows * across + reads.window[1] - 1 > reads.width
    skipped = max(0, reads.width - windows * across)
    row = column + skipped if down == 1 else (down - 1) * reads.width + skipped + reads.window[1] - 1
    row = -(-row // pixels)
    return Needs(-(-start // pixels), buffer * (across * PIXELS if reads.chw else 1),
                 row + (place.pipeline and row > 0), column)


def _later_78002(program: LayerProgram, place: Place, stride: Pair) -> Needs:
    reads, (down, across), pad = program.reads, stride, program.pad[1]
    rows, columns = _reach(program, stride)
    windows = reads.width // columns
    windows -= windows * across + reads.window[1] > reads.width
    rest = 0 if columns == 1 else reads.width - windows * columns
    start = (pad or down) * (reads.width + 2 * pad) + _windows(program, stride)
    start += across * program.read_ahead + rest * across * place.last
    more = (reads.passes - 1) * (rows * reads.width + pad + columns)
    column = across * reads.operands
    return Needs(start, _whole(start + more + columns, reads.passes),
                 (column if down == 1 else (down - 1) * reads.width) + rest, column)


FORMULAS = {(True, True): _first_78000, (True, False): _later_78000, (False, True): _first_78002,
            (False, False): _later_78002}
"""(the chip counts sizes, as the MAX78000 does; the layer is the first one) -> the formula."""
