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


def _garbage(shape: tuple[int, int]) -> Bytes:
    """What memories hold after power-up: nothing that one can rely on, but the same in every run."""
    return np.random.default_rng(shape[1]).integers(0, 256, shape, np.uint8)


@dataclass(eq=False)
class Data:
    """Data memories, (16, words of an instance): `words`, and in `known` a mask of the bytes with a defined value."""

    words: Words
    known: Words

    @classmethod
    def of(cls, device: Device) -> Data:
        """Empty data memories."""
        instances, words = device.data_instances, device.data.words
        return cls(_garbage((instances, 4 * words)).view(np.uint32), np.zeros((instances, words), np.uint32))

    def zero(self, instances: slice) -> None:
        """Fill instances with zeros."""
        self.words[instances], self.known[instances] = 0, ALL


@dataclass(eq=False)
class Kernels:
    """Kernel memories: `content` (64, 9 x columns) in the order of counting, `known` (64, columns)."""

    content: Bytes
    known: Flags
    version: int = 0
    """Counts changes."""

    @classmethod
    def of(cls, device: Device) -> Kernels:
        """Empty kernel memories."""
        columns = device.kernels.large
        return cls(_garbage((device.processors, columns * KERNEL_BYTES)),
                   np.zeros((device.processors, columns), np.bool_))

    def write(self, processor: int, column: int, data: bytes) -> None:
        """Write whole columns, byte 0 to 8 of each."""
        count = len(data) // KERNEL_BYTES
        turned = np.frombuffer(data, np.uint8).reshape(count, KERNEL_BYTES)[:, ::-1]
        start = column * KERNEL_BYTES
        self.content[processor, start:start + count * KERNEL_BYTES] = turned.reshape(-1)
        self.known[processor, column:column + count] = True
        self.version += 1

    def read(self, processor: int, column: int) -> bytes:
        """A column, byte 0 to 8."""
        start = column * KERNEL_BYTES
        return self.content[processor, start:start + KERNEL_BYTES][::-1].tobytes()

    def zero(self, processors: slice) -> None:
        """Fill memories with zeros."""
        self.content[processors], self.known[processors] = 0, True
        self.version += 1

    def forget(self, processors: slice) -> None:
        """Lose the contents."""
        self.known[processors] = False
        self.version += 1


@dataclass(eq=False)
class Bias:
    """Bias memories: `content` and `known` (4, bytes of a group)."""

    content: Bytes
    known: Flags
    version: int = 0
    """Counts changes."""

    @classmethod
    def of(cls, device: Device) -> Bias:
        """Empty bias memories."""
        shape = device.groups, device.bias.bytes
        return cls(_garbage(shape), np.zeros(shape, np.bool_))

    def write(self, group: int, index: int, value: int) -> None:
        """Write a byte."""
        self.content[group, index], self.known[group, index] = value, True
        self.version += 1

    def zero(self, group: int) -> None:
        """Fill a group's memory with zeros."""
        self.content[group], self.known[group] = 0, True
        self.version += 1


@dataclass(eq=False)
class Trams:
    """TRAM: `words` and `known` (64, words). Software may write and read it; the model computes without it."""

    words: npt.NDArray[np.uint16]
    known: Flags

    @classmethod
    def of(cls, device: Device) -> Trams:
        """Empty TRAMs."""
        shape = device.processors, device.tram.words
        return cls(_garbage((shape[0], 2 * shape[1])).view(np.uint16), np.zeros(shape, np.bool_))

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

    def forget(self, instances: slice, processors: slice, group: int) -> None:
        """Lose the contents of a group's memories."""
        self.data.known[instances] = 0
        self.kernels.forget(processors)
        self.bias.known[group] = False
        self.tram.known[processors] = False

    @classmethod
    def of(cls, device: Device) -> Memories:
        """Memories after power-up: nothing is known."""
        return cls(Data.of(device), Kernels.of(device), Bias.of(device), Trams.of(device))
