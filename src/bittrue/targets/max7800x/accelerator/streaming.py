"""Streaming: layers that run at the same time, with circular buffers between them.

The model computes one layer after the other, so it keeps what goes through a circular buffer in full: an endless
memory from which the next layer reads. What is left in the real memory at the end is the last turn of the buffer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..device import Device
from .complaints import Complaints, Kind
from .layer import LayerProgram, Pair
from .memories import Data, Ints
from .write import Written

FOUR = 4
"""Pixels of a word in CHW."""


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
        return np.asarray(np.where(mine, self.start + (words - self.start) % self.size, words), np.int64)

    def meets(self, instances: Ints, words: Ints) -> bool:
        """Whether some of the words lie in the buffer."""
        inside = (words >= self.start) & (words < self.start + self.size)
        return bool((inside & np.isin(instances, list(self.instances))).any())


@dataclass
class Front:
    """What the layers in front of a streaming layer take."""

    passes: int = 0
    """Passes; of a layer that computes four at once, a multiple of four."""
    tram: int = 0
    """Words of TRAM."""

    def add(self, program: LayerProgram) -> None:
        """One more layer."""
        passes = program.reads.passes
        self.passes += -(-passes // FOUR) * FOUR if program.parallel else passes
        self.tram += passes * program.columns


def buffer_of(device: Device, program: LayerProgram) -> Buffer | None:
    """The circular buffer of a layer's input; None without."""
    if not program.stream.buffer:
        return None
    return Buffer(program.layer, program.reads.base, program.stream.buffer,
                  frozenset(p // device.shared for p in program.processors))


def endless(written: Written, like: Data) -> Data:
    """A data memory that is as long as the words need."""
    length = max(int(written.words.max(initial=0)) + 1, like.words.shape[1])
    memory = Data(np.zeros((len(like.words), length), np.uint32), np.zeros((len(like.words), length), np.uint32))
    memory.words[written.instances, written.words] = written.values
    memory.known[written.instances, written.words] = written.masks
    return memory


def check_stream(device: Device, program: LayerProgram, before: LayerProgram | None, complaints: Complaints) -> None:
    """Complain about a streaming layer that reads words before they are there, or after they are overwritten.

    The buffer must hold what one output needs and what comes before the start; the first output must not come before
    its words.
    """
    reads, stream = program.reads, program.stream
    reach = (reads.window[0] - 1) * reads.dilation[0] * reads.width + (reads.window[1] - 1) * reads.dilation[1] + 1
    needed = _words(reach, reads.chw) * reads.pixel_words
    if stream.buffer < needed or (stream.buffer < stream.start and not reads.chw):
        complaints.add(Kind.STREAM_BUFFER, f"{stream.buffer} words; one pooling window takes {needed}, and "
                                           f"{stream.start} come before the start")
    if stream.buffer % reads.passes:
        complaints.add(Kind.STREAM_BUFFER, f"{stream.buffer} words are no multiple of {reads.passes} passes")
    first = reach if before is None or not device.pad_in_count else _reach_in_front(before, program)
    if stream.start < _words(first, reads.chw):
        complaints.add(Kind.STREAM_START, f"starts after {stream.start} words, the first output needs {first}")


def _reach_in_front(before: LayerProgram, program: LayerProgram) -> int:
    """MAX78000: steps of the layer in front until a later layer's first pooling window is there.

    They are counted over the padded image of the layer in front.
    """
    rows = before.kernels.size[0] - 1 + program.reads.window[0] - 1
    return rows * before.image[1] + before.kernels.size[1] - 1 + program.reads.window[1]


def check_steps(program: LayerProgram, steps: set[Pair], front: Front, complaints: Complaints) -> None:
    """Complain about a streaming layer's steps, and about its passes, that are not those of its other registers."""
    found = program.stream.row_step, program.stream.column_step
    if found not in steps:
        rows, columns = min(steps)
        complaints.add(Kind.STREAM_START, f"{found[0]} words between rows and {found[1]} between columns (STREAM2), "
                                          f"its sizes and strides take {rows} and {columns}")
    if program.stream.passes != front.passes:
        complaints.add(Kind.STREAM_START, f"{program.stream.passes} passes in front (STREAM2.strm_invol) of "
                                          f"{front.passes}")


def check_still(program: LayerProgram, waits: bool, complaints: Complaints) -> None:
    """Complain about registers of streaming in a layer that does not stream; `waits`: it waits for the FIFO."""
    stream = program.stream
    used = (stream.row_step, stream.column_step, stream.passes, stream.buffer, 0 if waits else stream.start)
    if any(used):
        complaints.add(Kind.STREAM_START, "STREAM1, STREAM2 or FMAX of a layer that does not stream")


def _words(pixels: int, chw: bool) -> int:
    return -(-pixels // FOUR) if chw else pixels


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
