"""MLAT: reading one channel of four consecutive words at a time, four pixels packed into a word.

`CTL.mlat_ld` loads the write pointer of layer 0; the first read only primes the latch, every read fetches the next
four bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..device import Device
from .complaints import Complaints, Kind
from .memories import Data

PIXELS = 4


@dataclass
class Mlator:
    """The packing unit of one group."""

    device: Device
    data: Data
    complaints: Complaints
    group: int
    pointer: int | None = None
    increment: int = 1
    byte: int = 0
    latch: int = 0

    def load(self, pointer: int, increment: int, byte: int) -> None:
        """Start at a pointer with the bytes of channel `byte` of four."""
        self.pointer, self.increment, self.byte, self.latch = pointer, increment, byte, 0

    def stop(self) -> None:
        """`CTL.mlat_ld` is 0 again."""
        self.pointer = None

    def read(self) -> int:
        """The latch; then fetch the next four bytes."""
        if self.pointer is None:
            self.complaints.add(Kind.MLAT, f"group {self.group}: MLAT is read while CTL.mlat_ld is 0")
            return 0
        value, self.latch = self.latch, self._fetch(self.pointer)
        self.pointer += PIXELS * self.increment
        return value

    def _fetch(self, pointer: int) -> int:
        instance, word = pointer >> self.device.pointer_word_bits, pointer & (1 << self.device.pointer_word_bits) - 1
        instances = self.device.group_processors // self.device.shared
        if instance // instances not in (0, self.group):  # the upper bits may be left out
            self.complaints.add(Kind.MLAT, f"group {self.group} has no data memory instance {instance}")
        own = self.group * instances + instance % instances
        places = [(word + i * self.increment) % self.device.data.words for i in range(PIXELS)]
        values = [int(self.data.words[own, place]) >> 8 * self.byte & 0xFF for place in places]
        return int.from_bytes(values, "little")
