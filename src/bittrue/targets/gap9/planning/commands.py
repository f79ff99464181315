"""DMA commands: parts of a tensor in L2 as rows of bytes, and the cycles that they take.

A part is dense in L1. In L2 a pixel is as far from the next one as the tensor that it lies in has channels, so that a
part can be one piece, pieces at equal distances, or (columns and channels both partial) such pieces for every row.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..network import Tensor
from ..program import Region
from .footprints import Strip

START = 20
"""Cycles of a command before its bytes move: writing its words, and the engine's own (`dma_start` of the simulator)."""
BEAT = 8
"""Bytes that move in a cycle."""
LONGEST = (1 << 16) - 1
"""Rows of a command, and their distance, have 16 bits; its bytes 17."""


@dataclass(frozen=True)
class Rows:
    """One command's place in L2: `size` bytes from `offset` on, as rows of `length` bytes, `stride` apart."""

    offset: int
    size: int
    length: int
    stride: int

    @property
    def cycles(self) -> int:
        """Cycles of the DMA engine: words of 8 bytes that it touches in L2."""
        count = -(-self.size // self.length)
        if count == 1 or (self.stride % BEAT == 0 and self.length == self.stride):
            return beats(self.offset, self.size)
        return sum(beats(self.offset + row * self.stride, self.length) for row in range(count))


def beats(address: int, size: int) -> int:
    """Words of 8 bytes that some bytes lie in.

    >>> beats(6, 4), beats(8, 8)
    (2, 1)
    """
    return (address % BEAT + size + BEAT - 1) // BEAT


def rows_of(strip: Strip, tensor: Tensor, region: Region) -> tuple[Rows, ...]:
    """The commands for a part of a tensor; offsets count from the begin of the tensor that it lies in."""
    pitch, line = strip.pitch, tensor.width * strip.pitch
    (top, bottom), (left, right), (front, back) = region.rows, region.columns, region.channels
    height, width, deep = bottom - top, right - left, (back - front) * tensor.element_bytes
    at = strip.begin + top * line + left * pitch + front * tensor.element_bytes
    if not height * width * deep:
        return ()
    if deep == pitch:
        return tuple(_lines(at, height, width * deep, line))
    if width == tensor.width:
        return tuple(_lines(at, height * width, deep, pitch))
    if width == 1:
        return tuple(_lines(at, height, deep, line))
    return tuple(rows for row in range(height) for rows in _lines(at + row * line, width, deep, pitch))


def _lines(at: int, count: int, length: int, stride: int) -> Iterable[Rows]:
    """Pieces at equal distances: one command, one for each where the engine's numbers are too small."""
    if count == 1 or length == stride:
        return (Rows(at, count * length, count * length, count * length),)
    if length > LONGEST or stride > LONGEST:
        return (Rows(at + index * stride, length, length, length) for index in range(count))
    return (Rows(at, count * length, length, stride),)
