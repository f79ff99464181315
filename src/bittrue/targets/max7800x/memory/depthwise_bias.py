"""The bytes of a depthwise layer's bias in every group.

A group reads one value for each of its processors, pass after pass. When the groups broadcast, four processors read at
once: the value of processor 4 j + i lies at place 4 i + j of the group's 16.
"""

from __future__ import annotations

from ..hardware import Hardware
from ..placement import GROUP, SHARED, LayerPlacement, bits, first, groups, last

Byte = int | None


def depthwise_bytes(values: list[Byte], hardware: Hardware, place: LayerPlacement) -> dict[int, list[Byte]]:
    """Group -> its bytes, for the values of all channels; None where a processor has no value."""
    processors = place.processors if hardware.broadcast else _closed_up(place.processors)
    width, used = hardware.out_passes.width, groups(place.processors)
    parts: dict[int, list[Byte]] = {group: [] for group in used}
    for begin in range(0, hardware.out_passes.count * width, width):
        value = dict(zip(bits(processors), values[begin:begin + width], strict=False))
        for slot in _slots(processors, hardware.broadcast):
            if slot // GROUP in parts:
                parts[slot // GROUP].append(value.get(_reader(slot) if hardware.broadcast else slot))
    while parts[used[-1]] and parts[used[-1]][-1] is None:
        parts[used[-1]].pop()
    return parts


def _closed_up(processors: int) -> int:
    """The map with the processors of its first group moved to the group's start."""
    group = first(processors) // GROUP
    in_group = processors & ((1 << GROUP) - 1) << group * GROUP
    return processors ^ in_group | in_group >> first(processors) % GROUP


def _slots(processors: int, broadcast: bool) -> range:
    """The processors that take a byte: to the last one, from the first one's group or (a single group) from itself."""
    begin = first(processors)
    if broadcast or len(groups(processors)) > 1:
        begin = begin // GROUP * GROUP
    return range(begin, (last(processors) // GROUP + 1) * GROUP if broadcast else last(processors) + 1)


def _reader(slot: int) -> int:
    """The processor that reads a slot when the groups broadcast."""
    group, place = divmod(slot, GROUP)
    row, column = divmod(place, SHARED)
    return group * GROUP + column * SHARED + row
