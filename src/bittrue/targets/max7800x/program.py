"""What software does to run a placed network: bus writes and memory images, nothing of the network's meaning.

`lower` makes a program of a plan; `emit` writes it as C. The accelerator model never sees one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .network import Dim

Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint32]


class Write(NamedTuple):
    """One 32-bit write on the bus, and what it is for in a few words."""

    address: int
    value: int
    note: str


class Poll(NamedTuple):
    """Reading a register again and again until the bits in `mask` have the value `value`. With `fails` it is read once,
    and the function that reads it fails when they have another one."""

    address: int
    mask: int
    value: int
    note: str
    fails: bool = False


class Fill(NamedTuple):
    """Writing zero to `words` neighbouring 32-bit words."""

    address: int
    words: int
    note: str


Step = Write | Poll | Fill
"""What software does before anything is configured."""


@dataclass(frozen=True)
class LayerWrites:
    """The registers of one layer of the chip in one group, in the order in which they are written."""

    layer: int
    """Number of the layer on the chip; layers that are inserted count."""
    group: int
    name: str
    """Name of the network's layer."""
    writes: tuple[Write, ...]


@dataclass(frozen=True)
class RegisterProgram:
    """All register writes of a program, by the function of the API that does them."""

    init: tuple[Step, ...]
    """Brings the state machines into a known state (`cnn_init`)."""
    configure: tuple[LayerWrites, ...]
    """Configures the layers (`cnn_configure`)."""
    configure_global: tuple[Write, ...]
    """Configures what belongs to no layer; goes after the layers."""
    start: tuple[Write, ...]
    """Starts the network (`cnn_start`): every group in use, the first one last."""
    first_group: int
    """The group whose control register stops, continues and signals."""
    groups: tuple[int, ...]
    """Groups in use."""


@dataclass(frozen=True, eq=False)
class KernelBlock:
    """Neighbouring columns of one processor's kernel memory: `data` (columns, 9), byte 0 to 8 of each."""

    processor: int
    column: int
    data: Bytes


@dataclass(frozen=True, eq=False)
class BiasBlock:
    """Bytes of a group's bias memory, from its start. Places that no layer uses are 0."""

    group: int
    data: Bytes


@dataclass(frozen=True, eq=False)
class InputBlock:
    """Words of an input. Written to data memory from `address` on (every `step` bytes), or into a FIFO.

    With FIFOs the blocks are written side by side: word 0 of each, word 1 of each, ...
    """

    label: str
    """Which channels, in words: `channels 0 to 3`."""
    address: int
    """First address; of a FIFO its data register."""
    words: Words
    step: int = 4
    """Bytes from one word to the next; 0 for a FIFO."""


@dataclass(frozen=True, eq=False)
class OutputBlock:
    """Words of a result in data memory: `words` from `address` on, every `step` bytes, of which the bits in `mask`
    belong to the result."""

    address: int
    mask: int
    words: Words
    step: int = 4


@dataclass(frozen=True)
class OutputTensor:
    """Where one output of the network lies, for unloading: channel c, pixel p is in the byte (8-bit results) or word
    (32-bit results) at `channels[c] + p * pixel_step`."""

    name: str
    channels: tuple[int, ...]
    """Address of the first pixel of every channel: of a byte, or of a word."""
    dim: Dim
    pixel_step: int
    """Bytes from one pixel to the next."""
    wide: bool
    """Whether results have 32 bits."""

    @property
    def elements(self) -> int:
        """Values of the output."""
        return len(self.channels) * self.dim[0] * self.dim[1]


@dataclass(frozen=True, eq=False)
class Program:
    """Everything that the emitted C project contains, but for its words."""

    registers: RegisterProgram
    kernels: tuple[KernelBlock, ...]
    """Sorted by processor and column."""
    biases: tuple[BiasBlock, ...]
    inputs: Sequence[InputBlock]
    """The sample input."""
    expected: tuple[OutputBlock, ...]
    """What the outputs are for the sample input (known answer)."""
    outputs: tuple[OutputTensor, ...]
