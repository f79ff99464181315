"""Everything that changes while a program runs: plain arrays, see `columns` for what is where."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from . import columns as c

CAPTURES = 1 << 16
"""Transfers that are kept at most."""

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint32]
Bytes = npt.NDArray[np.uint8]


class State(NamedTuple):
    """A cluster with its program."""

    code: Int32s
    """The decoded program."""
    registers: Int32s
    """(cores, REGISTERS)."""
    cores: Int64s
    """(cores, CORE)."""
    counts: Int64s
    """(cores, COUNTERS)."""
    rules: Int64s
    places: Int64s
    status: Int64s
    l1: Words
    l2: Words
    l3: Bytes
    guards: Bytes
    """For every word of L1: bits of what cores may not do there, see `columns.GUARD_READ`."""
    banks: Int64s
    """When each bank of L1 is free."""
    l0_lines: Int64s
    """(cores, L0_SETS, WAYS): the lines in each core's own instruction cache."""
    l0_next: Int64s
    """(cores,): the way that is replaced next."""
    l1_lines: Int64s
    """(L1_SETS, WAYS): the lines in the shared instruction cache."""
    l1_ready: Int64s
    """(L1_SETS, WAYS): when each of them is there."""
    l1_next: Int64s
    """(L1_BANKS,): the way that is replaced next."""
    l1_free: Int64s
    """(L1_BANKS,): when each bank has done its refills."""
    csr: Int32s
    """(cores, 4096): control registers that only keep their value."""
    csr_known: Bytes
    barriers: Int64s
    mutexes: Int64s
    queues: Int64s
    """(cores, 2 + QUEUE): what the dispatcher has for each core: first, count, values."""
    transfers: Int64s
    dma_free: Int64s
    """For each direction: when the engine is free, and the transfer that it works on: begin, place in L1, end."""
    out: Words
    """Characters that were printed: core << 8 | character."""
    log: Int64s
    region_begin: Int64s
    """(cores, regions, COUNTERS + 2): counters when a region was entered, then the time, and whether it is open."""
    regions: Int64s
    """(cores, regions, COUNTERS + 2): counters summed over a region, then cycles, then entries."""
    captured: Bytes
    """What the DMA brought to L2, one transfer behind the other."""
    captures: Int64s
    """(transfers, CAPTURE): what is where in `captured`."""


def new_state(code: Int32s, base: int, l1: tuple[int, int], l2: tuple[int, int], l3: int, rules: Int64s,
              capture: int) -> State:
    """A cluster that is off; `l1` and `l2` are (address, bytes), `l3` bytes, `base` the program's address;
    `capture` is how many bytes of what the DMA brings to L2 are kept."""
    places = np.zeros(c.PLACES, np.int64)
    places[:] = base, len(code) // c.INSTRUCTION, *l1, *l2, l3, base + (len(code) // c.INSTRUCTION - 2) * 2, \
        capture, capture and CAPTURES, 0, 0
    status = np.zeros(c.STATUS, np.int64)
    status[c.NEXT_EVENT] = c.NEVER
    return State(
        code, np.zeros((c.CORES, c.REGISTERS), np.int32), np.zeros((c.CORES, c.CORE), np.int64),
        np.zeros((c.CORES, c.COUNTERS), np.int64), rules, places, status, np.zeros(l1[1] // 4 + 2, np.uint32),
        np.zeros(l2[1] // 4 + 2, np.uint32), np.zeros(l3, np.uint8), np.zeros(l1[1] // 4 + 2, np.uint8),
        np.zeros(c.BANKS, np.int64), np.full((c.CORES, c.L0_SETS, c.WAYS), -1, np.int64),
        np.zeros(c.CORES, np.int64), np.full((c.L1_SETS, c.WAYS), -1, np.int64),
        np.zeros((c.L1_SETS, c.WAYS), np.int64), np.zeros(c.L1_BANKS, np.int64), np.zeros(c.L1_BANKS, np.int64),
        np.zeros((c.CORES, 4096), np.int32), np.zeros(4096, np.uint8), np.zeros((c.BARRIERS, 3), np.int64),
        np.zeros((c.MUTEXES, 2), np.int64), np.zeros((c.CORES, 2 + c.QUEUE), np.int64),
        np.zeros((c.TRANSFERS, c.TRANSFER), np.int64), np.zeros((2, 4), np.int64), np.zeros(c.OUT_ROOM, np.uint32),
        np.zeros((c.LOG_ROOM, c.LOG), np.int64), np.zeros((c.CORES, c.REGIONS, c.COUNTERS + 2), np.int64),
        np.zeros((c.CORES, c.REGIONS, c.COUNTERS + 2), np.int64), np.zeros(capture, np.uint8),
        np.zeros((capture and CAPTURES, c.CAPTURE), np.int64))
