"""The accelerator's memories, and which parts of them somebody wrote.

Kernel memory is kept in the order in which kernels are counted: a column's byte 8 first, byte 0 last.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..device import KERNEL_BYTES, Device

Words = npt.NDArray[np.uint32]
Bytes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

ALL = 0xFFFFFFFF
"""Every byte of a word."""


@dataclass(eq=False)
class Data:
    """Data memories: `words` (16, words of an instance) and in `known` the bytes that have a defined value, as masks."""

    words: Words
    known: Words

    @classmethod
    def of(cls, device: Device) -> Data:
        """Empty data memories."""
        shape = device.data_instances, device.data.words
        return cls(np.zeros(shape, np.uint32), np.zeros(shape, np.uint32))

    def zero(self, instances: slice) -> None:
        """Fill instances with zeros."""
        self.words[instances], self.known[instances] = 0, ALL


@dataclass(eq=False)
class Kernels:
    """Kernel memories: `bytes` (64, 9 x columns) in the order of counting, `known` (64, columns)."""

    bytes: Bytes
    known: Flags

    @classmethod
    def of(cls, device: Device) -> Kernels:
        """Empty kernel memories."""
        columns = device.kernels.large
        return cls(np.zeros((device.processors, columns * KERNEL_BYTES), np.uint8),
                   np.zeros((device.processors, columns), np.bool_))

    def write(self, processor: int, column: int, data: bytes) -> None:
        """Write whole columns, byte 0 to 8 of each."""
        count = len(data) // KERNEL_BYTES
        turned = np.frombuffer(data, np.uint8).reshape(count, KERNEL_BYTES)[:, ::-1]
        start = column * KERNEL_BYTES
        self.bytes[processor, start:start + count * KERNEL_BYTES] = turned.reshape(-1)
        self.known[processor, column:column + count] = True

    def read(self, processor: int, column: int) -> bytes:
        """A column, byte 0 to 8."""
        start = column * KERNEL_BYTES
        return self.bytes[processor, start:start + KERNEL_BYTES][::-1].tobytes()

    def zero(self, processors: slice) -> None:
        """Fill memories with zeros."""
        self.bytes[processors], self.known[processors] = 0, True

    def forget(self, processors: slice) -> None:
        """Lose the contents."""
        self.known[processors] = False


@dataclass(eq=False)
class Bias:
    """Bias memories: `bytes` and `known` (4, bytes of a group)."""

    bytes: Bytes
    known: Flags

    @classmethod
    def of(cls, device: Device) -> Bias:
        """Empty bias memories."""
        shape = device.groups, device.bias.bytes
        return cls(np.zeros(shape, np.uint8), np.zeros(shape, np.bool_))

    def zero(self, group: int) -> None:
        """Fill a group's memory with zeros."""
        self.bytes[group], self.known[group] = 0, True


@dataclass(eq=False)
class Trams:
    """TRAM: `words` and `known` (64, words). Software may write and read it; the model computes without it."""

    words: npt.NDArray[np.uint16]
    known: Flags

    @classmethod
    def of(cls, device: Device) -> Trams:
        """Empty TRAMs."""
        shape = device.processors, device.tram.words
        return cls(np.zeros(shape, np.uint16), np.zeros(shape, np.bool_))

    def zero(self, processors: slice) -> None:
        """Fill memories with zeros."""
        self.words[processors], self.known[processors] = 0, True


@dataclass(frozen=True, eq=False)
class Memories:
    """All memories of the accelerator."""

    data: Data
    kernels: Kernels
    bias: Bias
    tram: Trams

    @classmethod
    def of(cls, device: Device) -> Memories:
        """Memories after power-up: nothing is known."""
        return cls(Data.of(device), Kernels.of(device), Bias.of(device), Trams.of(device))
