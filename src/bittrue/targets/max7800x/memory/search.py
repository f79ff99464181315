"""The search for columns of kernel memory that are free in all processors of a layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..device import Device
from .kernel_size import KernelSize

STEP = 4
"""Layers start at multiples of this column."""

Taken = npt.NDArray[np.bool_]
"""(processors, columns): whether a column is in use, or does not exist."""

Row = npt.NDArray[np.bool_]
"""One processor's columns."""


@dataclass(frozen=True)
class Wanted:
    """What is looked for."""

    size: KernelSize
    processors: tuple[int, ...]
    """Ascending."""
    depthwise: bool = False
    behind_x4: bool = False
    """Whether the layer is the first one of those with `calc_x4`, whose columns count by four instances."""


def search(taken: Taken, device: Device, wanted: Wanted) -> int | None:
    """The first column for these kernels, or None when there is no place."""
    found = None
    if _may_start_from_end(device, wanted):
        found = _from_end(taken, device, wanted)
    if found is None:
        found = _from_start(taken, device, wanted)
    return found


def _may_start_from_end(device: Device, wanted: Wanted) -> bool:
    """Whether all processors have the larger memory, and a depthwise layer fits into one of its small instances."""
    memory = device.kernels
    if wanted.behind_x4 or not all(memory.has_extra(p) for p in wanted.processors):
        return False
    return not _in_one_instance(device, wanted) or wanted.size.length <= memory.extra[0]


def _in_one_instance(device: Device, wanted: Wanted) -> bool:
    return device.depthwise_in_one_instance and wanted.depthwise


def _from_start(taken: Taken, device: Device, wanted: Wanted) -> int | None:
    """The first start whose columns are free in all processors."""
    common = _common(taken, wanted)
    factor = STEP if wanted.behind_x4 else 1
    for start in range(0, common.size - wanted.size.length + 1, STEP):
        if _in_one_instance(device, wanted) and _crosses(start, wanted.size.length, device):
            continue
        if not common[start:start + wanted.size.length].any() and _free(common, start * factor, wanted.size):
            return start * factor
    return None


def _common(taken: Taken, wanted: Wanted) -> Row:
    """For every column whether any processor has taken it."""
    row: Row = np.any(taken[list(wanted.processors)], axis=0)
    return row


def _free(common: Row, start: int, size: KernelSize) -> bool:
    """Whether all columns that are written exist and are free."""
    runs = (run for part in size.columns for run in part)
    return start + size.end <= common.size and not any(common[start + a:start + b].any() for a, b in runs)


def _crosses(start: int, length: int, device: Device) -> bool:
    """Whether kernels that start here leave their memory instance.

    The existing loader counts the columns from the second one to the one behind the last, unless an instance begins
    here; so does this, to find the same place.
    """
    instance = instance_columns(device, start + 2)
    if start % instance == 0:
        return length > instance
    return (start + 1) // instance != (start + length) // instance


def instance_columns(device: Device, column: int) -> int:
    """Columns of the kernel memory instance that holds a column, of a processor with the larger memory."""
    memory = device.kernels
    return memory.extra[0] if memory.extra and column >= memory.small else memory.instances[0]


def _from_end(taken: Taken, device: Device, wanted: Wanted) -> int | None:
    """The last place from the end of the larger memories; None gives up, although there may be one."""
    length, top = wanted.size.length, device.kernels.large
    last: int | None = top - 1
    while last is not None and taken[wanted.processors[0], last]:
        last = last - STEP if last >= STEP else None
    while last is not None and last >= length - 1:
        last = _within_instance(last, device, wanted)
        conflict = _conflict(taken, wanted, last)
        if conflict is None:
            start = (last - length + 1) // STEP * STEP
            return start if _free(_common(taken, wanted), start, wanted.size) else None
        last = (conflict - 1) // STEP * STEP
        if last + length > top:
            return None
    return None


def _within_instance(last: int, device: Device, wanted: Wanted) -> int:
    """The last column at or before `last` with which depthwise kernels do not cross into another instance."""
    instance = instance_columns(device, last)
    crosses = (last - 1) // instance != (last - wanted.size.length) // instance
    return last // instance * instance if crosses and _in_one_instance(device, wanted) else last


def _conflict(taken: Taken, wanted: Wanted, last: int) -> int | None:
    """The highest column that is taken, of the first processor that has one."""
    begin = last - wanted.size.length + 1
    for used in _rows(taken, wanted.processors, begin, last + 1):
        if used.any():
            return begin + int(np.flatnonzero(used)[-1])
    return None


def _rows(taken: Taken, processors: tuple[int, ...], begin: int, end: int) -> Iterator[Row]:
    return (taken[p, max(begin, 0):end] for p in processors)
