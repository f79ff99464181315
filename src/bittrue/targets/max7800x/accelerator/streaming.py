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
from .stream_formulas import Needs
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


def check_stream(program: LayerProgram, needs: list[Needs], complaints: Complaints) -> None:
    """Complain about a streaming layer that reads words before they are there, or after they are overwritten."""
    reads, stream = program.reads, program.stream
    reach = (reads.window[0] - 1) * reads.dilation[0] * reads.width + (reads.window[1] - 1) * reads.dilation[1] + 1
    needed = max(_words(reach, reads.chw) * reads.pixel_words, min(need.buffer for need in needs))
    if stream.buffer < needed or (stream.buffer < stream.start and not reads.chw):
        complaints.add(Kind.STREAM_BUFFER, f"{stream.buffer} words; the layer needs {needed}, and {stream.start} come "
                                           "before the start")
    if stream.buffer % reads.passes:
        complaints.add(Kind.STREAM_BUFFER, f"{stream.buffer} words are no multiple of {reads.passes} passes")


def check_steps(program: LayerProgram, needs: list[Needs], front: Front, complaints: Complaints) -> None:
    """Complain about a streaming layer's start, steps and passes that are not those of its other registers."""
    stream, least = program.stream, min(need.start for need in needs)
    if stream.go and front.passes:
        complaints.add(Kind.STREAM_START, "STREAM1.fifo_go behind the first layer")
    if stream.start < least:
        complaints.add(Kind.STREAM_START, f"starts after {stream.start} words, the first output needs {least}")
    if all((stream.row_step, stream.column_step) != (need.row_step, need.column_step) for need in needs):
        complaints.add(Kind.STREAM_START, f"{stream.row_step} words between rows and {stream.column_step} between "
                                          f"columns (STREAM2), its sizes and strides take {needs[0].row_step} and "
                                          f"{needs[0].column_step}")
    if program.stream.passes != front.passes:
        complaints.add(Kind.STREAM_START, f"{program.stream.passes} passes in front (STREAM2.strm_invol) of "
                                          f"{front.passes}")


def check_still(program: LayerProgram, waits: bool, complaints: Complaints) -> None:
    """Complain about registers of streaming in a layer that does not stream; `waits`: it waits for the FIFO."""
    stream = program.stream
    used = any((stream.row_step, stream.column_step, stream.passes, stream.buffer))
    if used or (not waits and (stream.start or stream.go)):
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
