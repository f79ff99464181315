"""The rules of time, each with its source. The compiled part reads their values in this order (`columns`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from .state import Int64s

RTL, GVSOC, CHOSEN = "RTL figures of the RI5CY core", "measured on GVSOC, pulp-open", "chosen"
FITTED = "fitted: issue and wait of 32, 1024 and 8192 bytes take 20, 144, 1040 cycles; GVSOC 18, 144, 1038"


@dataclass(frozen=True)
class Rule:
    """A number that times follow from."""

    name: str
    value: int
    unit: str
    meaning: str
    source: str


RULES: tuple[Rule, ...] = (
    Rule("taken_branch", 3, "cycles", "a branch that is taken; 1 if not", RTL),
    Rule("jump", 2, "cycles", "jal and jalr", RTL),
    Rule("jump_after_producer", 1, "cycles more", "jalr right after the instruction that makes its address", RTL),
    Rule("late_result", 1, "cycles more", "an instruction that needs what the one before loads", RTL),
    Rule("misaligned", 1, "cycles more", "an access to L1 that crosses a word: a second access", RTL),
    Rule("l2_cluster", 15, "cycles", "an access to L2 by a core of the cluster; two if it crosses a word", GVSOC),
    Rule("l2_fabric", 1, "cycles", "an access to L2 by the fabric controller", CHOSEN),
    Rule("peripheral", 3, "cycles", "an access to a register of the cluster's peripherals", GVSOC),
    Rule("demux", 1, "cycles", "an access to event unit or DMA in a core's own view", GVSOC),
    Rule("l0_miss", 2, "cycles more", "a line of 16 bytes that is not in a core's own 512 bytes of instruction cache",
         GVSOC),
    Rule("l1_miss", 18, "cycles more", "a line that is not in the shared 4 KiB of instruction cache either: its "
         "refill, one at a time in each of two banks", GVSOC),
    Rule("barrier", 6, "cycles", "from the last core's arrival at a barrier until all go on", GVSOC),
    Rule("event", 4, "cycles", "from an event until a core that waits for it goes on", "fitted: a critical section of "
         "eight cores 2130 cycles, GVSOC 2115"),
    Rule("dma_start", 7, "cycles", "from a command's last word until its bytes move", FITTED),
    Rule("dma_bytes", 8, "bytes per cycle", "each direction of the DMA", GVSOC),
    Rule("l3_start", 13, "cycles", "before the bytes of a transfer with the external memory: 1 + 6 + access latency",
         f"{GVSOC}; access latency 6 {CHOSEN}"),
    Rule("l3_cycles", 1, "cycles per byte", "external memory (HyperRAM)", GVSOC),
    Rule("divide", 3, "cycles", "a division, plus the divisor's leading zeros", RTL),
    Rule("divide_negative", 2, "cycles", "a division by a negative number, plus its magnitude's leading zeros", RTL),
)


@dataclass(frozen=True)
class Latency:
    """A class of instructions: its cycles, and whether the next instruction waits a cycle if it needs the result."""

    cycles: int
    late: bool
    source: str


LATENCIES: Mapping[str, Latency] = MappingProxyType({
    "one": Latency(1, False, RTL),
    "load": Latency(1, True, RTL),
    "mul": Latency(1, False, RTL),
    "mulh": Latency(5, False, RTL),
    "div": Latency(1, False, RTL),
})
"""By `Row.latency`. Divisions take what the rules `divide` say."""


def rule_values(changed: Mapping[str, int] = MappingProxyType({})) -> Int64s:
    """The values of all rules in their order, some of them changed by name. Raises KeyError for an unknown name."""
    unknown = set(changed) - {rule.name for rule in RULES}
    if unknown:
        raise KeyError(f"no such rule: {', '.join(sorted(unknown))}")
    return np.array([changed.get(rule.name, rule.value) for rule in RULES], np.int64)


def latency_values() -> dict[str, tuple[int, int]]:
    """Cycles and lateness of every class, as the decoder wants them."""
    return {name: (latency.cycles, int(latency.late)) for name, latency in LATENCIES.items()}
