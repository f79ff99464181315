"""Snooping (MAX78002): watching what is written, to stop or to go on at another layer.

Of the registers only one mode is known: a word that equals `D1` written at the address `A1`. What other modes decide
is not modelled; the model complains where a decision hangs on them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..device import Device
from .complaints import Complaints, Kind
from .registers import Registers
from .write import Written

UNITS = (1, 2)
ENABLE, STOP, LINK, COUNT, ACCUMULATE = 1, 2, 4, 16, 8
MAXIMUM = 32
"""Low bits of a unit's first control register: what a match does."""

EFFECTS = 0xFFF
EQUAL = 0x82022
"""The control register's upper bits: address and data must be equal."""

ADDRESS = 0x200000
"""Bit of an address that says that it is one."""

RESULTS = ("ACC", "HIT", "MAX", "AM")


@dataclass(frozen=True)
class Decision:
    """What a layer's matches decide."""

    stop: bool = False
    conditional: bool = False
    """Whether `NXTLYR.next` counts only after a match."""
    matched: bool = False


def snoop(device: Device, registers: Registers, complaints: Complaints, group: int, results: Written) -> Decision:
    """Watch what a layer has written: count, and decide how it goes on."""
    decision = Decision()
    for unit in _enabled(device, registers, group):
        control = registers.word(f"SNP{unit}_C1", group)
        if control >> 12 != EQUAL:
            if control & (STOP | LINK):
                complaints.add(Kind.NOT_MODELLED, f"snooping in a mode that decides: SNP{unit}_C1 = {control:#x}")
            continue
        hits = _hits(device, registers, unit, group, results)
        if hits:
            _count(registers, unit, group, control & EFFECTS, hits)
        decision = Decision(decision.stop or bool(hits and control & STOP),
                            decision.conditional or bool(control & LINK),
                            decision.matched or bool(hits and control & LINK))
    return decision


def _enabled(device: Device, registers: Registers, group: int) -> Iterator[int]:
    if device.snoop:
        yield from (unit for unit in UNITS if registers.word(f"SNP{unit}_C1", group) & ENABLE)


def _hits(device: Device, registers: Registers, unit: int, group: int, results: Written) -> int:
    place = registers.word(f"SNP{unit}_A1", group) & ~ADDRESS
    pointers = (results.instances << device.pointer_word_bits) + results.words
    same = (pointers == place) & (results.values == registers.word(f"SNP{unit}_D1", group))
    return int(np.count_nonzero(same))


def _count(registers: Registers, unit: int, group: int, effects: int, hits: int) -> None:
    data, address = registers.word(f"SNP{unit}_D1", group), registers.word(f"SNP{unit}_A1", group)
    if effects & ACCUMULATE:
        total = registers.word(f"SNP{unit}_ACC", group) + hits * data
        registers.values[f"SNP{unit}_ACC", group, 0] = total & 0xFFFFFFFF
    if effects & COUNT:
        registers.values[f"SNP{unit}_HIT", group, 0] = registers.word(f"SNP{unit}_HIT", group) + hits
    if effects & MAXIMUM:
        largest = max(registers.word(f"SNP{unit}_MAX", group), data)
        registers.values[f"SNP{unit}_MAX", group, 0] = largest
        registers.values[f"SNP{unit}_AM", group, 0] = address


def unknown_result(registers: Registers, name: str, group: int) -> bool:
    """Whether a snoop register holds what a mode that is not modelled would have counted."""
    unit, _, what = name.removeprefix("SNP").partition("_")
    if what not in RESULTS:
        return False
    control = registers.word(f"SNP{unit}_C1", group)
    return bool(control & ENABLE) and control >> 12 != EQUAL
