"""What the chip needs of the accelerator behind its bus."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint32]


class AcceleratorPort(Protocol):
    """The accelerator as the bus sees it."""

    @property
    def regions(self) -> tuple[tuple[int, int], ...]:
        """Address ranges that it answers: (first address, bytes)."""

    @property
    def interrupt(self) -> bool:
        """The interrupt line."""

    def write(self, address: int, value: int, size: int = 4) -> None:
        """One write of 1, 2 or 4 bytes."""

    def write_block(self, addresses: Words, values: Words) -> None:
        """Many 32-bit writes, in order."""

    def read(self, address: int, size: int = 4) -> int:
        """One read of 1, 2 or 4 bytes."""
