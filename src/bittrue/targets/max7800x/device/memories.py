"""The accelerator's memories: how many words of which width, and where on the bus. Addresses are bytes.

Every memory belongs to a group of 16 processors; `base` is its place in the group's part of the address space.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, pairwise

KERNEL_BYTES = 9
"""Bytes of a column of kernel memory: 72 bits, one 3x3 kernel of 8-bit weights."""


@dataclass(frozen=True)
class DataMemory:
    """Data memory: one instance for every four processors, words of 32 bits (four channels in HWC, four pixels of one
    channel in CHW). An instance consists of `banks` single-port memories that lie one after the other.
    """

    base: int
    words: int
    """Words of an instance."""
    pitch: int
    """Bytes from one instance to the next."""
    banks: int = 1

    @property
    def bytes(self) -> int:
        """Bytes of an instance: what an offset into it plus a size must not exceed."""
        return 4 * self.words

    @property
    def bank_bytes(self) -> int:
        """Bytes of a bank. Read-ahead wants inputs and outputs in different banks."""
        return self.bytes // self.banks

    def bank(self, offset: int) -> int:
        """The bank that holds a byte offset."""
        return offset // self.bank_bytes


@dataclass(frozen=True)
class KernelMemory:
    """Kernel memory (MRAM): one for every processor, columns of 72 bits that take 16 bytes of address space each.

    A processor's columns lie in several memory instances; the first processor of a group has `extra` ones.
    """

    base: int
    pitch: int
    """Bytes from one processor's memory to the next."""
    instances: tuple[int, ...]
    """Columns of every instance."""
    extra: tuple[int, ...] = ()
    """Columns of the instances that only the first processor of a group has."""
    group: int = 16
    """Processors of a group."""

    def has_extra(self, processor: int) -> bool:
        """Whether this processor has the larger memory."""
        return bool(self.extra) and processor % self.group == 0

    def sizes(self, processor: int) -> tuple[int, ...]:
        """Columns of every instance of a processor (0 to 63)."""
        return self.instances + self.extra if self.has_extra(processor) else self.instances

    def columns(self, processor: int) -> int:
        """Columns of a processor."""
        return sum(self.sizes(processor))

    def bounds(self, processor: int) -> tuple[range, ...]:
        """The columns of every instance of a processor, in ascending order."""
        return tuple(range(*pair) for pair in pairwise(accumulate(self.sizes(processor), initial=0)))

    @property
    def small(self) -> int:
        """Columns that every processor has."""
        return sum(self.instances)

    @property
    def large(self) -> int:
        """Columns of the processors with the larger memory (of all, where there is one size)."""
        return sum(self.instances) + sum(self.extra)


@dataclass(frozen=True)
class BiasMemory:
    """Bias memory: one for every group, bytes that take 4 bytes of address space each."""

    base: int
    bytes: int
    instances: int = 1


@dataclass(frozen=True)
class Tram:
    """TRAM (the compute cache): one for every processor, words of 16 bits that take 4 bytes of address space each."""

    base: int
    words: int
    pitch: int
    """Bytes from one processor's memory to the next."""
    instances: int = 1
