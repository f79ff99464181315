"""Writing kernel memory: column by column in four words, or packed, nine bytes after nine bytes (`CTL.mexpress`)."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..device import KERNEL_BYTES, Device
from .complaints import Complaints, Kind
from .memories import Kernels

WORD = 4
PARTS = ((0, 1), (1, 5), (5, 9))
"""Bytes of a column in its first three bus words, on top the first one."""


@dataclass
class Position:
    """Where packed writing stands: the column that comes next, the bytes for it and those behind, next bus offset."""

    column: int
    offset: int
    pending: bytearray = field(default_factory=bytearray)


@dataclass
class KernelPort:
    """The bus side of all kernel memories. Offsets are bytes on the bus from the start of a processor's memory.

    Packed words are collected and stored when somebody looks: call `flush` before.
    """

    device: Device
    kernels: Kernels
    complaints: Complaints
    positions: dict[int, Position] = field(default_factory=dict)
    latches: dict[int, dict[int, int]] = field(default_factory=dict)

    def set_position(self, processor: int, offset: int) -> None:
        """A single byte was written to address | 1: packed writing starts at that column."""
        self._flush(processor)
        self.positions[processor] = Position(offset // WORD, offset // WORD * WORD)

    def append(self, processor: int, offset: int, value: int) -> bool:
        """Write the packed word that comes next; False, without an effect, for any other."""
        at = self.positions.get(processor)
        if at is None or at.offset != offset:
            return False
        at.pending += value.to_bytes(WORD, "big")
        at.offset += WORD
        return True

    def write_packed(self, processor: int, offset: int, words: bytes) -> None:
        """Write big-endian words one after the other, packed."""
        at = self.positions.get(processor)
        if at is None or at.offset != offset:
            self.complaints.add(Kind.PACKING, f"processor {processor}: packed word at offset {offset:#x}, "
                                + ("no start was set" if at is None else f"expected at {at.offset:#x}"))
            at = self.positions.setdefault(processor, Position(0, offset))
        at.pending += words
        at.offset = offset + len(words)

    def flush(self) -> None:
        """Store what was packed into whole columns."""
        for processor in self.positions:
            self._flush(processor)

    def _flush(self, processor: int) -> None:
        at = self.positions.get(processor)
        if at is None or len(at.pending) < KERNEL_BYTES:
            return
        count = len(at.pending) // KERNEL_BYTES
        self._store(processor, at.column, bytes(at.pending[:count * KERNEL_BYTES]))
        at.column += count
        del at.pending[:count * KERNEL_BYTES]

    def _store(self, processor: int, column: int, data: bytes) -> None:
        columns = self.device.kernels.columns(processor)
        fitting = max(columns - column, 0) * KERNEL_BYTES
        if len(data) > fitting:
            self.complaints.add(Kind.KERNEL_RANGE, f"processor {processor}: writing to column "
                                                   f"{column + len(data) // KERNEL_BYTES - 1} of {columns}")
        self.kernels.write(processor, column, data[:fitting])

    def write_part(self, processor: int, column: int, part: int, value: int) -> None:
        """Write one of the four words of a column; the fourth stores the column."""
        self._flush(processor)
        latch = self.latches.setdefault(processor, {})
        if part < len(PARTS):
            latch[part] = value
            return
        if len(latch) < len(PARTS):
            self.complaints.add(Kind.PACKING, f"processor {processor}: column {column} is stored, but only words "
                                              f"{sorted(latch)} of it were written")
        data = b"".join((latch.get(i, 0) & (1 << 8 * (end - start)) - 1).to_bytes(end - start, "big")
                        for i, (start, end) in enumerate(PARTS))
        self._store(processor, column, data)
        latch.clear()

    def read_part(self, processor: int, column: int, part: int) -> int:
        """Read one of the four words of a column; the fourth is 0."""
        self._flush(processor)
        if not self.kernels.known[processor, column]:
            self.complaints.add(Kind.UNWRITTEN_READ, f"kernel memory of processor {processor}, column {column}")
        if part == len(PARTS):
            return 0
        return int.from_bytes(self.kernels.read(processor, column)[slice(*PARTS[part])], "big")
