"""Flash and SRAM, which both cores share."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from ...elf_image import Segment
from .regions import FLASH, SRAM, Memories

ERASED, UNKNOWN = 0xFF, 0xA5
"""What flash and SRAM hold where nothing was written: SRAM is not zero after power-up."""
Bytes = npt.NDArray[np.uint8]


class Unmapped(ValueError):
    """An address that is neither in flash nor in SRAM."""


class Memory:
    """The contents of flash and SRAM."""

    def __init__(self, sizes: Memories) -> None:
        self.flash: Bytes = np.full(sizes.flash, ERASED, np.uint8)
        self.sram: Bytes = np.full(sizes.sram, UNKNOWN, np.uint8)

    def load(self, segments: Iterable[Segment]) -> None:
        """Put a program in its place. Raises ValueError when it lies elsewhere."""
        for segment in segments:
            self.bytes(segment.address, len(segment.data))[:] = np.frombuffer(segment.data, np.uint8)

    def bytes(self, address: int, size: int) -> Bytes:
        """A view of some bytes. Raises `Unmapped` when they are not in flash or SRAM."""
        for base, held in ((FLASH, self.flash), (SRAM, self.sram)):
            if base <= address and address + size <= base + held.size:
                return held[address - base:address - base + size]
        raise Unmapped(f"{size} bytes at 0x{address:08x} are neither in flash nor in SRAM")
