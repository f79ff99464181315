"""Compiled functions that the emulator calls while it runs: counting instructions, and recording bus writes.

A Python function takes about a microsecond a call; loading weights is hundreds of thousands of writes.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any

import numba
import numba.extending
import numpy as np
import numpy.typing as npt
from llvmlite import ir

compiled: Any = numba
"""Its types do not describe its functions as they are called inside compiled ones."""
Decorator = Callable[[Callable[..., Any]], Any]
types, carray = compiled.types, compiled.carray
intrinsic: Decorator = compiled.extending.intrinsic

LOG_ENTRIES = 1 << 16
"""Writes that are recorded before the emulation stops to hand them on."""
LOG_SLACK = 1 << 12
"""More writes than a core does between the request to stop and the next jump."""
ENDLESS = 2
"""Bytes of a jump to itself."""


class Slot(IntEnum):
    """Places in the record that the compiled functions and Python share."""

    COUNT = 0
    """Instruction words (2 bytes) executed."""
    LIMIT = 1
    """Where counting stops the emulation."""
    ENGINE = 2
    """The emulator's handle, for stopping it."""
    STOP = 3
    """Address of the function that stops it."""
    USED = 4
    """Entries in the log of writes."""
    LOG = 5
    """Address of the log."""
    BLOCK = 6
    """Address of the last block of instructions."""
    SPINNING = 7
    """1 after a jump to itself."""


COUNT, LIMIT, ENGINE, STOP, USED, LOG, BLOCK, SPINNING = map(int, Slot)
SLOTS = len(Slot)
BLOCK_HOOK = types.void(types.voidptr, types.uint64, types.uint32, types.voidptr)
WRITE_HOOK = types.void(types.voidptr, types.uint64, types.uint32, types.uint64, types.voidptr)
"""Types of the functions: (emulator, address, bytes, user) and (emulator, offset, bytes, value, user)."""
block_hook: Decorator = compiled.cfunc(BLOCK_HOOK, cache=True)
write_hook: Decorator = compiled.cfunc(WRITE_HOOK, cache=True)


@intrinsic
def _call(_context: Any, _function: Any, _argument: Any) -> Any:
    """Call the C function at an address with one argument."""
    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(ir.IntType(32), [ir.IntType(64)])
        return builder.call(builder.inttoptr(arguments[0], kind.as_pointer()), [arguments[1]])
    return types.int32(types.uint64, types.uint64), generate


@intrinsic
def _pointer(_context: Any, _address: Any) -> Any:
    """The pointer to an address."""
    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())
    return types.voidptr(types.uint64), generate


@block_hook
def count_block(_engine: Any, address: Any, size: Any, user: Any) -> None:
    """Called before every block of instructions that no jump leads into or out of: counts them."""
    record = carray(user, (SLOTS,), np.uint64)
    record[COUNT] += np.uint64(size >> 1)
    if record[COUNT] >= record[LIMIT]:
        _call(record[STOP], record[ENGINE])
    elif size == ENDLESS and record[BLOCK] == address:
        record[SPINNING] = 1
        _call(record[STOP], record[ENGINE])
    record[BLOCK] = address


@write_hook
def record_write(_engine: Any, offset: Any, size: Any, value: Any, user: Any) -> None:
    """Called for every write to the accelerator: records it. `user` is [first address of the region, record]."""
    region = carray(user, (2,), np.uint64)
    record = carray(_pointer(region[1]), (SLOTS,), np.uint64)
    log = carray(_pointer(record[LOG]), (3, LOG_ENTRIES + LOG_SLACK), np.uint32)
    entry = record[USED]
    log[0, entry] = region[0] + offset
    log[1, entry] = value & np.uint64(0xFFFFFFFF)
    log[2, entry] = size
    if size == 8:  # two words at once
        log[2, entry] = 4
        entry += np.uint64(1)
        log[0, entry] = region[0] + offset + np.uint64(4)
        log[1, entry] = value >> np.uint64(32)
        log[2, entry] = 4
    record[USED] = entry + np.uint64(1)
    if record[USED] >= np.uint64(LOG_ENTRIES):
        _call(record[STOP], record[ENGINE])


class Record:
    """The record and the log of one core."""

    def __init__(self, engine: int, stop: int) -> None:
        self.log: npt.NDArray[np.uint32] = np.zeros((3, LOG_ENTRIES + LOG_SLACK), np.uint32)
        self.slots: npt.NDArray[np.uint64] = np.zeros(SLOTS, np.uint64)
        self.slots[ENGINE], self.slots[STOP], self.slots[LOG] = engine, stop, self.log.ctypes.data

    def __getitem__(self, slot: Slot) -> int:
        return int(self.slots[slot])

    def __setitem__(self, slot: Slot, value: int) -> None:
        self.slots[slot] = value

    @property
    def address(self) -> int:
        """Where the compiled functions find the record."""
        return int(self.slots.ctypes.data)

    def take(self) -> npt.NDArray[np.uint32]:
        """The recorded writes, (3, n): addresses, values, sizes in bytes. The log is empty afterwards."""
        taken = self.log[:, :self[Slot.USED]].copy()
        self[Slot.USED] = 0
        return taken


def region_record(base: int, record: Record) -> npt.NDArray[np.uint64]:
    """What `record_write` needs to know of a region; must live as long as the emulator."""
    return np.array([base, record.address], np.uint64)
