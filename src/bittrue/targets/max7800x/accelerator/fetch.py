"""Input words -> channels: the bytes that every processor reads, pass by pass, operand by operand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .complaints import Complaints, Kind
from .layer import LayerProgram, Reads
from .memories import ALL, Data, Flags, Ints

BYTES = 4
"""Bytes of a word: channels in HWC, pixels in CHW."""


@dataclass(frozen=True, eq=False)
class Image:
    """Values (processors, passes, ...); `known` has the same shape and says what somebody wrote, None for all."""

    values: npt.NDArray[np.signedinteger]
    known: Flags | None


def fetch(program: LayerProgram, data: Data, shared: int, complaints: Complaints) -> Image:
    """What the processors of a layer read: (processors, passes, operands, rows, columns, elements of a window)."""
    pixels = _pixels(program.reads)
    words = _words(program.reads, pixels)
    limit = data.words.shape[1]
    if int(words.max()) >= limit:
        complaints.add(Kind.READ_RANGE, f"reads words up to {int(words.max())} of {limit}")
        words = words % limit
    values = np.empty((len(program.processors), *words.shape), np.int8)
    known = _known_range(program, data, words, shared)
    flags = None if known else np.empty(values.shape, np.bool_)
    for index, processor in enumerate(program.processors):
        instance, byte = divmod(processor, shared)
        lane = pixels % BYTES if program.reads.chw else byte
        values[index] = _pick(data.words[instance].take(words), lane)
        if flags is not None:
            flags[index] = _pick(data.known[instance].take(words), lane) != 0
    return Image(values, None if flags is None or flags.all() else flags)


def _pixels(reads: Reads) -> Ints:
    """Numbers of the pixels of all windows: (rows, columns, elements)."""
    down = np.arange(reads.rows)[:, None, None] * reads.row_step
    across = np.arange(reads.columns)[None, :, None] * reads.column_step
    inside = (np.arange(reads.window[0])[:, None] * (reads.dilation[0] * reads.width)
              + np.arange(reads.window[1])[None, :] * reads.dilation[1])
    return np.asarray(down + across + inside.reshape(1, 1, -1), np.int64)


def _words(reads: Reads, pixels: Ints) -> Ints:
    """Words of all passes and operands: (passes, operands, rows, columns, elements)."""
    start = (np.arange(reads.passes)[:, None] * reads.pass_words + np.arange(reads.operands)[None, :] + reads.base)
    numbers = pixels // BYTES if reads.chw else pixels
    return np.asarray(start[:, :, None, None, None] + numbers * reads.pixel_words, np.int64)


def _known_range(program: LayerProgram, data: Data, words: Ints, shared: int) -> bool:
    """Whether everything between the first and the last word is known; a quick test that holds for most layers."""
    low, high = int(words.min()), int(words.max()) + 1
    instances = sorted({p // shared for p in program.processors})
    return bool((data.known[instances, low:high] == ALL).all())


def _pick(words: npt.NDArray[np.uint32], lane: int | Ints) -> npt.NDArray[np.int8]:
    if isinstance(lane, int):
        return words.view(np.int8).reshape(*words.shape, BYTES)[..., lane]
    return (words >> (8 * lane).astype(np.uint32)).astype(np.uint8).view(np.int8)
