"""Streaming: layers that run at the same time, with circular buffers between them.

The model computes one layer after the other, so it keeps what goes through a circular buffer in full: an endless
memory from which the next layer reads. What is left in the real memory at the end is the last turn of the buffer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..device import Device
from .complaints import Complaints, Kind
from .layer import LayerProgram
from .memories import Data, Ints
from .write import Written

FOUR = 4


@dataclass(frozen=True)
class Buffer:
    """A circular buffer: `size` words from `start` on, in some data memory instances."""

    layer: int
    start: int
    size: int
    instances: frozenset[int]

    def wrap(self, instances: Ints, words: Ints) -> Ints:
        """Where words lie that belong to an endless buffer."""
        mine = np.isin(instances, list(self.instances)) & (words >= self.start)
        return np.where(mine, self.start + (words - self.start) % self.size, words)

    def meets(self, instances: Ints, words: Ints) -> bool:
        """Whether some of the words lie in the buffer."""
        inside = (words >= self.start) & (words < self.start + self.size)
        return bool((inside & np.isin(instances, list(self.instances))).any())


def buffer_of(device: Device, program: LayerProgram) -> Buffer | None:
    """The circular buffer of a layer's input; None without."""
    if not program.stream.buffer:
        return None
    return Buffer(program.layer, program.reads.base, program.stream.buffer,
                  frozenset(p // device.shared for p in program.processors))


def endless(written: Written, like: Data) -> Data:
    """A data memory that is as long as the words need."""
    length = max(int(written.words.max()) + 1, like.words.shape[1])
    memory = Data(np.zeros((len(like.words), length), np.uint32), np.zeros((len(like.words), length), np.uint32))
    memory.words[written.instances, written.words] = written.values
    memory.known[written.instances, written.words] = written.masks
    return memory


def check_buffer(program: LayerProgram, complaints: Complaints) -> None:
    """Complain about a circular buffer that cannot hold what one output needs, or what comes before the start."""
    reads, stream = program.reads, program.stream
    if not stream.buffer:
        return
    reach = (reads.window[0] - 1) * reads.dilation[0] * reads.width + (reads.window[1] - 1) * reads.dilation[1]
    needed = (reach // FOUR if reads.chw else reach) * reads.pixel_words + reads.pixel_words
    if stream.buffer < needed:
        complaints.add(Kind.STREAM_BUFFER, f"{stream.buffer} words, but one pooling window spans {needed}")
    if stream.buffer % reads.passes:
        complaints.add(Kind.STREAM_BUFFER, f"{stream.buffer} words are no multiple of {reads.passes} passes")
    if stream.start * reads.pixel_words < needed and stream.start:
        complaints.add(Kind.STREAM_START, f"starts after {stream.start} words, but the first window needs {needed}")


def check_overlap(buffers: list[Buffer], written: Written, complaints: Complaints) -> None:
    """Complain about results that hit the circular buffers of layers that still run."""
    for buffer in buffers:
        if buffer.meets(written.instances, written.words):
            complaints.add(Kind.STREAM_OVERLAP, f"writes into the circular buffer of layer {buffer.layer}")


def check_apart(buffers: list[Buffer], new: Buffer, complaints: Complaints) -> None:
    """Complain about a circular buffer that meets another one."""
    for old in buffers:
        apart = old.start + old.size <= new.start or new.start + new.size <= old.start
        if old.instances & new.instances and not apart:
            complaints.add(Kind.STREAM_OVERLAP, f"the circular buffers of layers {old.layer} and {new.layer} overlap")
