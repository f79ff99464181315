"""The emulator, as this package uses it: Unicorn with types, and with compiled functions where its own are slow."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from unicorn.unicorn_const import (
    UC_HOOK_BLOCK,
    UC_HOOK_INTR,
    UC_HOOK_MEM_INVALID,
    UC_HOOK_MEM_WRITE,
    UC_MEM_WRITE_PROT,
    UC_PROT_ALL,
    UC_PROT_EXEC,
    UC_PROT_READ,
)
from unicorn.unicorn_py3.unicorn import Uc, UcError, uclib

from .hooks import Record, count_block, record_write, region_record

WORD = 4
MASK = 0xFFFFFFFF
READ = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint, ctypes.c_void_p)
Bytes = npt.NDArray[np.uint8]


class Words(Protocol):
    """Something that is read and written in words."""

    def read(self, address: int) -> int:
        """The word at an address."""

    def write(self, address: int, value: int) -> None:
        """Write the word at an address."""


class EmulatorError(RuntimeError):
    """The program did what the core cannot do."""


class Emulator:
    """A core's registers and bus, and the record of what it does."""

    def __init__(self, architecture: int, mode: int, model: int | None = None) -> None:
        self._engine: Any = Uc(architecture, mode)
        if model is not None:
            self._engine.ctl_set_cpu_model(model)
        self._handle: Any = self._engine._uch
        self._library: Any = uclib
        stop = ctypes.cast(self._library.uc_emu_stop, ctypes.c_void_p).value
        self.record = Record(self._handle.value or 0, stop or 0)
        self._kept: list[Any] = []
        self._count()

    def read(self, register: int) -> int:
        """A register."""
        return int(self._engine.reg_read(register))

    def write(self, register: int, value: int) -> None:
        """Write a register."""
        self._engine.reg_write(register, value & MASK)

    def start(self, address: int, until: int) -> None:
        """Execute until an address is reached, or something stops it. Raises `EmulatorError`."""
        try:
            self._engine.emu_start(address, until)
        except UcError as error:
            raise EmulatorError(str(error)) from error

    def stop(self) -> None:
        """Stop, from within a function that it called."""
        self._engine.emu_stop()

    def map_memory(self, address: int, held: Bytes, writable: bool) -> None:
        """Map an array; it can be executed."""
        rights = UC_PROT_ALL if writable else UC_PROT_READ | UC_PROT_EXEC
        self._engine.mem_map_ptr(address, held.size, rights, held.ctypes.data)
        self._kept.append(held)

    def map_words(self, base: int, size: int, words: Words) -> None:
        """Map registers; narrower accesses reach the word that they are in."""
        def read(_engine: Any, offset: int, _width: int, _user: Any) -> int:
            return words.read(base + offset // WORD * WORD) >> offset % WORD * 8

        def write(_engine: Any, offset: int, _width: int, value: int, _user: Any) -> None:
            words.write(base + offset // WORD * WORD, value << offset % WORD * 8 & MASK)
        self._engine.mmio_map(base, size, read, None, write, None)

    def map_recorded(self, base: int, size: int, read: Callable[[int, int], int]) -> None:
        """Map something that is read with `read(address, bytes)`, and whose writes are recorded.

        `read` must not raise.
        """
        region = region_record(base, self.record)
        callback = READ(lambda _engine, offset, width, _user: read(base + offset, width))
        self._kept += [region, callback]
        status = self._library.uc_mmio_map(
            self._handle, ctypes.c_uint64(base), ctypes.c_size_t(size), callback, None,
            ctypes.c_void_p(record_write.address), ctypes.c_void_p(region.ctypes.data))
        if status:
            raise EmulatorError(f"{size} bytes at 0x{base:08x} cannot be mapped: error {status}")

    def on_exception(self, call: Callable[[int], None]) -> None:
        """Call `call(number)` when the core meets an exception."""
        self._engine.hook_add(UC_HOOK_INTR, lambda _engine, number, _user: call(number))

    def on_missing(self, call: Callable[[int, int, bool], None]) -> None:
        """Call `call(address, bytes, whether memory is there but not writable)` for an access that fails."""
        def missing(_engine: Any, access: int, address: int, size: int, _value: int, _user: Any) -> bool:
            call(address, size, access == UC_MEM_WRITE_PROT)
            return False
        self._engine.hook_add(UC_HOOK_MEM_INVALID, missing)

    def on_write(self, first: int, end: int, call: Callable[[int, int], None]) -> None:
        """Call `call(address, bytes)` before a write to one of the addresses."""
        self._engine.hook_add(UC_HOOK_MEM_WRITE,
                              lambda _engine, _access, address, size, _value, _user: call(address, size),
                              None, first, end - 1)

    def _count(self) -> None:
        """Count instructions."""
        hook = ctypes.c_size_t()
        self._library.uc_hook_add(
            self._handle, ctypes.byref(hook), ctypes.c_int(UC_HOOK_BLOCK), ctypes.c_void_p(count_block.address),
            ctypes.c_void_p(self.record.address), ctypes.c_uint64(1), ctypes.c_uint64(0))
