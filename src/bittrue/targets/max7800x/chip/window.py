"""The accelerator's place on a core's bus: writes are recorded and handed on in blocks, reads are answered at once."""

from __future__ import annotations

import numpy as np

from .emulator import WORD, Emulator
from .ports import AcceleratorPort

PAGE = 4096


class Window:
    """Connects one core with the accelerator."""

    def __init__(self, emulator: Emulator, accelerator: AcceleratorPort) -> None:
        self.error: BaseException | None = None
        """What went wrong in the accelerator while the core ran; to be raised when it has stopped."""
        self._emulator, self._accelerator = emulator, accelerator
        for base, size in pages(accelerator.regions):
            emulator.map_recorded(base, size, self._read)

    def _read(self, address: int, size: int) -> int:
        if self.error is None:
            try:
                return self._answer(address, size)
            except BaseException as error:  # noqa: BLE001 - no exception can pass through the emulator
                self.error = error
                self._emulator.stop()
        return 0

    def _answer(self, address: int, size: int) -> int:
        self.flush()
        if size <= WORD:
            return self._accelerator.read(address, size)
        low, high = (self._accelerator.read(address + offset, WORD) for offset in (0, WORD))
        return low | high << 32

    def flush(self) -> None:
        """Hand on what was written."""
        writes = self._emulator.record.take()
        start = 0
        for narrow in [*np.flatnonzero(writes[2] != WORD), writes.shape[1]]:
            if narrow > start:
                self._accelerator.write_block(writes[0, start:narrow], writes[1, start:narrow])
            if narrow < writes.shape[1]:
                address, value, size = (int(part) for part in writes[:, narrow])
                self._accelerator.write(address, value & ((1 << 8 * size) - 1), size)
            start = narrow + 1


def pages(regions: tuple[tuple[int, int], ...]) -> list[tuple[int, int]]:
    """Whole pages (first address, bytes) that cover the regions, neighbours joined."""
    joined: list[tuple[int, int]] = []
    for base, size in sorted(regions):
        first, end = base // PAGE * PAGE, -(-(base + size) // PAGE) * PAGE
        if joined and first <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((first, end))
    return [(first, end - first) for first, end in joined]
