"""The accelerator's place on a core's bus: writes are recorded and handed on in blocks, reads are answered at once."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
import unicorn.unicorn_py3.unicorn as unicorn_library
from unicorn import Uc

from .hooks import Record, pointer, record_write, region_record
from .ports import AcceleratorPort

BUS = 4
PAGE = 4096
READ = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint, ctypes.c_void_p)


class Window:
    """Connects one core with the accelerator."""

    def __init__(self, engine: Uc, record: Record, accelerator: AcceleratorPort) -> None:
        self.error: BaseException | None = None
        """What went wrong in the accelerator while the core ran; raised when it has stopped."""
        self._engine, self._record, self._accelerator = engine, record, accelerator
        self._kept: list[Any] = []
        for base, size in pages(accelerator.regions):
            self._map(base, size)

    def _map(self, base: int, size: int) -> None:
        region = region_record(base, self._record)
        read = READ(self._reader(base))
        self._kept += [region, read]
        status = unicorn_library.uclib.uc_mmio_map(
            self._engine._uch, ctypes.c_uint64(base), ctypes.c_size_t(size), read, None,
            pointer(record_write.address), pointer(region.ctypes.data))
        if status:
            raise RuntimeError(f"the emulator cannot map {size} bytes at 0x{base:08x}: error {status}")

    def _reader(self, base: int) -> Callable[[Any, int, int, Any], int]:
        def read(_engine: Any, offset: int, size: int, _user: Any) -> int:
            if self.error is not None:
                return 0
            try:
                return self._read(base + offset, size)
            except BaseException as error:  # noqa: BLE001 - no exception can pass through the emulator
                self.error = error
                self._engine.emu_stop()
                return 0
        return read

    def _read(self, address: int, size: int) -> int:
        self.flush()
        if size <= BUS:
            return self._accelerator.read(address, size)
        low, high = (self._accelerator.read(address + offset, BUS) for offset in (0, BUS))
        return low | high << 32

    def flush(self) -> None:
        """Hand on what was written."""
        writes = self._record.take()
        start = 0
        for narrow in [*np.flatnonzero(writes[2] != BUS), writes.shape[1]]:
            if narrow > start:
                self._accelerator.write_block(writes[0, start:narrow], writes[1, start:narrow])
            if narrow < writes.shape[1]:
                address, value, size = (int(part) for part in writes[:, narrow])
                self._accelerator.write(address, value & ((1 << 8 * size) - 1), size)
            start = narrow + 1


def pages(regions: tuple[tuple[int, int], ...]) -> list[tuple[int, int]]:
    """Whole pages that cover the regions, neighbours joined."""
    joined: list[tuple[int, int]] = []
    for base, size in sorted(regions):
        first, end = base // PAGE * PAGE, -(-(base + size) // PAGE) * PAGE
        if joined and first <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((first, end))
    return [(first, end - first) for first, end in joined]

